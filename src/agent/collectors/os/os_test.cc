#include <gtest/gtest.h>

#include <filesystem>

#include "agent/collectors/os/key_values.h"
#include "agent/collectors/os/os.h"
#include "agent/collectors/root_lab.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace {

namespace keys = posture::keys;

TEST(KeyValues, AreReadAsAShellWould) {
  const auto v = parse_key_values(
      "# comment\nID=debian\nPRETTY_NAME=\"Debian \\\"GNU\\\"/Linux 12\"\n NAME = 'x "
      "y'\nID=second\n[section]\n;c\nEMPTY=\n=no key\nno equals\r\nLAST=1");
  EXPECT_EQ(value_of(v, "ID"), "debian");
  EXPECT_EQ(value_of(v, "PRETTY_NAME"), "Debian \"GNU\"/Linux 12");
  EXPECT_EQ(value_of(v, "NAME"), "x y");
  EXPECT_EQ(value_of(v, "EMPTY"), "");
  EXPECT_EQ(value_of(v, "LAST"), "1");
  EXPECT_EQ(v.size(), 5u);
}

TEST(KeyValues, BrokenOnesHarmNothing) {
  EXPECT_EQ(value_of(parse_key_values("A=\"open"), "A"), "open");
  EXPECT_EQ(value_of(parse_key_values("A=\"end\\"), "A"), "end\\");
  EXPECT_TRUE(parse_key_values("").empty());
  std::string many;
  for (int i = 0; i < 3000; ++i) many += "K" + std::to_string(i) + "=v\n";
  EXPECT_EQ(parse_key_values(many).size(), kMaxKeyValues);
}

TEST(OsType, HasNamesForKnownArchitectures) {
  EXPECT_EQ(os_type_of("x86_64"), "LINUX64");
  EXPECT_EQ(os_type_of("aarch64"), "LINUX_ARM64");
  EXPECT_EQ(os_type_of("i686"), "LINUX32");
  EXPECT_EQ(os_type_of("riscv64"), "");
}

class ForeignRoot : public RootLab {
 protected:
  std::string text(const posture::FactMap& facts, std::string_view key) {
    const auto* value = facts.at(std::string(key)).as<std::string>();
    return value == nullptr ? "(unknown)" : *value;
  }
};

TEST_F(ForeignRoot, IsReadAndNothingOfThisMachineGetsIn) {
  put("usr/lib/os-release", "ID=debian\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Golden 12\"\n");
  put("etc/hostname", "golden\n");
  put("etc/machine-id", "0123456789abcdef0123456789abcdef\n");
  put("etc/resolv.conf", "search example.org other.org\n");
  // Absolute as in real images: it must not lead to this machine's own file.
  std::filesystem::create_symlink("/usr/lib/os-release", root_ / "etc/os-release");
  const auto facts = collect_all(root_, from_unix_ms(1));
  EXPECT_EQ(text(facts, keys::kOsId), "debian");
  EXPECT_EQ(text(facts, keys::kOsVersion), "Golden 12");
  EXPECT_EQ(text(facts, keys::kHostName), "golden");
  EXPECT_EQ(text(facts, keys::kMachineId), "0123456789abcdef0123456789abcdef");
  EXPECT_EQ(text(facts, keys::kDomain), "example.org");
  for (const auto key :
       {keys::kRoutes, keys::kMacs, keys::kInterfaces, keys::kKernelRelease, keys::kOsType, keys::kFeatureAv,
        keys::kFeatureFirewall, keys::kMemoryMb, keys::kCpuModel, keys::kLoggedInUsers, keys::kKernelPackage}) {
    EXPECT_FALSE(facts.at(std::string(key)).known()) << key;
  }
}

TEST_F(ForeignRoot, LinksThatClimbOutStayInside) {
  put("inside", "yes");
  std::filesystem::create_symlink("../../../../inside", root_ / "climb");
  std::filesystem::create_symlink("loop", root_ / "loop");
  const Facts facts(root_, from_unix_ms(1));
  EXPECT_EQ(*facts.read("/climb", 10), "yes");
  EXPECT_EQ(*facts.read("/../../inside", 10), "yes");
  EXPECT_FALSE(facts.read("/loop", 10));
  EXPECT_FALSE(facts.exists("/missing/file"));
}

TEST(ThisMachine, HasWhatEveryLinuxHas) {
  const auto facts = collect_all("/", from_unix_ms(1));
  for (const auto key : {keys::kOsFamily, keys::kHostName, keys::kMemoryMb, keys::kKernelRelease, keys::kInterfaces,
                         keys::kRoutes, keys::kMacs, keys::kFeatureVulnScan, keys::kAgentVersion}) {
    EXPECT_TRUE(facts.at(std::string(key)).known()) << key;
  }
  // Every fact of the endpoint record is there, known or with its reason.
  for (const auto key : {keys::kDomain,
                         keys::kOwner,
                         keys::kHostModel,
                         keys::kHostManufacturer,
                         keys::kHostDescription,
                         keys::kCpuModel,
                         keys::kLastLoginUser,
                         keys::kAvDbVersion,
                         keys::kAppSignatureVersion,
                         keys::kVulnEngineVersion,
                         keys::kFeatureAv,
                         keys::kFeatureFirewall,
                         keys::kFeatureWebFilter,
                         keys::kFeatureAntiSpam,
                         keys::kFeatureVpn,
                         keys::kAvatarSource,
                         keys::kInventoryHash,
                         keys::kKernelPackage,
                         keys::kOsType,
                         keys::kOsVersion}) {
    EXPECT_TRUE(facts.contains(std::string(key))) << key;
  }
}

}  // namespace
}  // namespace postern::agent
