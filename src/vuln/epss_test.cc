#include "vuln/epss.h"

#include <gtest/gtest.h>

namespace postern::vuln {
namespace {

TEST(Epss, IsKeptPerTenThousand) {
  const struct {
    const char* line;
    int epss, percentile;
  } cases[] = {{"CVE-2024-3094,0.85012,0.99321", 8501, 9932},
               {"CVE-1999-0001,0,0", 0, 0},
               {"CVE-1999-0001,1.0,1", 10000, 10000},
               {"CVE-1999-0001,0.00005,1e-05", 1, 0},
               {"CVE-1999-0001,0.00004,0.5", 0, 5000}};
  for (const auto& c : cases) {
    const auto entry = read_epss_line(c.line);
    ASSERT_TRUE(entry) << c.line;
    EXPECT_EQ(entry->epss, c.epss) << c.line;
    EXPECT_EQ(entry->percentile, c.percentile) << c.line;
  }
}

TEST(Epss, RefusesWhatIsNoRow) {
  for (const char* bad : {"", "CVE-2024-3094", "CVE-2024-3094,0.5", "CVE-2024-3094,0.5,0.5,1", "2024-3094,0.5,0.5",
                          "CVE-2024-3094,,0.5", "CVE-2024-3094,0.5,", "CVE-2024-3094,1.1,0.5", "CVE-2024-3094,-0.5,0.5",
                          "CVE-2024-3094,-0,0.5", "CVE-2024-3094,nan,0.5", "CVE-2024-3094,inf,0.5",
                          "CVE-2024-3094,0.5x,0.5", "CVE-2024-3094, 0.5,0.5"}) {
    EXPECT_FALSE(read_epss_line(bad)) << bad;
  }
}

TEST(Epss, SaysItsDay) {
  EXPECT_EQ(epss_date("#model_version:v2025.03.14,score_date:2025-08-25T12:55:00Z"), "2025-08-25T12:55:00Z");
  EXPECT_EQ(epss_date("#score_date:2025-08-25,model_version:v1\r"), "2025-08-25");
  EXPECT_EQ(epss_date("#model_version:v1"), "");
  EXPECT_EQ(epss_date("cve,score_date:2025"), "");
  EXPECT_EQ(epss_date("#score_date:"), "");
}

}  // namespace
}  // namespace postern::vuln
