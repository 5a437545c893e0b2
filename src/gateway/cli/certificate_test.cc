// An EMS's certificate is shown, asked about and accepted: `execute fctems verify`.
#include <gmock/gmock.h>

#include "base/hex.h"
#include "base/sha256.h"
#include "gateway/cli/session_lab.h"

namespace postern::gateway::cli {
namespace {

using testing::HasSubstr;

TEST_F(SessionLab, ACertificateIsShownAskedAboutAndAccepted) {
  EXPECT_EQ(out("execute fctems verify 1"), "(waits)");
  PresentedCertificate shown;
  shown.subject = "CN=ems";
  shown.fingerprint = sha256(std::string_view("certificate"));
  operations.presenting.at(0)(shown);
  ASSERT_TRUE(*last);
  EXPECT_TRUE((*last)->more);
  EXPECT_THAT((*last)->output, HasSubstr("Fingerprint (SHA-256): " + to_hex_colons(shown.fingerprint)));
  EXPECT_THAT((*last)->output, HasSubstr("(y/n) "));
  EXPECT_TRUE(operations.accepted.empty());
  EXPECT_EQ(out("y"), "(waits)");
  ASSERT_EQ(operations.accepted.size(), 1u);
  EXPECT_EQ(operations.accepted[0], (Acceptance{shown.fingerprint, {}, {}}));
  operations.waiting.at(0)({});
  EXPECT_THAT((*last)->output, HasSubstr("is accepted"));
  out("execute fctems unverify 1");
  EXPECT_EQ(operations.trusting, (std::vector<config::Author>(2, {"admin", "cli"}))) << "the history tells who it was";
}

TEST_F(SessionLab, AnyOtherAnswerAcceptsNothing) {
  for (const char* answer : {"n", "", "yess", "show"}) {
    out("execute fctems verify 1");
    operations.presenting.back()(PresentedCertificate{});
    EXPECT_THAT(out(answer), HasSubstr("not accepted; nothing has changed"));
  }
  EXPECT_TRUE(operations.accepted.empty());
}

TEST_F(SessionLab, WithAFingerprintNothingIsAsked) {
  const auto digest = sha256(std::string_view("certificate"));
  EXPECT_EQ(out("execute fctems verify 1 " + to_hex_lower(digest)), "(waits)");
  EXPECT_EQ(operations.accepted.at(0), (Acceptance{digest, {}, {}}));
  operations.waiting.at(0)(fail(ErrorCode::kConflict, "it shows another"));
  EXPECT_THAT((*last)->error, HasSubstr("not accepted: it shows another"));
  EXPECT_THAT(out("execute fctems verify 1 abc"), HasSubstr("64 hex digits"));
  EXPECT_THAT(out("execute fctems verify 2"), HasSubstr("EMS 2 is not configured"));
  EXPECT_THAT(out("execute fctems verify 9"), HasSubstr("allowed: 1 to 7"));
  EXPECT_THAT(out("execute fctems verify"), HasSubstr("usage: execute fctems verify <id> [sha256]"));
  EXPECT_EQ(out("execute fctems verify 1 " + to_hex_lower(digest) + " PSTEMS9999999999 " + std::string(32, 'A')),
            "(waits)");
  EXPECT_EQ(operations.accepted.back(),
            (Acceptance{digest, EmsSerial("PSTEMS9999999999"), TenantId(std::string(32, 'a'))}));
  operations.waiting.back()({});
  EXPECT_THAT(out("execute fctems verify 1 " + to_hex_lower(digest) + " EMS"), HasSubstr("PSTEMS and 10 digits"));
  EXPECT_THAT(out("execute fctems verify 1 " + to_hex_lower(digest) + " PSTEMS9999999999 a"),
              HasSubstr("32 hex digits"));
  EXPECT_THAT(out("execute fctems is-verified 1"), HasSubstr("is accepted: AB:AB"));
}

TEST_F(SessionLab, ACertificateThatIsNotTheAcceptedOneIsToldAlikeEverywhere) {
  auto& connector = operations.connector_list.at(0);
  connector.channel_state = "stopped: certificate changed";
  connector.certificate_changed = true;
  EXPECT_THAT(out("execute fctems is-verified 1"),
              testing::AllOf(HasSubstr("The EMS 1 shows another certificate than the one that is accepted: AB:AB"),
                             HasSubstr("execute fctems verify 1")));
  EXPECT_THAT(out("diagnose test application fcnacd 2"),
              testing::AllOf(HasSubstr("confirmed: no"), HasSubstr("verify-peer-method: 3"), HasSubstr("certificate changed")));
}

/// The EMS whose certificate was accepted, and which says that it is another one.
PresentedCertificate another_ems() {
  PresentedCertificate shown;
  shown.fingerprint = sha256(std::string_view("certificate"));
  shown.accepted = true;
  shown.accepted_before = shown.fingerprint;
  shown.ems_serial = EmsSerial("PSTEMS9999999999");
  shown.tenant = TenantId(std::string(32, '1'));
  shown.pinned_serial = EmsSerial("PSTEMS0123456789");
  shown.pinned_tenant = TenantId(std::string(32, '0'));
  shown.other_ems = true;
  return shown;
}

TEST_F(SessionLab, AnotherEmsIsShownBesideTheOneBeforeAndAskedAbout) {
  const auto shown = another_ems();
  out("execute fctems verify 1");
  operations.presenting.back()(shown);
  ASSERT_TRUE(*last);
  EXPECT_TRUE((*last)->more);
  EXPECT_THAT((*last)->output,
              HasSubstr("EMS serial number: PSTEMS9999999999\nEMS serial number until now: PSTEMS0123456789\n"
                        "EMS tenant id: 11111111111111111111111111111111\n"
                        "EMS tenant id until now: 00000000000000000000000000000000\n"));
  EXPECT_THAT((*last)->output, HasSubstr("This is another EMS than until now."));
  EXPECT_THAT(out("n"), HasSubstr("nothing has changed"));
  EXPECT_TRUE(operations.accepted.empty());
  out("execute fctems verify 1");
  operations.presenting.back()(shown);
  EXPECT_EQ(out("y"), "(waits)");
  EXPECT_EQ(operations.accepted.at(0), (Acceptance{shown.fingerprint, shown.ems_serial, shown.tenant}));
}

TEST_F(SessionLab, AnEmsThatHasNotSaidWhoItIsIsShownWithTheOneExpected) {
  auto shown = another_ems();
  shown.ems_serial = {};
  shown.tenant = {};
  shown.other_ems = false;
  out("execute fctems verify 1");
  operations.presenting.back()(shown);
  EXPECT_EQ(operations.accepted.at(0), (Acceptance{shown.fingerprint, {}, {}})) << "nothing is asked";
  operations.waiting.back()({});
  EXPECT_THAT((*last)->output, HasSubstr("EMS serial number expected: PSTEMS0123456789\n"));
  EXPECT_THAT((*last)->output, testing::Not(HasSubstr("until now")));
}

TEST_F(SessionLab, AnotherCertificateIsShownBesideTheOneAccepted) {
  PresentedCertificate shown;
  shown.fingerprint = sha256(std::string_view("new"));
  shown.accepted_before = sha256(std::string_view("old"));
  out("execute fctems verify 1");
  operations.presenting.back()(shown);
  ASSERT_TRUE(*last);
  EXPECT_THAT((*last)->output,
              HasSubstr("Fingerprint (SHA-256): " + to_hex_colons(shown.fingerprint) +
                        "\nAccepted until now (SHA-256): " + to_hex_colons(*shown.accepted_before) + "\n"));
  EXPECT_THAT((*last)->output, HasSubstr("Trust this certificate as that of EMS 1? (y/n) "));
}

}  // namespace
}  // namespace postern::gateway::cli
