#include "agent/collectors/avatar/avatar.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "agent/collectors/avatar/passwd.h"
#include "agent/collectors/root_lab.h"
#include "base/file.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace {

namespace fs = std::filesystem;
using posture::UnknownReason;

TEST(Passwd, HomesAreThoseOfTheWholeName) {
  const auto* passwd =
      "root:x:0:0:root:/root:/bin/bash\nal:x:1:1::relative:/bin/sh\nalice:x:1000:1000:Alice,,,:/home/alice:/bin/"
      "bash\nbob:x:1";
  EXPECT_EQ(home_of(passwd, "root"), "/root");
  EXPECT_EQ(home_of(passwd, "alice"), "/home/alice");
  for (const auto* user : {"al", "alic", "bob", "nobody", ""}) EXPECT_EQ(home_of(passwd, user), "") << user;
}

class Avatar : public RootLab {
 protected:
  Avatar() { put("etc/passwd", "alice:x:1000:1000::/home/alice:/bin/bash\n"); }
  posture::Fact fact() const {
    Facts facts(root_, from_unix_ms(1));
    collect_avatar(facts);
    return facts.map().at(std::string(posture::keys::kAvatarSource));
  }
  /// Where it was found; empty when the fact is unknown.
  std::string found() const {
    const auto one = fact();
    const auto* source = one.as<std::string>();
    if (source == nullptr) return "";
    EXPECT_EQ(*source, "OS");
    return one.source;
  }
  UnknownReason reason() const {
    const auto one = fact();
    const auto* unknown = one.as<posture::Unknown>();
    EXPECT_NE(unknown, nullptr);
    return unknown != nullptr ? unknown->reason : UnknownReason::kStale;
  }
};

TEST_F(Avatar, WithoutAUserOrAPictureThereIsNone) {
  EXPECT_EQ(reason(), UnknownReason::kUnsupported);
  put("var/log/wtmp", "");
  EXPECT_EQ(reason(), UnknownReason::kUnsupported);
  EXPECT_TRUE(avatar_files(Facts(root_, from_unix_ms(1))).empty());
  log_in("alice");
  EXPECT_EQ(reason(), UnknownReason::kUnsupported);
  EXPECT_EQ(fact().source, "the account has no picture");
  // What AccountsService writes for an account that never got one.
  put("var/lib/AccountsService/users/alice", "[User]\nSession=\nIcon=/home/alice/.face\nSystemAccount=false\n");
  EXPECT_EQ(reason(), UnknownReason::kUnsupported);
}

TEST_F(Avatar, IsFoundWhereDesktopsKeepIt) {
  log_in("alice");
  put("home/alice/.face", "png");
  EXPECT_EQ(found(), "/home/alice/.face");
  put("var/lib/AccountsService/icons/alice", "png");
  EXPECT_EQ(found(), "/var/lib/AccountsService/icons/alice");
  put("usr/share/faces/cat.png", "png");
  put("var/lib/AccountsService/users/alice", "[User]\nIcon=/usr/share/faces/cat.png\n");
  EXPECT_EQ(found(), "/usr/share/faces/cat.png");
  EXPECT_EQ(avatar_files(Facts(root_, from_unix_ms(1))),
            (std::vector<std::string>{"/usr/share/faces/cat.png", "/var/lib/AccountsService/icons/alice",
                                      "/home/alice/.face", "/var/lib/AccountsService/users/alice"}));
  log_in("bob");  // somebody else's
  EXPECT_EQ(found(), "");
}

TEST_F(Avatar, WhatIsNoPictureDoesNotCount) {
  log_in("alice");
  put("home/alice/.face", "");
  EXPECT_EQ(found(), "");
  ASSERT_TRUE(make_directories(root_ / "var/lib/AccountsService/icons/alice", 0755));
  EXPECT_EQ(found(), "");
  put("var/lib/AccountsService/users/alice", "[User]\nIcon=home/alice/x\n");
  put("home/alice/x", "png");
  EXPECT_EQ(found(), "");
}

TEST_F(Avatar, APlaceThatCannotBeLookedAtIsSaid) {
  log_in("alice");
  ASSERT_TRUE(make_directories(root_ / "home/alice", 0755));
  fs::create_symlink(".face", root_ / "home/alice/.face");
  EXPECT_EQ(reason(), UnknownReason::kFailed);
  EXPECT_EQ(fact().source, "/home/alice/.face");
}

TEST_F(Avatar, ALoginRecordLeadsNowhereElse) {
  put("var/lib/picture", "png");
  ASSERT_TRUE(make_directories(root_ / "var/lib/AccountsService/icons", 0755));
  for (const auto* user : {"../../picture", "..", ".", "a/b"}) {
    log_in(user);
    EXPECT_EQ(reason(), UnknownReason::kUnsupported) << user;
    EXPECT_TRUE(avatar_files(Facts(root_, from_unix_ms(1))).empty()) << user;
  }
}

}  // namespace
}  // namespace postern::agent
