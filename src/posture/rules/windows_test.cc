// disk-encryption, windows-security, macos-security, registry-key.
#include <gtest/gtest.h>

#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace {

using namespace testing;
using enum Verdict;
using List = std::vector<std::string>;

FactMap volumes(Fact encrypted, Fact plain) {
  return facts_of({{keys::kEncryptedVolumes, std::move(encrypted)}, {keys::kUnencryptedVolumes, std::move(plain)}});
}

TEST(DiskEncryption, AllTheSystemsOrNamed) {
  const auto all = make("disk-encryption", {});
  const Fact denied = unknown(UnknownReason::kDenied);
  expect(*all, volumes(texts({"/", "/home"}), texts({})), kMatch, "disk_encrypted");
  expect(*all, volumes(texts({"/"}), texts({"/boot", "/boot/efi"})), kMatch, "disk_encrypted");
  expect(*all, volumes(texts({"/"}), texts({"/boot", "/data"})), kNoMatch, "disk_not_encrypted");
  expect(*all, volumes(texts({}), texts({})), kNoMatch, "no_encrypted_disk");
  expect(*all, volumes(denied, texts({"/data"})), kNoMatch, "disk_not_encrypted");
  expect_unknowns(*all, volumes(texts({"/"}), texts({})), keys::kEncryptedVolumes, text("/"));
  expect_unknowns(*all, volumes(texts({"/"}), texts({})), keys::kUnencryptedVolumes, text("/"));
  expect_parts_agree(*all, volumes(denied, texts({"/data"})));
  EXPECT_EQ(all->describe(), "every volume is encrypted");

  const auto every = make("disk-encryption", {{"scope", "all"}});
  const auto system = make("disk-encryption", {{"scope", "system"}});
  expect(*every, volumes(texts({"/"}), texts({})), kMatch, "disk_encrypted");
  expect(*every, volumes(texts({"/"}), texts({"/data"})), kNoMatch, "disk_not_encrypted");
  expect_unknowns(*every, volumes(texts({"/"}), texts({})), keys::kUnencryptedVolumes, text("/"));
  expect(*system, volumes(texts({"/"}), texts({"/data"})), kMatch, "disk_encrypted");
  expect(*system, volumes(texts({"/data"}), texts({"/"})), kNoMatch, "disk_not_encrypted");
  expect_unknowns(*system, volumes(texts({}), texts({"/data"})), keys::kEncryptedVolumes, text("/"));
  const auto drives = make("disk-encryption", {{"volumes", List{"C:", "d:"}}}, OsFamily::kWindows);
  expect(*drives, volumes(texts({"C:", "D:"}), texts({})), kMatch, "disk_encrypted");
  expect(*drives, volumes(texts({"C:"}), texts({})), kNoMatch, "disk_not_encrypted");
  EXPECT_EQ(drives->describe(), "C: is encrypted and d: is encrypted");
}

TEST(DiskEncryption, Refusals) {
  // On Linux another case is another place.
  const auto home = make("disk-encryption", {{"volumes", List{"/home"}}});
  expect(*home, facts_of({{keys::kEncryptedVolumes, texts({"/home"})}}), kMatch, "disk_encrypted");
  expect(*home, facts_of({{keys::kEncryptedVolumes, texts({"/HOME"})}}), kNoMatch, "disk_not_encrypted");
  expect(*make("disk-encryption", {}), volumes(texts({"/"}), texts({"/boot", "/Boot"})), kNoMatch, "disk_not_encrypted");
  EXPECT_EQ(refusal("disk-encryption", {{"scope", "volumes"}}),
            "volumes: is missing; the scope volumes needs a list of them");
  EXPECT_EQ(refusal("disk-encryption", {{"scope", "system"}, {"volumes", List{"/"}}}),
            "volumes: \"/\" belongs to the scope volumes, not to system");
  EXPECT_EQ(refusal("disk-encryption", {{"volumes", List{"home"}}}),
            "volumes[0]: \"home\" must be a mount point such as / or /home");
  EXPECT_EQ(refusal("disk-encryption", {{"volumes", List{"/home"}}}, OsFamily::kWindows),
            "volumes[0]: \"/home\" must be a drive such as D:");
  EXPECT_EQ(refusal("disk-encryption", {{"match", "any"}}), "match: belongs to volumes; give a list of them");
}

