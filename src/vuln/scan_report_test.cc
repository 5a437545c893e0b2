#include "vuln/scan_report.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "vuln/rpm_lab.h"
#include "vuln/test_records.h"

namespace postern::vuln {
namespace {

namespace fs = std::filesystem;

/// A small root file system and a feed beside it.
class ScanTest : public testing::Test {
 protected:
  ScanTest() {
    std::string name = (fs::temp_directory_path() / "postern-scan-XXXXXX").native();
    dir_ = ::mkdtemp(name.data());
    write("root/etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n");
    write("root/var/lib/dpkg/status",
          "Package: liba1\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1-1+b1\n"
          "Source: a (1-1)\n\n"
          "Package: linux-image-6.1.0-9-amd64\nStatus: install ok installed\nArchitecture: amd64\n"
          "Version: 6.1.27-1\nSource: linux-signed-amd64 (6.1.27+1)\n\n");
    write("feed.jsonl", fixed_in("CVE-2024-0001", "a", "1-1+deb12u1") +
                            record("CVE-2024-0002", affected("a", R"({"introduced":"0"})"),
                                   R"(,"database_specific":{"cvss3_base":9.8,"kev":true})") +
                            fixed_in("CVE-2024-0003", "linux", "7"));
  }
  ~ScanTest() override { fs::remove_all(dir_); }

  void write(const std::string& name, std::string_view text) {
    fs::create_directories((dir_ / name).parent_path());
    std::ofstream(dir_ / name, std::ios::binary) << text;
  }

  int scan(std::string_view format) {
    out_.str("");
    err_.str("");
    return vuln_scan_main(dir_ / "root", {dir_ / feed_}, format, out_, err_);
  }

  void expect_failure(std::string_view says) {
    EXPECT_EQ(scan("json"), 1);
    EXPECT_EQ(out_.str(), "");
    EXPECT_NE(err_.str().find(says), std::string::npos) << err_.str();
    EXPECT_EQ(err_.str().find('\n'), err_.str().size() - 1) << err_.str();
  }

