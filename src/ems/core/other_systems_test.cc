// Windows and macOS: no agent of ours runs there yet. Reports as such agents would send them are replayed, through the
// protocol into tags.
#include <gtest/gtest.h>

#include <algorithm>

#include "ems/core/test_lab.h"
#include "wire/telemetry.pb.h"

namespace postern::ems::testing {
namespace {

using Report = std::vector<std::pair<std::string, posture::FactValue>>;
using TelemetryKind = wire::TelemetryFrame;

constexpr const char* kUpdateServer = R"(HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Example\UpdateServer)";
constexpr const char* kPolicyLevel = R"(HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Example\Level)";

std::string named(std::string_view key) { return std::string(key); }

/// What a laptop with Windows 11 says of itself, and of what is asked.
Report windows_laptop() {
  return {{named(keys::kHostName), std::string("WIN11-07")},
          {named(keys::kOsFamily), std::string("windows")},
          {named(keys::kOsType), std::string("WIN64")},
          {named(keys::kOsName), std::string("Microsoft Windows 11 Enterprise")},
          {named(keys::kOsVersionId), std::string("10.0.22631.4460")},
          {named(keys::kOsVersion), std::string("Microsoft Windows 11 Enterprise (build 22631.4460)")},
          {named(keys::kFeatureFirewall), true},
          {named(keys::kDefender), true},
          {named(keys::kExploitGuard), true},
          {named(keys::kApplicationGuard), posture::Unknown{posture::UnknownReason::kUnsupported}},
          {named(keys::kEncryptedVolumes), std::vector<std::string>{"C:"}},
          {named(keys::kUnencryptedVolumes), std::vector<std::string>{"D:"}},
          {named(keys::kUpdateAutomatic), true},
          {keys::with(keys::kRegistryExists, kUpdateServer), true},
          {keys::with(keys::kRegistryValue, kUpdateServer), std::string("https://updates.example")},
          {keys::with(keys::kRegistryExists, kPolicyLevel), true},
          {keys::with(keys::kRegistryValue, kPolicyLevel), std::int64_t{3}},
          {keys::file_exists(R"(C:\ProgramData\Example\agent.ini)"), true},
          {keys::with(keys::kServiceActive, "WinDefend"), true}};
}

Report macos_laptop() {
  return {{named(keys::kHostName), std::string("mac-03")},
          {named(keys::kOsFamily), std::string("macos")},
          {named(keys::kOsType), std::string("MAC")},
          {named(keys::kOsName), std::string("macOS")},
          {named(keys::kOsVersionId), std::string("15.1")},
          {named(keys::kOsVersion), std::string("macOS 15.1 (24B83)")},
          {named(keys::kGatekeeper), true},
          {named(keys::kSystemIntegrity), true},
          {named(keys::kEncryptedVolumes), std::vector<std::string>{"/"}},
          {named(keys::kUnencryptedVolumes), std::vector<std::string>{}}};
}

class OtherSystems : public Lab {
 protected:
  void save_rule(const std::string& name, const std::string& os, const std::string& rule) {
    save_tag(R"({"name":")" + name + R"(","rules":[{"id":1,"os":")" + os + R"(",)" + rule + "}]}");
  }
  void replay(TestAgent& agent, const Report& facts, const std::string& machine) {
    if (agent.session == 0) {
      ASSERT_EQ(enrol(agent, invite(), machine), "");
      connect(agent);
    }
    report(agent, facts, true);
    run();
    ASSERT_EQ(agent.acked(), agent.seq);
  }
  void change(TestAgent& agent, const std::string& key, posture::FactValue value) {
    report(agent, {{key, std::move(value)}});
    run();
  }
  /// What the EMS asked this agent for last.
  std::set<std::string> asked(const TestAgent& agent) {
    const auto* frame = agent.last(TelemetryKind::kProbes);
    if (frame == nullptr) return {};
    return {frame->probes().keys().begin(), frame->probes().keys().end()};
  }
};

TEST_F(OtherSystems, WindowsIsJudgedByItsOwnRules) {
  save_rule("Defended", "windows", R"("type":"windows-security","checks":["defender","exploit-guard","firewall"])");
  save_rule("Isolated", "windows", R"("type":"windows-security","checks":["application-guard"])");
  save_rule("System-Encrypted", "windows", R"("type":"windows-security","checks":["bitlocker-system"])");
  save_rule("All-Encrypted", "windows", R"("type":"windows-security","checks":["bitlocker-all"])");
  save_rule("Managed", "windows",
            R"("type":"registry-key","path":"HKLM\\SOFTWARE\\Policies\\Example\\UpdateServer","comparator":"=","value":"https://updates.example")");
  save_rule("Level", "windows",
            R"("type":"registry-key","path":"HKLM\\SOFTWARE\\Policies\\Example\\Level","comparator":">=","value":"0x2","is_dword":true)");
  save_rule("Configured", "windows", R"("type":"file","paths":["C:\\ProgramData\\Example\\agent.ini"])");
  save_rule("Scanned", "windows", R"("type":"service","services":["WinDefend"])");
  save_rule("Linux-Only", "linux", R"("type":"directory","paths":["/srv"])");

  TestAgent laptop;
  replay(laptop, windows_laptop(), "11111111111111111111111111111111");
  const auto tags = laptop.tags();
  for (const auto* held : {"Defended", "System-Encrypted", "Managed", "Level", "Configured", "Scanned"}) {
    EXPECT_TRUE(tags.contains(held)) << held;
  }
  EXPECT_TRUE(tags.contains("Isolated?"));  // what this Windows can't do is not a no
  EXPECT_FALSE(tags.contains("All-Encrypted"));
  EXPECT_FALSE(tags.contains("All-Encrypted?"));
  EXPECT_FALSE(tags.contains("Linux-Only"));
  EXPECT_FALSE(tags.contains("Linux-Only?"));

  // It is asked for what is Windows', and for nothing else.
  const auto probes = asked(laptop);
  EXPECT_TRUE(probes.contains(keys::with(keys::kRegistryValue, kPolicyLevel)));
  EXPECT_TRUE(probes.contains(named(keys::kDefender)));
  EXPECT_FALSE(probes.contains(keys::with(keys::kDirectoryExists, "/srv")));

  // Each of them flips by its fact.
  change(laptop, named(keys::kDefender), false);
  EXPECT_FALSE(laptop.tags().contains("Defended"));
  change(laptop, keys::with(keys::kRegistryValue, kPolicyLevel), std::int64_t{1});
  EXPECT_FALSE(laptop.tags().contains("Level"));
  change(laptop, keys::with(keys::kRegistryValue, kPolicyLevel), std::string("3"));
  EXPECT_TRUE(laptop.tags().contains("Level?"));  // of another type than the rule speaks of
  change(laptop, keys::with(keys::kRegistryExists, kUpdateServer), false);
  EXPECT_FALSE(laptop.tags().contains("Managed"));
  change(laptop, named(keys::kUnencryptedVolumes), std::vector<std::string>{});
  change(laptop, named(keys::kEncryptedVolumes), std::vector<std::string>{"C:", "D:"});
  EXPECT_TRUE(laptop.tags().contains("All-Encrypted"));
}

TEST_F(OtherSystems, MacosIsJudgedByItsOwnRules) {
  save_rule("Protected", "macos", R"("type":"macos-security","checks":["filevault","gatekeeper","sip"])");
  save_rule("Defended", "windows", R"("type":"windows-security","checks":["defender"])");
  TestAgent laptop;
  replay(laptop, macos_laptop(), "22222222222222222222222222222222");
  EXPECT_TRUE(laptop.tags().contains("Protected"));
  EXPECT_FALSE(laptop.tags().contains("Defended"));
  EXPECT_FALSE(laptop.tags().contains("Defended?"));
  EXPECT_TRUE(asked(laptop).contains(named(keys::kSystemIntegrity)));
  EXPECT_FALSE(asked(laptop).contains(named(keys::kDefender)));
  change(laptop, named(keys::kSystemIntegrity), false);
  EXPECT_FALSE(laptop.tags().contains("Protected"));
  change(laptop, named(keys::kSystemIntegrity), posture::Unknown{posture::UnknownReason::kDenied});
  EXPECT_TRUE(laptop.tags().contains("Protected?"));
}

TEST_F(OtherSystems, OneTagJudgesEachSystemByItsOwnRule) {
  save_tag(R"({"name":"Healthy","rules":[
      {"id":1,"os":"windows","type":"windows-security","checks":["defender"]},
      {"id":2,"os":"macos","type":"macos-security","checks":["sip"]},
      {"id":3,"os":"linux","type":"directory","paths":["/srv"]}]})");
  TestAgent windows, macos, linux;
  replay(windows, windows_laptop(), "11111111111111111111111111111111");
  replay(macos, macos_laptop(), "22222222222222222222222222222222");
  replay(linux, {{named(keys::kOsFamily), std::string("linux")}, {keys::with(keys::kDirectoryExists, "/srv"), false}},
         "33333333333333333333333333333333");
  EXPECT_TRUE(windows.tags().contains("Healthy"));
  EXPECT_TRUE(macos.tags().contains("Healthy"));
  EXPECT_FALSE(linux.tags().contains("Healthy"));
  // A report is whole or it is not there: what a Windows agent no longer says is unknown.
  auto less = windows_laptop();
  std::erase_if(less, [](const auto& fact) { return fact.first == keys::kDefender; });
  replay(windows, less, "");
  EXPECT_TRUE(windows.tags().contains("Healthy?"));
}

}  // namespace
}  // namespace postern::ems::testing
