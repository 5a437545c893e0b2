#include "agent/collectors/packages/apt_settings.h"

#include <gtest/gtest.h>

namespace postern::agent {
namespace {

TEST(AptConf, IsReadAsAptReadsIt) {
  AptSettings settings;
  parse_apt_conf(
      "// comment\nAPT::Periodic::Update-Package-Lists \"1\";\n/* more\n */ # and\n"
      "APT { Periodic { Unattended-Upgrade \"7\"; }; Never-MarkAuto-Sections { \"metapackages\"; }; };\n"
      "DPkg::Post-Invoke {\"rm -f /x; true\";};\nDir::Log \"a\"",
      settings);
  EXPECT_EQ(settings["apt::periodic::update-package-lists"], "1");
  EXPECT_EQ(settings["apt::periodic::unattended-upgrade"], "7");
  EXPECT_EQ(settings["dir::log"], "a");
  parse_apt_conf("apt::periodic::unattended-upgrade \"0\";", settings);
  EXPECT_EQ(settings["apt::periodic::unattended-upgrade"], "0");
}

TEST(AptConf, BrokenOnesEndSomewhere) {
  AptSettings settings;
  parse_apt_conf("a \"open", settings);
  EXPECT_EQ(settings["a"], "open");
  parse_apt_conf("}}}};;; \"\" { x 1; /* open", settings);
  parse_apt_conf(std::string(100'000, '{'), settings);
  std::string many;
  for (int i = 0; i < 10'000; ++i) many += "k" + std::to_string(i) + " \"v\";";
  parse_apt_conf(many, settings);
  EXPECT_LE(settings.size(), kMaxAptSettings);
}

TEST(AptConf, IsTakenByItsName) {
  EXPECT_TRUE(is_apt_conf_name("20auto-upgrades"));
  EXPECT_TRUE(is_apt_conf_name("50unattended.conf"));
  EXPECT_FALSE(is_apt_conf_name("20auto-upgrades.dpkg-old"));
  EXPECT_FALSE(is_apt_conf_name("x~"));
  EXPECT_FALSE(is_apt_conf_name(".conf"));
}

TEST(AptConf, SaysWhereTheListsAre) {
  const auto where = [](const char* conf) {
    AptSettings settings;
    parse_apt_conf(conf, settings);
    return apt_lists_directory(settings);
  };
  EXPECT_EQ(where(""), "/var/lib/apt/lists");
  EXPECT_EQ(where("Dir \"/\"; Dir::State \"var/lib/apt\"; Dir::State::lists \"lists/\";"), "/var/lib/apt/lists");
  EXPECT_EQ(where("Dir::State::lists \"/srv/lists/\";"), "/srv/lists");
  EXPECT_EQ(where("Dir::State \"/srv/apt\";"), "/srv/apt/lists");
  EXPECT_EQ(where("Dir \"/srv\"; Dir::State::lists \"../x\";"), "/srv/var/lib/x");
  EXPECT_EQ(where("RootDir \"/mnt\";"), "/mnt/var/lib/apt/lists");
}

}  // namespace
}  // namespace postern::agent
