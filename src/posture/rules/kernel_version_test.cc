#include <gtest/gtest.h>

#include "posture/rules/rule_lab.h"
#include "posture/rules/version_number.h"

namespace postern::posture {
namespace {

using namespace testing;
using enum Verdict;

TEST(KernelVersion, ComparesTheNumbersThatTheReleaseBeginsWith) {
  struct Row {
    const char* op;
    const char* wanted;
    const char* release;
    Verdict verdict;
  };
  const Row rows[] = {
      {">=", "6.1", "6.1.0-37-amd64", kMatch},
      {">=", "6.1", "6.0.12-1-amd64", kNoMatch},
      {">=", "6.1.0-37", "6.1.0-37-amd64", kMatch},
      {">=", "6.1.0.37", "6.1.0-36-amd64", kNoMatch},
      {">=", "6.1.0.37", "6.1.0-100-amd64", kMatch},
      {"=", "6.1", "6.1.0-37-amd64", kMatch},
      {">", "6.1", "6.1.0-37-amd64", kNoMatch},
      {">", "6.1", "6.2.0-1-amd64", kMatch},
      {"<", "6.1.0-37", "6.1.0-36-amd64", kMatch},
      {"<", "6.1.0-37", "6.1.0-37-amd64", kNoMatch},
      {"<=", "6.1", "6.1.0-37-amd64", kMatch},
      {"<=", "6.1", "6.2.0", kNoMatch},
      {"!=", "6.1", "6.2.0", kMatch},
      {"!=", "6.1", "6.1.90", kNoMatch},
      {">=", "5.14.0.427", "5.14.0-427.el9.x86_64", kMatch},
      {">=", "6.8", "6.8.0-31-generic", kMatch},
      {">=", "6.12", "6.12-rc3", kNoMatch},
      {"<", "6.12", "6.12-rc3", kMatch},
      {">=", "6.11", "6.12-rc3", kMatch},
      {">=", "6.12", "6.12.0-rc3", kNoMatch},
      {">=", "6.12", "6.12.0-0.rc3.el10", kNoMatch},
      {">=", "6.12.0", "6.12-rc3+", kNoMatch},
      {"=", "6.12", "6.12.1-rc3", kMatch},
      {">=", "6.12", "6.12.0-1-rc", kMatch},
      {"=", "6.1.0", "6.1-generic", kMatch},
      {"=", "6.1.7", "6.1-generic", kNoMatch},
      {">=", "6.1", "custom", kUnknown},
      {">=", "6.1", "", kUnknown},
      {">=", "6.1", "9999999999.1", kUnknown},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.release) + " " + row.op + " " + row.wanted);
    const auto rule = make("kernel-version", {{"op", row.op}, {"version", row.wanted}});
    const char* reason = row.verdict == kMatch     ? "kernel_version_matches"
                         : row.verdict == kNoMatch ? "kernel_version_differs"
                                                   : "version_not_comparable";
    expect(*rule, facts_of({{keys::kKernelRelease, text(row.release)}}), row.verdict, reason);
  }
}

TEST(KernelVersion, IsUnknownOfAnUnknownKernel) {
  const auto rule = make("kernel-version", {{"op", ">="}, {"version", "6.1.0-37"}});
  expect_unknowns(*rule, {}, keys::kKernelRelease, known(std::int64_t{6}));
  EXPECT_EQ(rule->describe(), "the running kernel's version is >= 6.1.0-37");
}

TEST(KernelVersion, RefusesWhatIsNoVersion) {
  EXPECT_EQ(refusal("kernel-version", {{"op", ">="}, {"version", "6.1-amd64"}}),
            "version: \"6.1-amd64\" must be numbers separated by dots or hyphens, such as 6.1 or 6.1.0-37");
  EXPECT_EQ(refusal("kernel-version", {{"op", "~"}, {"version", "6"}}),
            "op: \"~\" is not allowed; it must be one of =, !=, <, <=, >, >=");
}

TEST(VersionNumber, ReadsWhatProgramsCallThemselves) {
  const auto order = [](const char* wanted, const char* actual) {
    return rules::VersionNumber::parse(wanted)->compare_to_release(actual);
  };
  EXPECT_EQ(order("115.9", "115.9.1esr"), std::strong_ordering::equal);
  EXPECT_EQ(order("115.9.1", "115.9.1esr"), std::strong_ordering::equal);
  EXPECT_EQ(order("115.9.2", "115.9.1esr"), std::strong_ordering::less);
  EXPECT_EQ(order("3.0.2", "3.0.2-1ubuntu4"), std::strong_ordering::equal);
  EXPECT_EQ(order("3.0", "3.0~beta1"), std::strong_ordering::less);
  EXPECT_EQ(order("3.0", "3.0dev"), std::strong_ordering::less);
  EXPECT_EQ(order("2.9", "3.0~beta1"), std::strong_ordering::greater);
  EXPECT_EQ(order("1.2", "1."), std::strong_ordering::less);
  EXPECT_EQ(order("1", "v1"), std::nullopt);
}

TEST(KernelNewest, ComparesWhatRunsWithWhatIsInstalled) {
  const auto rule = make("kernel-newest", {});
  const auto facts =
      facts_of({{keys::kKernelRelease, text("6.1.0-37-amd64")}, {keys::kKernelNewest, text("6.1.0-37-amd64")}});
  expect(*rule, facts, kMatch, "kernel_newest");
  expect(*rule,
         facts_of({{keys::kKernelRelease, text("6.1.0-36-amd64")}, {keys::kKernelNewest, text("6.1.0-37-amd64")}}),
         kNoMatch, "kernel_not_newest");
  expect_unknowns(*rule, facts, keys::kKernelRelease, known(true));
  expect_unknowns(*rule, facts, keys::kKernelNewest, known(true));
}

TEST(RebootNeeded, IsWhatTheSystemSays) {
  const auto rule = make("reboot-needed", {});
  expect(*rule, facts_of({{keys::kRebootNeeded, known(true)}}), kMatch, "reboot_needed");
  expect(*rule, facts_of({{keys::kRebootNeeded, known(false)}}), kNoMatch, "reboot_not_needed");
  expect_unknowns(*rule, {}, keys::kRebootNeeded, text("true"));
}

TEST(AutomaticUpdates, AreOnOrOff) {
  const auto rule = make("automatic-updates", {});
  expect(*rule, facts_of({{keys::kUpdateAutomatic, known(true)}}), kMatch, "automatic_updates_on");
  expect(*rule, facts_of({{keys::kUpdateAutomatic, known(false)}}), kNoMatch, "automatic_updates_off");
  expect_unknowns(*rule, {}, keys::kUpdateAutomatic, text("true"));
}

}  // namespace
}  // namespace postern::posture
