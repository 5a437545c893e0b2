#include "vuln/ecosystem.h"

#include <gtest/gtest.h>

namespace postern::vuln {
namespace {

using versions::Order;

TEST(Ecosystem, OfDistributionsAsOsvNamesThem) {
  const std::pair<Distro, const char*> cases[] = {
      {{"debian", "12"}, "Debian:12"},
      {{"ubuntu", "22.04"}, "Ubuntu:22.04:LTS"},
      {{"ubuntu", "24.10"}, "Ubuntu:24.10"},
      {{"ubuntu", "23.04"}, "Ubuntu:23.04"},
      {{"alpine", "3.19.1"}, "Alpine:v3.19"},
      {{"alpine", "3.20"}, "Alpine:v3.20"},
      {{"rocky", "9.4"}, "Rocky Linux:9"},
      {{"almalinux", "8.10"}, "AlmaLinux:8"},
      {{"rhel", "9.4"}, "Red Hat:enterprise_linux:9"},
      {{"opensuse-leap", "15.6"}, "openSUSE:Leap 15.6"},
      {{"opensuse-tumbleweed", "20240601"}, "openSUSE:Tumbleweed"},
      {{"mageia", "9"}, "Mageia:9"},
  };
  for (const auto& [distro, name] : cases) {
    EXPECT_EQ(ecosystem_of(distro), name) << distro.id;
    const auto known = known_ecosystem(name);
    ASSERT_TRUE(known) << name;
    EXPECT_EQ(known->name, name);
  }
}

TEST(Ecosystem, OfWhatIsNotReleasedOrNotKnownIsNone) {
  for (const Distro& distro : {Distro{"debian", ""}, Distro{"alpine", "3.21.0_alpha20240923"}, Distro{"alpine", "3"},
                               Distro{"fedora", "40"}, Distro{"sles", "15.5"}, Distro{"debian", "."}, Distro{"", "12"}})
    EXPECT_EQ(ecosystem_of(distro), "") << distro.id << " " << distro.version;
}

TEST(Ecosystem, HasTheOrderOfItsPackages) {
  EXPECT_EQ(known_ecosystem("Debian:12")->order, Order::kDpkg);
  EXPECT_EQ(known_ecosystem("Ubuntu:22.04:LTS")->order, Order::kDpkg);
  EXPECT_EQ(known_ecosystem("Alpine:v3.19")->order, Order::kApk);
  EXPECT_EQ(known_ecosystem("openSUSE:Leap 15.6")->order, Order::kRpm);
  EXPECT_TRUE(known_ecosystem("AlmaLinux:9")->binary_names);
  EXPECT_FALSE(known_ecosystem("Rocky Linux:9")->binary_names);
}

TEST(Ecosystem, RepositoriesOfOneReleaseAreOne) {
  for (const char* name : {"Red Hat:enterprise_linux:9::baseos", "Red Hat:enterprise_linux:9::appstream",
                           "Red Hat:enterprise_linux:9.4", "Red Hat:enterprise_linux:9"}) {
    const auto known = known_ecosystem(name);
    ASSERT_TRUE(known) << name;
    EXPECT_EQ(known->name, "Red Hat:enterprise_linux:9");
    EXPECT_TRUE(known->binary_names);
  }
}

TEST(Ecosystem, OthersAreNotKnown) {
  for (const char* name : {"", "Debian", "Debian:", "Ubuntu:Pro:22.04:LTS", "Alpine", "Alpine:3.19", "PyPI", "npm",
                           "Red Hat:rhel_eus:9.2::baseos", "Red Hat:enterprise_linux:x",
                           "SUSE:Linux Enterprise Server 15 SP5", "Debian:12\n"})
    EXPECT_FALSE(known_ecosystem(name)) << name;
  EXPECT_FALSE(known_ecosystem("Debian:" + std::string(64, '1')));
}

}  // namespace
}  // namespace postern::vuln