TEST(WindowsSecurity, EachCheckBothWays) {
  struct Row {
    const char* check;
    FactMap on, off;
    const char* yes;
    const char* no;
  };
  const auto flagged = [](std::string_view key, bool value) { return facts_of({{key, known(value)}}); };
  const Row rows[] = {
      {"defender", flagged(keys::kDefender, true), flagged(keys::kDefender, false), "windows_security_on",
       "defender_off"},
      {"exploit-guard", flagged(keys::kExploitGuard, true), flagged(keys::kExploitGuard, false), "windows_security_on",
       "exploit_guard_off"},
      {"application-guard", flagged(keys::kApplicationGuard, true), flagged(keys::kApplicationGuard, false),
       "windows_security_on", "application_guard_off"},
      {"firewall", flagged(keys::kFeatureFirewall, true), flagged(keys::kFeatureFirewall, false), "windows_security_on",
       "windows_firewall_off"},
      {"automatic-updates", flagged(keys::kUpdateAutomatic, true), flagged(keys::kUpdateAutomatic, false),
       "windows_security_on", "automatic_updates_off"},
      {"bitlocker-system", volumes(texts({"C:"}), texts({"D:"})), volumes(texts({"D:"}), texts({"C:"})),
       "disk_encrypted", "disk_not_encrypted"},
      {"bitlocker-all", volumes(texts({"C:"}), texts({})), volumes(texts({"C:"}), texts({"D:"})), "disk_encrypted",
       "disk_not_encrypted"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.check);
    const auto rule = make("windows-security", {{"checks", List{row.check}}}, OsFamily::kWindows);
    expect(*rule, row.on, kMatch, row.yes);
    expect(*rule, row.off, kNoMatch, row.no);
    for (const std::string& key : rule->keys()) expect_unknowns(*rule, row.on, key, known(std::int64_t{1}));
  }
  const auto both = make("windows-security", {{"checks", List{"defender", "firewall"}}}, OsFamily::kWindows);
  FactMap facts = facts_of({{keys::kDefender, known(true)}, {keys::kFeatureFirewall, known(false)}});
  expect(*both, facts, kNoMatch, "windows_firewall_off");
  expect_parts_agree(*both, facts);
  const auto any =
      make("windows-security", {{"checks", List{"defender", "firewall"}}, {"match", "any"}}, OsFamily::kWindows);
  expect(*any, facts, kMatch, "windows_security_on");
  EXPECT_EQ(both->describe(), "Defender is on and Windows' firewall is on");
}

TEST(MacosSecurity, EachCheckBothWays) {
  const auto rule = make("macos-security", {{"checks", List{"filevault", "gatekeeper", "sip"}}}, OsFamily::kMacos);
  const auto facts = [](Fact volumes, Fact gatekeeper, Fact sip) {
    return facts_of({{keys::kEncryptedVolumes, std::move(volumes)},
                     {keys::kGatekeeper, std::move(gatekeeper)},
                     {keys::kSystemIntegrity, std::move(sip)}});
  };
  const Fact yes = known(true), no = known(false), root = texts({"/"});
  expect(*rule, facts(root, yes, yes), kMatch, "disk_encrypted");
  expect(*rule, facts(texts({}), yes, yes), kNoMatch, "disk_not_encrypted");
  expect(*rule, facts(root, no, yes), kNoMatch, "gatekeeper_off");
  expect(*rule, facts(root, yes, no), kNoMatch, "system_integrity_off");
  for (const std::string& key : rule->keys()) expect_unknowns(*rule, facts(root, yes, yes), key, text("x"));
  EXPECT_EQ(rule->describe(), "FileVault is on, Gatekeeper is on and System Integrity Protection is on");
}

