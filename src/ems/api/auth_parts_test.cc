#include <gtest/gtest.h>

#include "base/random.h"
#include "ems/api/password.h"
#include "ems/api/sessions.h"

namespace postern::ems::api {
namespace {

TEST(Password, VerifiesOnlyItself) {
  const std::string hash = *hash_password("correct horse battery");
  EXPECT_TRUE(hash.starts_with("$argon2id$v=19$"));
  EXPECT_TRUE(verify_password(hash, "correct horse battery"));
  EXPECT_FALSE(verify_password(hash, "correct horse batterz"));
  EXPECT_FALSE(verify_password(hash, ""));
  EXPECT_FALSE(verify_password("", "x"));
  EXPECT_FALSE(verify_password("$argon2id$nonsense", "x"));
  EXPECT_FALSE(verify_password(std::string(4096, '$'), "x"));
}

TEST(Password, TheDecoyCostsTheSameAndHasNoPassword) {
  SeededRandom random(1);
  const std::string decoy = decoy_password_hash(random);
  const std::string real = *hash_password("whatever it is");
  // Same parameters, same lengths: same work.
  EXPECT_EQ(decoy.substr(0, decoy.find("p=1$") + 4), real.substr(0, real.find("p=1$") + 4));
  EXPECT_EQ(decoy.size(), real.size());
  EXPECT_FALSE(verify_password(decoy, ""));
}

TEST(Password, NewOnesHaveALength) {
  EXPECT_FALSE(acceptable_password("short", "admin"));
  EXPECT_FALSE(acceptable_password(std::string(kMaxPassword + 1, 'x'), "admin"));
  EXPECT_FALSE(acceptable_password("my-Admin-password", "admin"));
  EXPECT_TRUE(acceptable_password("quite a long one", "admin"));
}

TEST(Sessions, LiveUntilIdleOrOldOrClosed) {
  Sessions sessions;
  SeededRandom random(7);
  MonoTime now{};
  const std::string secret = sessions.open("admin", now, random);
  EXPECT_EQ(secret.size(), 43u);  // 256 bits
  EXPECT_EQ(sessions.find(secret, now), "admin");
  EXPECT_EQ(sessions.find(secret + "x", now), std::nullopt);
  EXPECT_EQ(sessions.find("", now), std::nullopt);
  now += kSessionIdle;
  EXPECT_EQ(sessions.find(secret, now), "admin");  // used: idle time begins anew
  now += kSessionIdle + Seconds(1);
  EXPECT_EQ(sessions.find(secret, now), std::nullopt);

  const std::string old = sessions.open("admin", now, random);
  for (Seconds t{0}; t + Seconds(600) <= kSessionLife; t += Seconds(600)) {
    now += Seconds(600);
    EXPECT_TRUE(sessions.find(old, now));
  }
  now += Seconds(1);
  EXPECT_FALSE(sessions.find(old, now));

  const std::string a = sessions.open("admin", now, random);
  const std::string b = sessions.open("admin", now, random);
  const std::string c = sessions.open("reader", now, random);
  sessions.close_all("admin", b);
  EXPECT_FALSE(sessions.find(a, now));
  EXPECT_TRUE(sessions.find(b, now));
  EXPECT_TRUE(sessions.find(c, now));
  sessions.close(b);
  EXPECT_FALSE(sessions.find(b, now));
}

TEST(Sessions, AUserHasABoundedNumber) {
  Sessions sessions;
  SeededRandom random(7);
  MonoTime now{};
  const std::string first = sessions.open("admin", now, random);
  for (std::size_t i = 0; i < kMaxSessionsOfUser; ++i) {
    now += Seconds(1);
    sessions.open("admin", now, random);
  }
  EXPECT_FALSE(sessions.find(first, now));
}

TEST(Sessions, TheCookieIsForUsAlone) {
  EXPECT_EQ(Sessions::cookie("s"), "__Host-postern-ems=s; Path=/; Secure; HttpOnly; SameSite=Strict");
  EXPECT_NE(Sessions::csrf_token("s"), Sessions::csrf_token("t"));
}

}  // namespace
}  // namespace postern::ems::api