  fs::path dir_;
  std::string feed_ = "feed.jsonl";
  std::ostringstream out_, err_;
};

TEST_F(ScanTest, JsonAsTheContractHasIt) {
  ASSERT_EQ(scan("json"), 0) << err_.str();
  EXPECT_EQ(
      out_.str(),
      "[\n"
      R"({"cve":"CVE-2024-0001","source":"a","package":"liba1","version":"1-1+b1","fixed":"1-1+deb12u1","severity":"unknown"},)"
      "\n"
      R"({"cve":"CVE-2024-0002","source":"a","package":"liba1","version":"1-1+b1","fixed":null,"severity":"critical"})"
      "\n]\n");
}

TEST_F(ScanTest, NothingFoundIsAnEmptyList) {
  write("feed.jsonl", fixed_in("CVE-2024-0001", "other", "2"));
  ASSERT_EQ(scan("json"), 0);
  EXPECT_EQ(out_.str(), "[]\n");
  ASSERT_EQ(scan("table"), 0);
  EXPECT_EQ(out_.str(),
            "distinct vulnerabilities: critical=0 high=0 medium=0 low=0 info=0 unknown=0\n");
}

TEST_F(ScanTest, TableMostSevereFirstThenCounts) {
  ASSERT_EQ(scan("table"), 0) << err_.str();
  EXPECT_EQ(out_.str(),
            "SEVERITY   CVE            SOURCE  INSTALLED  FIXED IN     PACKAGES\n"
            "critical*  CVE-2024-0002  a       1-1        -            liba1\n"
            "unknown    CVE-2024-0001  a       1-1        1-1+deb12u1  liba1\n"
            "\n"
            "* known to be exploited\n"
            "\n"
            "distinct vulnerabilities: critical=1 high=0 medium=0 low=0 info=0 unknown=1\n"
            "of unknown severity: 1 with a fix\n");
  EXPECT_EQ(err_.str(),
            "feed (osv): 3 records, 3 advisories, 0 withdrawn\n"
            "2 packages of debian 12\n"
            "kernel: none running (its vulnerabilities are not counted)\n");
}

TEST_F(ScanTest, RecordsLeftOutAreSaid) {
  std::string good;
  for (int i = 1000; i < 1100; ++i) good += fixed_in("CVE-2024-" + std::to_string(i), "a", "2");
  write("feed.jsonl", good + "{}\n");
  ASSERT_EQ(scan("json"), 0);
  EXPECT_NE(err_.str().find("warning: 1 records cannot be understood and were left out:\n  line 101: "),
            std::string::npos)
      << err_.str();
}

TEST_F(ScanTest, OsReleaseThroughLinksOfTheRoot) {
  fs::remove(dir_ / "root/etc/os-release");
  write("root/usr/lib/os-release", "ID=debian\nVERSION_ID=12\n");
  ASSERT_EQ(scan("json"), 0) << err_.str();
  fs::create_symlink("/usr/lib/os-release", dir_ / "root/etc/os-release");
  ASSERT_EQ(scan("json"), 0) << err_.str();
  EXPECT_NE(err_.str().find("debian 12"), std::string::npos);
}

TEST_F(ScanTest, OtherDistributionsByTheirOwnDatabasesAndOrders) {
  const auto in = [](std::string_view id, std::string_view ecosystem, std::string_view source, std::string_view fixed) {
    return fmt::format(R"({{"id":"{}","affected":[{{"package":{{"ecosystem":"{}","name":"{}"}},"ranges":[)"
                       R"({{"type":"ECOSYSTEM","events":[{{"introduced":"0"}},{{"fixed":"{}"}}]}}]}}]}})" "\n",
                       id, ecosystem, source, fixed);
  };
  write("feed.jsonl", in("CVE-2024-0001", "Alpine:v3.19", "openssl", "3.1.4-r10") +
                          in("CVE-2024-0002", "Alpine:v3.19", "openssl", "3.1.4_rc1-r9") +
                          in("CVE-2024-0003", "Rocky Linux:9", "openssl", "1:3.0.7-28.el9") +
                          in("CVE-2024-0004", "Rocky Linux:9", "openssl", "0:9.0-1.el9"));
  fs::remove_all(dir_ / "root");
  write("root/etc/os-release", "ID=alpine\nVERSION_ID=3.19.1\n");
  write("root/lib/apk/db/installed", "P:libcrypto3\nV:3.1.4-r5\nA:x86_64\no:openssl\n\n");
  ASSERT_EQ(scan("json"), 0) << err_.str();
  EXPECT_EQ(out_.str(),
            "[\n"
            R"({"cve":"CVE-2024-0001","source":"openssl","package":"libcrypto3","version":"3.1.4-r5","fixed":"3.1.4-r10","severity":"unknown"})"
            "\n]\n");
  fs::remove_all(dir_ / "root");
  write("root/etc/os-release", "ID=rocky\nVERSION_ID=9.4\n");
  write_rpm_database(dir_ / "root/var/lib/rpm/rpmdb.sqlite",
                     {rpm_header_blob({"openssl-libs", 1, "3.0.7", "27.el9", "x86_64", "openssl-3.0.7-27.el9.src.rpm"})});
  ASSERT_EQ(scan("json"), 0) << err_.str();
  EXPECT_EQ(out_.str(),
            "[\n"
            R"({"cve":"CVE-2024-0003","source":"openssl","package":"openssl-libs","version":"1:3.0.7-27.el9","fixed":"1:3.0.7-28.el9","severity":"unknown"})"
            "\n]\n");
}

TEST_F(ScanTest, EachFailureSaysWhatIsWrong) {
  feed_ = "missing.gz";
  expect_failure("missing.gz: No such file");
  feed_ = "cut.gz";
  write(feed_, std::string("\x1f\x8b\x08\x00\x00", 5));
  expect_failure("truncated: fetch the file again");
  feed_ = "empty.jsonl";
  write(feed_, "");
  expect_failure("the file is empty; give the whole file");
  feed_ = "feed.jsonl";
  write("root/etc/os-release", "ID=fedora\nVERSION_ID=40\n");
  expect_failure("fedora 40 cannot be judged");
  write("root/etc/os-release", "ID=debian\nVERSION_ID=13\n");
  expect_failure("the feeds say nothing about debian 13 (they are about: Debian:12)");
  write("root/var/lib/dpkg/status", "Package: cut");
  expect_failure("dpkg status, line 1");
  fs::remove(dir_ / "root/var/lib/dpkg/status");
  expect_failure("has no var/lib/dpkg/status");
  fs::remove(dir_ / "root/etc/os-release");
  expect_failure("is it the root of a file system?");
}

TEST_F(ScanTest, WrongFormatIsAWrongCommand) {
  EXPECT_EQ(scan("xml"), 2);
  EXPECT_NE(err_.str().find("neither table nor json"), std::string::npos);
}

TEST_F(ScanTest, OutputThatCannotBeWrittenIsAFailure) {
  out_.setstate(std::ios::badbit);
  EXPECT_EQ(vuln_scan_main(dir_ / "root", {dir_ / feed_}, "json", out_, err_), 1);
}

TEST(FindingsTable, FitsTheWidth) {
  MatchResult result;
  for (int i = 0; i < 12; ++i) {
    result.findings.push_back({"CVE-2024-12345", "python3.11", "libpython3.11-part" + std::to_string(i),
                               "3.11.2-6+deb12u6", "3.11.2-6+deb12u6", "3.11.2-6+deb12u8",
                               Severity::kHigh, {.kev = true}, {}});
  }
  for (std::size_t width = 80; width <= 140; ++width) {
    std::istringstream lines(findings_table(result, width));
    std::string header, row;
    std::getline(lines, header);
    std::getline(lines, row);
    EXPECT_LE(header.size(), width);
    EXPECT_LE(row.size(), width) << row;
    EXPECT_NE(row.find("3.11.2-6+deb12u8"), std::string::npos);
  }
  EXPECT_NE(findings_table(result, 120).find("libpython3.11-part0 libpython3.11-part1 +10\n"),
            std::string::npos)
      << findings_table(result, 120);
}

TEST_F(ScanTest, SaysWhatEachKindOfFeedGave) {
  write("more.json", R"({"a":{"CVE-2024-0001":{"releases":{"bookworm":{"status":"resolved","fixed_version":"0"}}},)"
                     R"("CVE-2024-0009":{"releases":{"bookworm":{"status":"undetermined"}}}}})");
  write("scores.csv", "#model_version:v1,score_date:2025-08-25\ncve,epss,percentile\nCVE-2024-0002,0.5,0.5\n");
  std::ostringstream out, err;
  EXPECT_EQ(vuln_scan_main(dir_ / "root", {dir_ / "feed.jsonl", dir_ / "more.json", dir_ / "scores.csv"}, "json", out, err), 0);
  EXPECT_TRUE(err.str().starts_with("feed (osv): 3 records, 3 advisories, 0 withdrawn\n"
                                    "feed (debian-tracker): 2 records, 1 advisories, 1 not affected, 1 undetermined\n"
                                    "feed (epss): 1 records, 1 vulnerabilities marked, of 2025-08-25\n"))
      << err.str();
  EXPECT_EQ(out.str().find("CVE-2024-0001"), std::string::npos) << out.str();  // the tracker knows better
  EXPECT_NE(out.str().find("CVE-2024-0009"), std::string::npos) << out.str();
}

}  // namespace
}  // namespace postern::vuln
