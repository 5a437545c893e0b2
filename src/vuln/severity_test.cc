#include "vuln/severity.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

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

TEST(Cvss, ScoresTheExamplesThatFirstPublishes) {
  // "CVSS v3.1: Examples" (https://www.first.org/cvss/v3.1/examples), each with its base vector and base score.
  const struct {
    const char* about;
    const char* vector;
    int tenths;
  } cases[] = {
      {"MySQL stored SQL injection, CVE-2013-0375", "AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", 64},
      {"SSLv3 POODLE, CVE-2014-3566", "AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N", 31},
      {"VMware guest to host escape, CVE-2012-1516", "AV:N/AC:L/PR:L/UI:N/S:C/C:H/I:H/A:H", 99},
      {"Apache Tomcat XML parser, CVE-2009-0783", "AV:L/AC:L/PR:H/UI:N/S:U/C:L/I:L/A:L", 42},
      {"Cisco IOS command execution, CVE-2012-0384", "AV:N/AC:L/PR:H/UI:N/S:U/C:H/I:H/A:H", 72},
      {"Apple iWork denial of service, CVE-2015-1098", "AV:L/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H", 78},
      {"Apple iOS control bypass, CVE-2014-2019", "AV:P/AC:L/PR:N/UI:N/S:U/C:N/I:H/A:N", 46},
      {"OpenSSL Heartbleed, CVE-2014-0160", "AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", 75},
      {"bash Shellshock, CVE-2014-6271", "AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 98},
      {"DNS Kaminsky bug, CVE-2008-1447", "AV:N/AC:H/PR:N/UI:N/S:C/C:N/I:H/A:N", 68},
      {"Sophos login screen bypass, CVE-2014-2005", "AV:P/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 68},
      {"Joomla directory traversal, CVE-2010-0467", "AV:N/AC:L/PR:N/UI:N/S:C/C:L/I:N/A:N", 58},
      {"Cisco access control bypass, CVE-2012-1342", "AV:N/AC:L/PR:N/UI:N/S:C/C:N/I:L/A:N", 58},
      {"Juniper proxy ARP denial of service, CVE-2013-6014", "AV:A/AC:L/PR:N/UI:N/S:C/C:H/I:N/A:H", 93},
      {"Cantemo Portal stored XSS, CVE-2019-7551", "AV:N/AC:L/PR:L/UI:R/S:C/C:H/I:H/A:H", 90},
      {"Adobe Acrobat buffer overflow, CVE-2009-0658", "AV:L/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H", 78},
      {"Windows Bluetooth code execution, CVE-2011-1265", "AV:A/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 88},
      {"SearchBlox request forgery, CVE-2015-0970", "AV:N/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H", 88},
      {"SSL/TLS man in the middle, CVE-2014-0224", "AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:H/A:N", 74},
      {"Chrome sandbox bypass, CVE-2012-5376", "AV:N/AC:L/PR:N/UI:R/S:C/C:H/I:H/A:H", 96},
      {"Chrome PDFium overflow, CVE-2016-1645", "AV:N/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H", 88},
      {"SAMR/LSAD Badlock, CVE-2016-0128", "AV:N/AC:H/PR:N/UI:R/S:U/C:H/I:H/A:N", 68},
      {"SAMR/LSAD Badlock, CVE-2016-2118", "AV:N/AC:H/PR:N/UI:R/S:U/C:H/I:H/A:H", 75},
      {"WordPress mail plugin reflected XSS, CVE-2017-5942", "AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 61},
      {"Opera search order hijacking, CVE-2018-18913", "AV:L/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H", 78},
      {"Oracle Outside In code execution, CVE-2016-5558", "AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:L/A:L", 86},
      {"Lenovo ThinkPwn, CVE-2016-5729", "AV:L/AC:L/PR:H/UI:N/S:C/C:H/I:H/A:H", 82},
      {"flash not locked on resume, CVE-2015-2890", "AV:L/AC:L/PR:H/UI:N/S:U/C:N/I:H/A:H", 60},
      {"Intel DCI, CVE-2018-3652", "AV:P/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 76},
      {"scripting engine in Internet Explorer, CVE-2019-0884", "AV:N/AC:H/PR:N/UI:R/S:U/C:H/I:H/A:H", 75},
      {"scripting engine in Edge, CVE-2019-0884", "AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:L/A:N", 42},
  };
  for (const auto& c : cases) {
    const auto tenths = cvss3_base_tenths(std::string("CVSS:3.1/") + c.vector);
    ASSERT_TRUE(tenths) << c.about << ": " << tenths.error().message;
    EXPECT_EQ(*tenths, c.tenths) << c.about;
  }
}

/// testdata/README.md tells where they are from.
TEST(Cvss, ScoresAsTheCalculatorOfFirstDoes) {
  std::ifstream file(POSTERN_SOURCE_DIR "/src/vuln/testdata/cvss31-base-scores.txt");
  ASSERT_TRUE(file);
  constexpr std::string_view kImpacts = "HLN";
  int checked = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream words(line);
    std::string metrics;
    words >> metrics;
    for (const char c : kImpacts) for (const char i : kImpacts) for (const char a : kImpacts) {
      double wanted = -1;
      ASSERT_TRUE(words >> wanted) << line;
      const auto vector = fmt::format("CVSS:3.1/{}/C:{}/I:{}/A:{}", metrics, c, i, a);
      EXPECT_DOUBLE_EQ(cvss3_base_score(vector).value(), wanted) << vector;
      ++checked;
    }
    EXPECT_FALSE(words >> metrics) << "more scores than vectors: " << line;
  }
  EXPECT_EQ(checked, 486);
}

TEST(Cvss, EdgesOfTheScale) {
  const struct {
    const char* vector;
    double score;
  } cases[] = {
      {"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0},
      {"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0.0},
      {"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:N/I:N/A:N", 0.0},
      {"CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:N/I:N/A:L", 1.6},
      {"CVSS:3.0/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", 7.8},
      // Order does not matter, and what follows the base metrics does not change the base score.
      {"CVSS:3.1/C:H/I:H/A:H/AV:N/AC:L/PR:N/UI:N/S:U/E:P/RL:O/RC:C/MAV:L", 9.8},
  };
  for (const auto& c : cases) {
    const auto score = cvss3_base_score(c.vector);
    ASSERT_TRUE(score) << c.vector << ": " << score.error().message;
    EXPECT_DOUBLE_EQ(*score, c.score) << c.vector;
  }
}

/// Appendix A of version 3.1 rounds up on integers; the exact sum here comes from fractions of whole numbers.
TEST(Cvss, RoundsUpOnIntegersForEveryVectorWithoutChangedScope) {
  // 8.22 * AV * AC * PR * UI + 6.42 * (1 - (1-C)(1-I)(1-A)), each weight in hundredths: exact in 10^-10 parts.
  const std::pair<char, std::int64_t> av[] = {{'N', 85}, {'A', 62}, {'L', 55}, {'P', 20}}, ac[] = {{'L', 77}, {'H', 44}},
                                      pr[] = {{'N', 85}, {'L', 62}, {'H', 27}}, ui[] = {{'N', 85}, {'R', 62}},
                                      cia[] = {{'H', 56}, {'L', 22}, {'N', 0}};
  int n = 0;
  for (const auto& a : av) for (const auto& b : ac) for (const auto& p : pr) for (const auto& u : ui)
    for (const auto& c : cia) for (const auto& i : cia) for (const auto& d : cia) {
      const std::int64_t exploitability = 822 * a.second * b.second * p.second * u.second;              // * 10^-10
      const std::int64_t impact =
          642 * (1'000'000 - (100 - c.second) * (100 - i.second) * (100 - d.second)) * 100;               // * 10^-10
      const std::int64_t sum = std::min<std::int64_t>(exploitability + impact, 100'000'000'000);
      // The specification first rounds to the nearest 10^-5, so that what floating point adds does not count.
      const std::int64_t nearest = (sum + 50'000) / 100'000;
      const auto wanted = impact == 0 ? 0 : (nearest + 9'999) / 10'000;
      const auto vector = fmt::format("CVSS:3.1/AV:{}/AC:{}/PR:{}/UI:{}/S:U/C:{}/I:{}/A:{}", a.first, b.first, p.first,
                                      u.first, c.first, i.first, d.first);
      ASSERT_EQ(cvss3_base_tenths(vector).value(), wanted) << vector;
      ++n;
    }
  EXPECT_EQ(n, 1296);
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

TEST(EffectiveSeverity, SaysWhichSourceDecided) {
  using enum Severity;
  using Reason = SeverityReason;
  const struct {
    Judgement judgement;
    EffectiveSeverity wanted;
    const char* text;
  } cases[] = {
      {{}, {kUnknown, Reason::kUnknown}, "neither the distribution nor a CVSS score says how bad it is"},
      {{.vendor = kMedium}, {kMedium, Reason::kVendor}, "the distribution says medium"},
      {{.vendor = kHigh, .cvss_tenths = 40}, {kHigh, Reason::kVendor}, "the distribution says high"},
      {{.vendor = kLow, .cvss_tenths = 98},
       {kLow, Reason::kVendorBelowCvss},
       "the distribution says low, where the CVSS base score of 9.8 is critical"},
      {{.cvss_tenths = 75}, {kHigh, Reason::kCvss}, "CVSS base score 7.5; the distribution has not judged it"},
      {{.cvss_tenths = 0}, {kUnknown, Reason::kUnknown}, "neither the distribution nor a CVSS score says how bad it is"},
      {{.kev = true}, {kHigh, Reason::kKev}, "known to be exploited (CISA KEV): high, not unknown"},
      {{.vendor = kInfo, .kev = true}, {kHigh, Reason::kKev}, "known to be exploited (CISA KEV): high, not info"},
      {{.vendor = kHigh, .kev = true}, {kHigh, Reason::kVendor}, "the distribution says high"},
      {{.cvss_tenths = 90, .kev = true},
       {kCritical, Reason::kCvss},
       "CVSS base score 9.0; the distribution has not judged it"},
      {{.cvss_tenths = 98, .undetermined = true},
       {kUnknown, Reason::kUndetermined},
       "the distribution has not found out yet whether it is affected"},
      {{.kev = true, .undetermined = true},
       {kHigh, Reason::kKev},
       "known to be exploited (CISA KEV): high, not unknown"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(effective_severity(c.judgement), c.wanted) << c.text;
    EXPECT_EQ(severity_reason_text(c.judgement), c.text);
  }
}

TEST(EffectiveSeverity, ReasonsHaveStableCodes) {
  EXPECT_EQ(severity_reason_code(SeverityReason::kUnknown), "unknown");
  EXPECT_EQ(severity_reason_code(SeverityReason::kUndetermined), "undetermined");
  EXPECT_EQ(severity_reason_code(SeverityReason::kVendor), "vendor");
  EXPECT_EQ(severity_reason_code(SeverityReason::kVendorBelowCvss), "vendor-below-cvss");
  EXPECT_EQ(severity_reason_code(SeverityReason::kCvss), "cvss");
  EXPECT_EQ(severity_reason_code(SeverityReason::kKev), "kev");
}

}  // namespace
}  // namespace postern::vuln
