#include <gtest/gtest.h>

#include "agent/collectors/asked/asked_lab.h"

namespace postern::agent {
namespace {

using AskedIdentity = AskedLab;

TEST_F(AskedIdentity, IsWhatTheAdministratorNamed) {
  const auto key = keys::with(keys::kUserIdentity, "example.org");
  EXPECT_EQ(said(key), "unknown: unsupported");
  put("etc/postern/identity.conf", "# accounts\nexample.org = alice@example.org\n");
  EXPECT_EQ(said(key), "alice@example.org");
  EXPECT_EQ(said(keys::with(keys::kUserIdentity, "other")), "unknown: unsupported");
}

TEST_F(AskedIdentity, FactsOfOtherSystemsAreUnsupportedAndNotNo) {
  for (const auto& key : {std::string(keys::kDefender), keys::with(keys::kRegistryExists, "HKLM\\x"),
                         keys::with(keys::kProcessSigners, "x"), std::string(keys::kGatekeeper)}) {
    EXPECT_EQ(said(key), "unknown: unsupported") << key;
  }
}

TEST(AskedFamilies, AnswerEveryKeyOfTheVocabularyThatIsOnlyAsked) {
  for (const auto key :
       {keys::kKernelNewest, keys::kRebootNeeded, keys::kSupportEnd, keys::kUpdatedAt, keys::kUpdateCheckedAt,
        keys::kUpdateAutomatic, keys::kSecureBoot, keys::kSecurityModules, keys::kEncryptedVolumes,
        keys::kUnencryptedVolumes, keys::kScreenLock, keys::kScreenLockSeconds, keys::kAvInstalled, keys::kAvRunning,
        keys::kAvSignaturesAt, keys::kEdrInstalled, keys::kEdrRunning, keys::kFirewallProducts,
        keys::kFirewallDefaultDeny, keys::kFirewallThreats, keys::kMalwareAt, keys::kSshRootLogin, keys::kJoinedDomains,
        keys::kUserDomains, keys::kUserGroups, keys::kListening, keys::kForwarding, keys::kDnsServers,
        keys::kDhcpServers, keys::kDhcpOptions, keys::kLinkTypes, keys::kDefender, keys::kExploitGuard,
        keys::kApplicationGuard, keys::kGatekeeper, keys::kSystemIntegrity}) {
    EXPECT_NE(family_of(key), nullptr) << key;
  }
  for (const auto key :
       {keys::kProcessRunning, keys::kProcessSha256, keys::kProcessSigners, keys::kProcessVersions, keys::kServiceActive,
        keys::kServiceEnabled, keys::kFileExists, keys::kFileSha256, keys::kFileModifiedAt, keys::kFileMatches,
        keys::kDirectoryExists, keys::kPackageVersions, keys::kCertificates, keys::kUserIdentity, keys::kResolves,
        keys::kPings, keys::kWebAnswers, keys::kRegistryExists, keys::kRegistryValue}) {
    EXPECT_NE(family_of(keys::with(key, "x")), nullptr) << key;
    EXPECT_EQ(family_of(key), nullptr) << key << " has no argument";
  }
}

TEST(AskedFamilies, OfThisMachineGiveEveryAnswer) {
  const auto facts = answer_all(keys_without_argument(), "/", from_unix_ms(1));
  EXPECT_EQ(facts.size(), keys_without_argument().size());
  for (const auto& [key, fact] : facts) EXPECT_FALSE(fact.source.ends_with("gave no answer")) << key << " " << fact.source;
}

TEST(AskedFamilies, OfAnEmptyImageGiveEveryAnswerToo) {
  const auto root = std::filesystem::temp_directory_path() / "postern-empty-image";
  std::filesystem::create_directories(root);
  for (const auto& [key, fact] : answer_all(keys_without_argument(), root, from_unix_ms(1))) {
    EXPECT_FALSE(fact.source.ends_with("gave no answer")) << key;
  }
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace postern::agent
