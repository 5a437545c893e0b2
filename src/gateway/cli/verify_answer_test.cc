// The question of `execute fctems verify`, and the answers that people paste behind it.
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <future>
#include <thread>

#include "base/hex.h"
#include "base/random.h"
#include "base/sha256.h"
#include "gateway/cli/client.h"
#include "gateway/cli/fake_operations.h"
#include "gateway/cli/server.h"
#include "gateway/cli/session.h"
#include "gateway/config/text.h"

namespace postern::gateway::cli {
namespace {

using testing::HasSubstr;

class VerifyAnswer : public testing::Test {
 protected:
  void SetUp() override {
    auto t = store->begin();
    ASSERT_TRUE(config::apply_text(t, "config endpoint-control fctems\nedit 1\nset server ems.test\nend\n"));
    ASSERT_TRUE(store->commit(t));
    shown.fingerprint = sha256(std::string_view("certificate"));
  }
  Reply feed(std::string_view line) {
    Reply got;
    got.error = "(waits)";
    session.feed(line, [&](Reply r) { got = std::move(r); });
    return got;
  }
  /// The whole command with a certificate that was accepted before.
  Reply verify_again() {
    Reply got;
    session.feed("execute fctems verify 1", [&](Reply r) { got = std::move(r); });
    shown.accepted = true;
    operations.presenting.back()(shown);
    operations.waiting.back()({});
    return got;
  }

  std::unique_ptr<config::ConfigStore> store = config::ConfigStore::in_memory(config::gateway_schema());
  FakeOperations operations;
  SeededRandom random{7};
  CliSession session{*store, operations, random};
  PresentedCertificate shown;
};

TEST_F(VerifyAnswer, AYesBehindACertificateThatWasAcceptedBeforeIsNoUnknownCommand) {
  const auto reply = verify_again();
  EXPECT_TRUE(reply.ok()) << reply.error;
  EXPECT_FALSE(reply.more);
  EXPECT_THAT(reply.output, HasSubstr("Nothing is asked: this certificate of EMS 1 was accepted before.\n"));
  const auto yes = feed(" Y\r");
  EXPECT_TRUE(yes.ok()) << yes.error;
  EXPECT_EQ(yes.output, "Nothing was asked: this certificate of EMS 1 was accepted before.\n");
  // Once: it answers nothing else.
  EXPECT_THAT(feed("y").error, HasSubstr("unknown command"));
}

TEST_F(VerifyAnswer, ANoThatComesTooLateIsAnError) {
  verify_again();
  EXPECT_THAT(feed("n").error, HasSubstr("accepted before. To take that back: execute fctems unverify 1"));
}

TEST_F(VerifyAnswer, AnyOtherLineIsACommand) {
  verify_again();
  EXPECT_THAT(feed("get system status").output, HasSubstr("PGW0000000000001"));
  EXPECT_THAT(feed("y").error, HasSubstr("unknown command"));
}

TEST_F(VerifyAnswer, WithAFingerprintToo) {
  Reply reply;
  session.feed("execute fctems verify 1 " + to_hex_lower(shown.fingerprint), [&](Reply r) { reply = std::move(r); });
  operations.waiting.back()({});
  EXPECT_THAT(reply.output, HasSubstr("is accepted"));
  EXPECT_EQ(feed("yes").output, "Nothing was asked: the certificate of EMS 1 has the fingerprint that was given.\n");
  // Not where it failed.
  session.feed("execute fctems verify 1 " + to_hex_lower(shown.fingerprint), [&](Reply r) { reply = std::move(r); });
  operations.waiting.back()(fail(ErrorCode::kConflict, "it shows another"));
  EXPECT_THAT(reply.error, HasSubstr("it shows another"));
  EXPECT_THAT(feed("y").error, HasSubstr("unknown command"));
}

TEST_F(VerifyAnswer, AQuestionThatNobodyAnsweredSaysHowToAnswer) {
  char pattern[] = "/tmp/postern-cli-XXXXXX";
  const std::filesystem::path dir = mkdtemp(pattern);
  net::Loop loop;
  struct Presenting : FakeOperations {
    void present_certificate(ConnectorId, Presented done) override { done(certificate); }
    void accept_certificate(ConnectorId, const Acceptance&, const config::Author&, Done done) override { done({}); }
    PresentedCertificate certificate;
  } at_once;
  at_once.certificate = shown;
  std::promise<bool> listening;
  std::thread gateway([&] {
    auto server = CliServer::listen(loop, cli_socket(dir), [&](const net::PeerCredentials&) {
      return std::make_unique<CliSession>(*store, at_once, random);
    });
    listening.set_value(server.has_value());
    if (server) loop.run();
  });
  ASSERT_TRUE(listening.get_future().get());
  const auto run = [&](const std::vector<std::string>& args) {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int status = cli_main(dir, args);
    const auto out = testing::internal::GetCapturedStdout();
    return std::to_string(status) + "|" + out + "|" + testing::internal::GetCapturedStderr();
  };
  const auto open = run({"-c", "execute fctems verify 1"});
  EXPECT_EQ(open.front(), '1');
  EXPECT_THAT(open, HasSubstr("waits for an answer and has done nothing yet; answer with the next one: postern-gateway cli "
                              "-c \"execute fctems verify 1\" -c y\n"));
  // What it says works.
  const auto answered = run({"-c", "execute fctems verify 1", "-c", "y"});
  EXPECT_EQ(answered.front(), '0') << answered;
  EXPECT_THAT(answered, HasSubstr("is accepted"));
  EXPECT_THAT(run({"-c", "show \"open"}), HasSubstr("waits for the end of a quote; it was not run"));
  loop.stop();
  gateway.join();
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace postern::gateway::cli
