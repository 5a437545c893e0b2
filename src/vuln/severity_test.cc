#include "vuln/severity.h"

#include <gtest/gtest.h>

namespace postern::vuln {
namespace {

TEST(Severity, CvssBands) {
  const struct {
    double score;
    Severity severity;
  } cases[] = {{0.0, Severity::kUnknown}, {0.1, Severity::kLow},    {3.9, Severity::kLow},
               {4.0, Severity::kMedium},  {6.9, Severity::kMedium}, {7.0, Severity::kHigh},
               {8.9, Severity::kHigh},    {9.0, Severity::kCritical}, {10.0, Severity::kCritical}};
  for (const auto& c : cases) EXPECT_EQ(severity_of_cvss(c.score), c.severity) << c.score;
}

TEST(Severity, DebiansUrgencies) {
  EXPECT_EQ(severity_of_urgency("high"), Severity::kHigh);
  EXPECT_EQ(severity_of_urgency("high**"), Severity::kHigh);
  EXPECT_EQ(severity_of_urgency("medium"), Severity::kMedium);
  EXPECT_EQ(severity_of_urgency("low"), Severity::kLow);
  EXPECT_EQ(severity_of_urgency("unimportant"), Severity::kInfo);
  for (const char* none : {"not yet assigned", "end-of-life", "undetermined", "", "HIGH", "*"})
    EXPECT_EQ(severity_of_urgency(none), Severity::kUnknown) << none;
}

TEST(Severity, NamesAreStable) {
  EXPECT_EQ(severity_name(Severity::kUnknown), "unknown");
  EXPECT_EQ(severity_name(Severity::kInfo), "info");
  EXPECT_EQ(severity_name(Severity::kLow), "low");
  EXPECT_EQ(severity_name(Severity::kMedium), "medium");
  EXPECT_EQ(severity_name(Severity::kHigh), "high");
  EXPECT_EQ(severity_name(Severity::kCritical), "critical");
}

TEST(Cvss, ScoresAsTheSpecificationsExamplesDo) {
  const struct {
    const char* vector;
    double score;
  } cases[] = {
      {"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8},
      {"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0},
      {"CVSS:3.0/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", 7.8},
      {"CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1},
      {"CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", 6.4},
      {"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", 7.5},
      {"CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N", 3.1},
      {"CVSS:3.1/AV:P/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 6.8},
      {"CVSS:3.1/AV:A/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", 6.5},
      {"CVSS:3.1/AV:N/AC:L/PR:H/UI:N/S:C/C:H/I:H/A:H", 9.1},
      {"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0.0},
      // Order does not matter, and what follows the base metrics does not change the base score.
      {"CVSS:3.1/C:H/I:H/A:H/AV:N/AC:L/PR:N/UI:N/S:U/E:P/RL:O/RC:C/MAV:L", 9.8},
  };
  for (const auto& c : cases) {
    const auto score = cvss3_base_score(c.vector);
    ASSERT_TRUE(score) << c.vector << ": " << score.error().message;
    EXPECT_DOUBLE_EQ(*score, c.score) << c.vector;
  }
}

TEST(Cvss, RefusesWhatIsNoVectorOfVersion3) {
  for (const char* bad :
       {"", "9.8", "CVSS:2.0/AV:N", "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
        "CVSS:3.1/", "CVSS:3.1/AV:N", "CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
        "CVSS:3.1/AV:N/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
        "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/", "CVSS:3.1/AV/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
        "CVSS:3.1/AV:NN/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
        "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/ZZ:H"}) {
    EXPECT_FALSE(cvss3_base_score(bad)) << bad;
  }
}

}  // namespace
}  // namespace postern::vuln