TEST(MacosSecurity, EachCheckAlone) {
  struct Row {
    const char* check;
    std::string_view key;
    Fact yes, no;
  };
  const Row rows[] = {{"filevault", keys::kEncryptedVolumes, texts({"/"}), texts({"/Volumes/x"})},
                      {"gatekeeper", keys::kGatekeeper, known(true), known(false)},
                      {"sip", keys::kSystemIntegrity, known(true), known(false)}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.check);
    const auto rule = make("macos-security", {{"checks", List{row.check}}}, OsFamily::kMacos);
    EXPECT_EQ(rule->keys(), List{std::string(row.key)});
    expect_verdict(*rule, facts_of({{row.key, row.yes}}), kMatch);
    expect_verdict(*rule, facts_of({{row.key, row.no}}), kNoMatch);
    expect_unknowns(*rule, {}, row.key, text("on"));
  }
}

TEST(RegistryKey, KeysAndValuesExist) {
  const auto key = make("registry-key", {{"path", "HKLM\\SOFTWARE\\x\\"}}, OsFamily::kWindows);
  const std::string fact = "registry.exists:HKEY_LOCAL_MACHINE\\SOFTWARE\\x\\";
  expect(*key, facts_of({{fact, known(true)}}), kMatch, "registry_exists");
  expect(*key, facts_of({{fact, known(false)}}), kNoMatch, "registry_missing");
  expect_unknowns(*key, {}, fact, text("yes"));
  const auto value =
      make("registry-key", {{"path", "hkey_local_machine\\SOFTWARE\\x\\"}, {"key", "Version"}}, OsFamily::kWindows);
  EXPECT_EQ(value->keys(), (List{"registry.exists:HKEY_LOCAL_MACHINE\\SOFTWARE\\x\\Version"}));
  EXPECT_EQ(value->describe(), "HKEY_LOCAL_MACHINE\\SOFTWARE\\x\\Version exists");
}

TEST(RegistryKey, ValuesCompareAsNumbersTextsOrVersions) {
  const std::string path = "HKEY_LOCAL_MACHINE\\S\\v";
  const auto verdict = [&](const char* comparator, const char* value, bool is_dword, FactValue found) {
    const auto rule =
        make("registry-key",
             {{"path", "HKLM\\S"}, {"key", "v"}, {"comparator", comparator}, {"value", value}, {"is_dword", is_dword}},
             OsFamily::kWindows);
    const FactMap facts =
        facts_of({{"registry.exists:" + path, known(true)}, {"registry.value:" + path, known(std::move(found))}});
    expect_parts_agree(*rule, facts);
    return rule->judge(FactView(facts, kNow)).verdict;
  };
  const auto number = [](std::int64_t n) { return FactValue(n); };
  EXPECT_EQ(verdict("=", "31", true, number(31)), kMatch);
  EXPECT_EQ(verdict("=", "0x1F", true, number(31)), kMatch);
  EXPECT_EQ(verdict("=", "31", true, number(30)), kNoMatch);
  EXPECT_EQ(verdict("!=", "31", true, number(30)), kMatch);
  EXPECT_EQ(verdict(">", "31", true, number(31)), kNoMatch);
  EXPECT_EQ(verdict(">", "31", true, number(32)), kMatch);
  EXPECT_EQ(verdict(">=", "31", true, number(31)), kMatch);
  EXPECT_EQ(verdict(">=", "31", true, number(30)), kNoMatch);
  EXPECT_EQ(verdict("<", "31", true, number(30)), kMatch);
  EXPECT_EQ(verdict("<", "31", true, number(31)), kNoMatch);
  EXPECT_EQ(verdict("<=", "31", true, number(31)), kMatch);
  EXPECT_EQ(verdict("<=", "31", true, number(32)), kNoMatch);
  EXPECT_EQ(verdict("=", "31", true, std::string("31")), kUnknown);
  EXPECT_EQ(verdict("=", "0xFFFFFFFF", true, number(4294967295)), kMatch);
  EXPECT_EQ(verdict("!=", "31", true, number(-1)), kUnknown);  // no DWORD
  EXPECT_EQ(verdict("!=", "31", true, number(4294967296)), kUnknown);
  EXPECT_EQ(verdict("=", "on", false, std::string("on")), kMatch);
  EXPECT_EQ(verdict("=", "on", false, std::string("ON")), kNoMatch);
  EXPECT_EQ(verdict("=", "on", false, number(1)), kUnknown);
  EXPECT_EQ(verdict(">=", "10.4", false, std::string("10.12")), kMatch);
  EXPECT_EQ(verdict(">=", "10.4", false, std::string("10.3.9")), kNoMatch);
  EXPECT_EQ(verdict(">=", "10.4", false, std::string("latest")), kUnknown);
}

