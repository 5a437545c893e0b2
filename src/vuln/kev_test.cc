#include "vuln/kev.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace postern::vuln {
namespace {

TEST(Kev, KeepsDatesAndWhetherExtortionistsUseIt) {
  const auto entry = read_kev_entry(boost::json::parse(
      R"({"cveID":"CVE-2025-48384","vendorProject":"Git","dateAdded":"2025-08-25","dueDate":"2025-09-15",
          "knownRansomwareCampaignUse":"Known","cwes":["CWE-59"]})"));
  ASSERT_TRUE(entry) << entry.error().message;
  EXPECT_EQ(entry->cve, "CVE-2025-48384");
  EXPECT_EQ(entry->added, "2025-08-25");
  EXPECT_EQ(entry->due, "2025-09-15");
  EXPECT_TRUE(entry->ransomware);
  const auto less = read_kev_entry(boost::json::parse(
      R"({"cveID":"CVE-2025-48384","dateAdded":"2025-08-25","knownRansomwareCampaignUse":"Unknown"})"));
  ASSERT_TRUE(less);
  EXPECT_EQ(less->due, "");
  EXPECT_FALSE(less->ransomware);
}

TEST(Kev, RefusesWhatIsNoEntry) {
  for (const char* bad :
       {"1", "{}", R"({"cveID":"CVE-2025"})", R"({"cveID":5,"dateAdded":"2025-08-25"})",
        R"({"cveID":"CVE-2025-48384"})", R"({"cveID":"CVE-2025-48384","dateAdded":"25.8.2025"})",
        R"({"cveID":"CVE-2025-48384","dateAdded":"2025-13-25"})",
        R"({"cveID":"CVE-2025-48384","dateAdded":"2025-08-25","dueDate":"soon"})",
        R"({"cveID":"CVE-2025-48384 ","dateAdded":"2025-08-25"})"}) {
    const auto entry = read_kev_entry(boost::json::parse(bad));
    ASSERT_FALSE(entry) << bad;
    EXPECT_EQ(entry.error().code, ErrorCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace postern::vuln
