// What becomes of an nginx that can't have what the configuration wants.
#include "gateway/shell/nginx_control_lab.h"

#include "base/random.h"
#include "pki/authority.h"
#include "pki/certificate.h"

namespace postern::gateway {
namespace {

class NginxControlTest : public NginxControlLab {};

TEST_F(NginxControlTest, AFloodOfChangesThatNginxHasNoPartInWritesNothing) {
  control_->start();
  const int installed = process_->installed, applied = process_->applied;
  EXPECT_GT(installed, 0);
  for (int i = 0; i < 100; ++i) {
    control_->publish_policies();
    control_->reload();
  }
  EXPECT_EQ(process_->installed, installed);
  EXPECT_EQ(process_->applied, applied);
}

TEST_F(NginxControlTest, ACertificateThatIsNoneTurnsOffItsOwnAccessProxyAlone) {
  auto second = context_.config.access_proxies[0];
  second.name = "second";
  second.vip.ext_ip = *IpAddress::parse("127.0.0.2");
  second.vip.certificate = "bad";
  context_.config.access_proxies.push_back(second);
  context_.config.certificates = {{"bad", "/etc/passwd", "/etc/passwd"}};
  control_->publish_policies();
  control_->start();
  EXPECT_EQ(process_->applied, 1);
  EXPECT_NE(process_->text.find("127.0.0.1:"), std::string::npos);
  EXPECT_EQ(process_->text.find("127.0.0.2:"), std::string::npos) << "nginx would refuse all of it";
  const auto said = control_->obstacles();
  ASSERT_FALSE(said.empty());
  EXPECT_THAT(said.back(), testing::HasSubstr("access proxy second is off, certificate local bad: "));
  EXPECT_FALSE(control_->health());
}

TEST_F(NginxControlTest, ACertificateThatIsOutOfDateIsShownAndTold) {
  SeededRandom random(5);
  const auto now = context_.now().wall;
  const auto ends = [&](std::chrono::hours in) {
    const pki::Validity validity{now - std::chrono::hours(48), now + in};
    const auto root = pki::make_root("Company CA", "Company", validity, random);
    const auto server = pki::make_server(root, "app", {"app.example"}, validity, random);
    context_.config.certificates = {{"company", pki::to_pem(server.certificate), server.key.to_pem()}};
  };
  context_.config.access_proxies[0].vip.certificate = "company";
  ends(std::chrono::hours(-1));
  control_->publish_policies();
  control_->start();
  EXPECT_EQ(process_->applied, 1);
  EXPECT_NE(proxy_at(at_web()), 0u);
  EXPECT_THAT(control_->obstacles(), testing::ElementsAre(testing::HasSubstr("access proxy web: its certificate (company) was valid until ")));
  EXPECT_FALSE(control_->health());
  ends(std::chrono::hours(1));
  control_->publish_policies();
  control_->reload();
  EXPECT_TRUE(control_->obstacles().empty());
  EXPECT_TRUE(control_->health());
}

// nginx refuses a configuration whole for one address or port that it can't have.
TEST_F(NginxControlTest, APlaceThatCannotBeHadKeepsItsOwnAccessProxyAlone) {
  std::optional<LoopbackListener> other(std::in_place);
  auto second = context_.config.access_proxies[0];
  second.name = "second";
  second.vip.ext_port = other->port();
  auto third = second;
  third.name = "third";
  third.vip.ext_ip = *IpAddress::parse("192.0.2.1");
  context_.config.access_proxies.push_back(second);
  context_.config.access_proxies.push_back(third);
  control_->publish_policies();
  control_->start();
  ASSERT_EQ(process_->applied, 1);
  EXPECT_NE(proxy_at(at_web()), 0u);
  EXPECT_EQ(process_->text.find("192.0.2.1"), std::string::npos);
  EXPECT_EQ(process_->text.find("listen 127.0.0.1:" + std::to_string(other->port())), std::string::npos);
  EXPECT_FALSE(control_->health());
  EXPECT_THAT(control_->obstacles(), testing::ElementsAre(testing::HasSubstr("access proxy second: another program listens at"),
                                                          testing::HasSubstr("access proxy third: no interface of this machine has")));
  some_retries();
  EXPECT_EQ(process_->applied, 1) << "nothing has changed";

  other.reset();
  looks_until([&] { return process_->applied == 2; });
  EXPECT_NE(process_->text.find("listen 127.0.0.1:" + std::to_string(second.vip.ext_port)), std::string::npos);
  EXPECT_THAT(control_->obstacles(), testing::ElementsAre(testing::HasSubstr("access proxy third")));
  context_.config.access_proxies.pop_back();
  control_->publish_policies();
  control_->reload();
  EXPECT_TRUE(control_->health());
}

// After a restart of the gateway its own nginx goes on, and nobody must be turned away meanwhile.
TEST_F(NginxControlTest, WhatAnNginxThatWasTakenOverListensAtIsNoOtherPrograms) {
  LoopbackListener nginx;
  process_->running = true;
  context_.config.access_proxies[0].vip.ext_port = nginx.port();
  control_->publish_policies();
  control_->start();
  ASSERT_EQ(process_->applied, 1);
  EXPECT_NE(proxy_at("127.0.0.1:" + std::to_string(nginx.port())), 0u);
  some_retries();
  EXPECT_EQ(process_->applied, 1);
}

TEST_F(NginxControlTest, AnNginxThatEndedIsToldAnewWhatItCanHave) {
  control_->start();
  ASSERT_EQ(process_->applied, 1);
  process_->on_died();
  looks_until([&] { return process_->applied == 2; });
  EXPECT_NE(proxy_at(at_web()), 0u);
}

TEST_F(NginxControlTest, WhatIsRefusedOnTheWayToAnotherPlaceIsNotAskedForAtOnceAgain) {
  context_.config.access_proxies[0].vip.ext_ip = *IpAddress::parse("0.0.0.0");
  control_->publish_policies();
  control_->start();
  ASSERT_EQ(process_->applied, 1);
  process_->running = true;
  context_.config.access_proxies[0].vip.ext_ip = *IpAddress::parse("127.0.0.1");
  process_->answer = fail(ErrorCode::kInvalidArgument, "nginx refuses the configuration");
  control_->publish_policies();
  control_->reload();
  EXPECT_EQ(process_->applied, 2);
  process_->answer = Status();
  control_->reload();
  EXPECT_EQ(process_->applied, 4) << "it lets go, then takes the other";
  EXPECT_NE(proxy_at(at_web()), 0u);
}

TEST_F(NginxControlTest, OurOwnNginxIsInNobodysWay) {
  control_->start();
  process_->running = true;
  EXPECT_TRUE(control_->obstacles().empty());
  LoopbackListener other;
  context_.config.access_proxies[0].vip.ext_port = other.port();
  control_->publish_policies();
  EXPECT_EQ(control_->obstacles().size(), 1u) << "as of now, before nginx is asked";
  control_->reload();
  EXPECT_NE(proxy_at(at_web()), 0u) << "it goes on where it was";
  // Another access proxy is to have that place: then nobody listens there for the first one.
  auto second = context_.config.access_proxies[0];
  second.name = "second";
  second.vip.ext_port = port_;
  const auto web = proxy_at(at_web());
  context_.config.access_proxies.push_back(second);
  control_->publish_policies();
  control_->reload();
  EXPECT_NE(proxy_at(at_web()), 0u);
  EXPECT_NE(proxy_at(at_web()), web);
}

TEST_F(NginxControlTest, AnNginxThatDoesNotAnswerIsAskedAgainAfterLongerAndLongerPauses) {
  process_->running = true;
  process_->answer = fail(ErrorCode::kDeadlineExceeded, "nginx has not said anything");
  control_->start();
  EXPECT_EQ(process_->applied, 1);
  EXPECT_THAT(control_->health().error().message, testing::HasSubstr("has not said"));
  const auto first = looks_until([&] { return process_->applied == 2; });
  const auto second = looks_until([&] { return process_->applied == 3; });
  EXPECT_GT(first, 10);
  EXPECT_GT(second, first + 10);
  process_->answer = Status();
  control_->reload();
  EXPECT_EQ(process_->applied, 4) << "at once with the next change";
  EXPECT_TRUE(control_->health());
}

TEST_F(NginxControlTest, WhatNginxSaysLateCountsAndDoesNotBeginAnew) {
  process_->running = true;
  process_->answer = fail(ErrorCode::kDeadlineExceeded, "nginx has not said anything");
  control_->start();
  EXPECT_FALSE(control_->health());
  process_->health_now = fail(ErrorCode::kUnavailable, "nginx doesn't take the configuration");
  process_->answer = fail(ErrorCode::kDeadlineExceeded, "nginx has not said anything again");
  looks_until([&] { return process_->applied == 2; });
  EXPECT_THAT(control_->health().error().message, testing::HasSubstr("again"));

  process_->health_now = Status();
  looks_until([&] { return control_->health().has_value(); });
  EXPECT_TRUE(control_->health());
  control_->reload();
  EXPECT_EQ(process_->applied, 2) << "it is what is in force";
  EXPECT_TRUE(control_->obstacles().empty()) << "our own nginx listens there";
}

TEST_F(NginxControlTest, WhatMayPassIsTriedAgain) {
  process_->answer = fail(ErrorCode::kUnavailable, "no space left");
  control_->start();
  some_retries();
  EXPECT_GT(process_->applied, 1);
  process_->answer = Status();
  some_retries();
  EXPECT_TRUE(control_->health());
}

}  // namespace
}  // namespace postern::gateway