TEST(RegistryKey, AMissingValueIsNoMatch) {
  const auto rule =
      make("registry-key", {{"path", "HKLM\\S\\v"}, {"comparator", "!="}, {"value", "1"}, {"is_dword", true}},
           OsFamily::kWindows);
  expect(*rule, facts_of({{"registry.exists:HKEY_LOCAL_MACHINE\\S\\v", known(false)}}), kNoMatch, "registry_missing");
  const FactMap facts = facts_of({{"registry.exists:HKEY_LOCAL_MACHINE\\S\\v", known(true)},
                                  {"registry.value:HKEY_LOCAL_MACHINE\\S\\v", known(std::int64_t{2})}});
  expect(*rule, facts, kMatch, "registry_exists");
  expect_unknowns(*rule, facts, "registry.value:HKEY_LOCAL_MACHINE\\S\\v", text("2"));
  EXPECT_EQ(rule->describe(), "HKEY_LOCAL_MACHINE\\S\\v is != 1");
}

TEST(RegistryKey, Refusals) {
  const auto why = [](Parameters parameters) { return refusal("registry-key", parameters, OsFamily::kWindows); };
  EXPECT_EQ(why({{"path", "SOFTWARE\\x"}}),
            "path: \"SOFTWARE\\x\" must begin with a hive, such as HKLM\\SOFTWARE\\x (or HKCU, HKCR, HKU, HKCC), and "
            "hold no \\\\");
  EXPECT_EQ(why({{"path", "HKLM\\x"}, {"comparator", ">"}}),
            "value: is missing; a condition needs comparator and value");
  EXPECT_EQ(why({{"path", "HKLM\\x"}, {"value", "1"}}),
            "comparator: is missing; a condition needs comparator and value");
  EXPECT_EQ(why({{"path", "HKLM\\x\\"}, {"comparator", "="}, {"value", "1"}}),
            "path: \"HKLM\\x\\\" names a key, which has no value; add a value's name to it or give it as key");
  EXPECT_EQ(
      why({{"path", "HKLM\\x"}, {"comparator", "="}, {"value", "4294967296"}, {"is_dword", true}}),
      "value: \"4294967296\" must be a number from 0 to 4294967295, or 0x and hex digits, because is_dword is true");
  EXPECT_EQ(why({{"path", "HKLM\\x"}, {"comparator", "<"}, {"value", "abc"}}),
            "value: \"abc\" must be numbers separated by dots, because the comparator orders; = and != take any text, "
            "is_dword "
            "makes it a number");
  EXPECT_EQ(why({{"path", "HKLM\\x"}, {"is_dword", true}}), "is_dword: belongs to comparator and value; give them");
}

}  // namespace
}  // namespace postern::posture
