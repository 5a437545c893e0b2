// postern why, against a fake EMS: what a person reads, byte for byte (tests/golden/postern-why-*.txt).
#include <gtest/gtest.h>

#include "cli/program_lab.h"

namespace postern::cli {
namespace {

constexpr char kUid[] = "7F4704E462E2CF1430D14814C557BD7B";

constexpr char kCompliant[] = R"({"name":"Compliant","kind":"security","enabled":true,"on_unknown":"deny",
  "message":"Start sshd, then check again.","rules":[],"logic":{}})";

const std::string kManagedRule = R"({"id":1,"type":"ems-management","negate":false,"verdict":"match",
  "condition":"the agent is registered and its telemetry is connected","reason":"managed",
  "text":"the endpoint is registered and its telemetry is connected","facts":[
    {"key":"ems.online","known":true,"value":true,"text":"true","age_ms":3000,"collected_at":"2026-11-26T09:59:57Z","source":"ems"},
    {"key":"ems.registered","known":true,"value":true,"text":"true","age_ms":432000000,"collected_at":"2026-11-21T10:00:00Z","source":"ems"}]})";
const std::string kSshdFails =
    R"({"id":2,"type":"running-process","negate":false,"verdict":"no_match","condition":"sshd is running",
  "reason":"process_not_running","text":"what must run does not","facts":[
    {"key":"process.running:sshd","known":true,"value":false,"text":"false","age_ms":125000,
     "collected_at":"2026-11-26T09:57:55Z","source":"pidfd"}]})";
const std::string kVulnerableUnknown = R"J({"id":3,"type":"vulnerable-devices","negate":true,"verdict":"unknown",
  "condition":"not: a known vulnerability is high or higher","reason":"unsupported","text":"this system has no such thing","facts":[
    {"key":"ems.vulnerabilities","known":false,"unknown_reason":"unsupported","text":"unknown (unsupported)","age_ms":60000,
     "collected_at":"2026-11-26T09:59:00Z","source":"ems"}]})J";
const std::string kFileUnknown =
    R"({"id":4,"type":"file","negate":false,"verdict":"unknown","condition":"/etc/corp/enrolled exists",
  "reason":"not_reported","text":"it was never reported","facts":[
    {"key":"file.exists:/etc/corp/enrolled","known":false,"unknown_reason":"not_reported","text":"never reported","age_ms":null,
     "collected_at":null,"source":null}]})";
const std::string kLongRule = R"({"id":5,"type":"ip-range","negate":false,"verdict":"match",
  "condition":"an address is in 10.0.1.0/24, 10.0.2.0/24, 10.0.3.0/24, 10.0.4.0/24 or 10.0.5.0/24","reason":"ip_in_range",
  "text":"an address is in a range","facts":[
    {"key":"net.interfaces","known":true,"text":"ens3 up 10.0.1.7 fe80::209:fff:fe00:107; docker0 down 172.17.0.1; wlan0 down; tun0 up 10.8.0.2",
     "age_ms":7200000,"collected_at":"2026-11-26T08:00:00Z","source":"rtnetlink"}]})";

std::string why(const std::string& state, const std::string& reason, const std::string& text, const std::string& logic,
                const std::vector<std::string>& rules, const std::string& at = "2026-11-26T10:00:00Z") {
  std::string list;
  for (const std::string& rule : rules) list += (list.empty() ? "" : ",") + rule;
  return R"({"uid":")" + std::string(kUid) + R"(","tag":"Compliant","at":")" + at + R"(","state":")" + state +
         R"(","reason":")" + reason + R"(","text":")" + text +
         R"(","os":"linux","os_fact":{"key":"os.family","known":true,"text":"linux"},"logic":)" +
         (logic.empty() ? "null" : "\"" + logic + "\"") + R"(,"rules":[)" + list + "]}";
}

class Why : public testing::Test {
 protected:
  Why() {
    set_endpoint(laptop7());
    lab_.ems.on("GET tags/Compliant", kCompliant);
  }
  void set_endpoint(const std::string& endpoint) {
    lab_.ems.on("GET endpoints", R"({"items":[)" + endpoint + R"(],"next_cursor":null,"total":1})");
    lab_.ems.on("GET endpoints/" + std::string(kUid), endpoint);
  }
  void answers(const std::string& body) { lab_.ems.on(kPath, body); }
  void expect_golden(const std::string& name, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments{"why", "laptop7", "Compliant"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    EXPECT_EQ(lab_.run(arguments), kDone) << lab_.err();
    EXPECT_EQ(lab_.err(), "");
    EXPECT_EQ(lab_.out(), ProgramLab::golden("postern-why-" + name + ".txt", lab_.out()));
  }

  const std::string kPath = "GET endpoints/" + std::string(kUid) + "/tags/Compliant/why";
  ProgramLab lab_;
};

TEST_F(Why, AnEndpointThatHasTheTag) {
  std::string sshd = kSshdFails;
  sshd.replace(sshd.find("no_match"), 8, "match")
      .replace(sshd.find("what must run does not"), 22, "what must run does");
  sshd.replace(sshd.find("\"false\""), 7, "\"true\"");
  answers(why("has", "logic", "by 1 and 2", "1 and 2", {kManagedRule, sshd}));
  expect_golden("has");
}

TEST_F(Why, OneThatDoesNotHaveIt) {
  answers(why("absent", "logic", "by 1 and 2", "1 and 2", {kManagedRule, kSshdFails}));
  expect_golden("absent");
}

TEST_F(Why, OneThatDoesNotHaveItInAsciiAndWhereThereIsNoTerminal) {
  lab_.terminal.looks().utf8 = false;
  answers(why("absent", "logic", "by", "(1 and 2) and (4 or 5)", {kManagedRule, kSshdFails, kFileUnknown, kLongRule}));
  expect_golden("ascii");
  lab_.terminal.looks().width = 0;
  EXPECT_EQ(lab_.run({"why", "laptop7", "Compliant"}), kDone);
  EXPECT_NE(lab_.out().find("others\n+ rule 1  the agent is registered"), std::string::npos);
}

TEST_F(Why, OneOfWhichNobodyKnows) {
  answers(why("unknown", "logic", "by", "1 and 3 and 4", {kManagedRule, kVulnerableUnknown, kFileUnknown}));
  expect_golden("unknown");
}

TEST_F(Why, AnAttributeIsSetByPeopleAndNotByTheAgent) {
  const auto rule = [](const std::string& reason, const std::string& text) {
    return R"J({"id":1,"type":"external-score","negate":false,"verdict":"unknown","condition":"the score that edr gives is >= 50",
      "reason":")J" + reason + R"J(","text":")J" + text + R"J(","facts":[{"key":"ems.attribute:score.edr","known":false,
      "unknown_reason":"stale","text":"expired; it was 87","age_ms":172800000,"collected_at":"2026-11-24T10:00:00Z","source":"admin"}]})J";
  };
  answers(why("unknown", "logic", "by", "1",
              {rule("attribute_expired", "the attribute score.edr expired on 2026-11-25T10:00:00.000Z; it was 87, set by admin on "
                                         "2026-11-24T10:00:00.000Z")}));
  expect_golden("attribute");
  EXPECT_EQ(lab_.run({"why", "laptop7", "Compliant", "--at", "-1h"}), kDone);
  EXPECT_EQ(lab_.out().find("postern attribute"), std::string::npos) << lab_.out();
  answers(why("unknown", "logic", "by", "1", {rule("attribute_unset", "nobody has set it")}));
  EXPECT_EQ(lab_.run({"why", "laptop7", "Compliant"}), kDone);
  EXPECT_NE(lab_.out().find("postern attribute laptop7 score.edr"), std::string::npos) << lab_.out();
  EXPECT_EQ(lab_.out().find("recheck"), std::string::npos) << lab_.out();
}

TEST_F(Why, WithoutAFeedItNamesTheCommandThatAddsOne) {
  std::string rule = kVulnerableUnknown;
  rule.replace(rule.find("unsupported"), 11, "no_feed")
      .replace(rule.find("this system has no such thing"), 29, "no feed of vulnerabilities is in force")
      .replace(rule.find("unknown (unsupported)"), 21, "no feed in force");
  answers(why("unknown", "logic", "by", "3", {rule}));
  expect_golden("no-feed");
}

TEST_F(Why, WhoWasSilentForTooLongIsUnknownForNoRulesReason) {
  set_endpoint(laptop7(R"(,"online":false)"));
  std::string rule = kManagedRule;
  rule.replace(rule.find("\"match\""), 7, "\"no_match\"");
  answers(why("unknown", "silent",
              "nothing was heard of it since 2026-11-26T08:00:00.000Z; what an endpoint reported counts for 1 hour after that (the "
              "EMS's --tag-timeout), so until it reports again nobody knows of any tag that has rules",
              "1", {rule}));
  expect_golden("silent");
}

TEST_F(Why, ATagThatIgnoresUnknownSaysSo) {
  std::string tag = kCompliant;
  tag.replace(tag.find("deny"), 4, "ignore");
  lab_.ems.on("GET tags/Compliant", tag);
  answers(why("unknown", "logic", "by", "4", {kFileUnknown}));
  expect_golden("ignore");
}

TEST_F(Why, ADisabledTag) {
  answers(why("absent", "disabled", "the tag is disabled: no endpoint has it", "1 and 2", {kManagedRule, kSshdFails}));
  expect_golden("disabled");
}

TEST_F(Why, NoRulesForItsSystem) {
  answers(why("absent", "no_rules_for_os", "the tag has no rules for this operating system (linux)", "", {}));
  expect_golden("no-rules-for-os");
}

TEST_F(Why, APastMoment) {
  answers(why("absent", "logic", "by 1 and 2", "1 and 2", {kManagedRule, kSshdFails}, "2026-11-26T08:00:00Z"));
  set_endpoint(laptop7(R"(,"tags":["Compliant"])"));
  expect_golden("past", {"--at", "-2h"});
  const auto asked = lab_.ems.asked(kPath);
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked.front().query.at("at"), "2026-11-26T08:00:00.000Z");
}

TEST_F(Why, LongFactsAreFittedAndManyRulesFoldedToALine) {
  answers(why("has", "logic", "by", "2 or 5", {kManagedRule, kSshdFails, kVulnerableUnknown, kLongRule}));
  expect_golden("long");
}

TEST_F(Why, AnOfflineEndpointIsCountedForNoTag) {
  set_endpoint(laptop7(R"(,"online":false)"));
  answers(why("absent", "logic", "by 2", "2", {kSshdFails}));
  expect_golden("offline");
}

TEST_F(Why, OfOneThatIsDeregisteredItIsSaidFirst) {
  set_endpoint(laptop7(R"(,"online":false,"registered":false,"registration":"deregistered")"));
  std::string answer = why("has", "by_hand", "it was given by hand", "", {});
  answer.insert(answer.rfind('}'),
                R"(,"refused":"the endpoint is deregistered since 2026-11-24T09:00:00.000Z: gateways refuse it, )"
                R"(whatever its tags say")");
  answers(answer);
  expect_golden("deregistered");
}

TEST_F(Why, ATagThatIsKeptForAWhile) {
  std::string rule = kSshdFails;
  rule.replace(rule.find("\"facts\""), 7, R"("max_age":null,"holds_until":"2026-11-26T11:00:00Z","facts")");
  rule.replace(rule.find("\"source\""), 8, R"("as_of":"2026-11-26T09:59:59Z","source")");
  answers(why("has", "held", "the rules say no since 09:57, and its loss_delay keeps it until 2026-11-26T10:02:00.433Z",
              "1 and 2", {kManagedRule, rule}));
  expect_golden("held");
}

TEST_F(Why, WhenItChangesByItselfIsSaidWhereItDecides) {
  const auto with = [](std::string json, const std::string& member, const char* at) {
    return json.insert(json.find(member), R"("holds_until":)" + (at == nullptr ? "null" : "\"" + std::string(at) + "\"") + ",");
  };
  constexpr const char* kEleven = "2026-11-26T11:00:00Z";
  const auto rule = with(kSshdFails, "\"facts\"", kEleven);
  const auto told = [&](const char* at, const std::vector<std::string>& rules, const std::vector<std::string>& more = {}) {
    answers(with(why("absent", "logic", "by 1 and 2", "1 and 2", rules), "\"rules\"", at));
    std::vector<std::string> arguments{"why", "laptop7", "Compliant"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    EXPECT_EQ(lab_.run(arguments), kDone) << lab_.err();
    return lab_.out();
  };
  const std::string itself = "By itself this may change on 26 Nov 2026, 11:00:00 UTC.\n";
  const std::string of_tag = "         By itself it may change on 26 Nov 2026, 12:00:00 UTC.\n";
  EXPECT_NE(told(kEleven, {kManagedRule, rule}).find("          " + itself), std::string::npos) << lab_.out();
  EXPECT_EQ(lab_.out().find("By itself it"), std::string::npos) << lab_.out();
  // The rule changes, and the tag doesn't: nothing to tell.
  EXPECT_EQ(told(nullptr, {kManagedRule, rule}).find("By itself"), std::string::npos) << lab_.out();
  // It takes more than this rule.
  EXPECT_NE(told("2026-11-26T12:00:00Z", {kManagedRule, rule}).find(of_tag), std::string::npos) << lab_.out();
  EXPECT_EQ(lab_.out().find(itself), std::string::npos) << lab_.out();
  // What has passed changes no more.
  EXPECT_EQ(told(kEleven, {kManagedRule, rule}, {"--at", "-1h"}).find("By itself"), std::string::npos) << lab_.out();
}

TEST_F(Why, WhatTheEmsConcludesItselfHasNoAgeOfItsOwn) {
  answers(why("has", "logic", "by 7", "7",
              {R"({"id":7,"type":"tag","negate":false,"verdict":"match","condition":"the endpoint has the tag Managed",
    "reason":"has_tag","text":"the endpoint has the other tag","facts":[{"key":"tag:Managed","known":true,"value":true,"text":"true",
    "age_ms":1795000000000,"as_of":"2026-11-26T09:59:58Z","collected_at":null,"source":"ems"}]})"}));
  EXPECT_EQ(lab_.run({"why", "laptop7", "Compliant"}), kDone);
  EXPECT_NE(lab_.out().find("tag:Managed = true  2 seconds ago, from ems\n"), std::string::npos) << lab_.out();
}

TEST_F(Why, AReasonThatThisVersionDoesNotKnowIsToldInTheEmsWords) {
  answers(
      why("has", "held_over", "it was lost a minute ago and is held for five", "1 and 2", {kManagedRule, kSshdFails}));
  EXPECT_EQ(lab_.run({"why", "laptop7", "Compliant"}), kDone);
  EXPECT_TRUE(lab_.out().starts_with("laptop7 has Compliant: it was lost a minute ago and is held for five.\n"))
      << lab_.out();
}

TEST_F(Why, AnExpressionThatSaysSomethingElseThanTheEmsIsNotBelieved) {
  answers(why("has", "logic", "by", "1 xor 2", {kManagedRule, kSshdFails}));
  EXPECT_EQ(lab_.run({"why", "laptop7", "Compliant"}), kDone);
  EXPECT_TRUE(lab_.out().starts_with("laptop7 has Compliant: rule 1 holds.\n")) << lab_.out();
  EXPECT_NE(lab_.out().find("Logic    1 xor 2\n"), std::string::npos) << lab_.out();
}

TEST_F(Why, OtherPeoplesTextsGiveTheTerminalNoOrders) {
  std::string rule = kSshdFails;
  rule.replace(rule.find("\"false\""), 7, "\"\\u001b[2J\\u0007x\"");
  answers(why("absent", "logic", "by 2", "2", {rule}));
  EXPECT_EQ(lab_.run({"why", "laptop7", "Compliant"}), kDone);
  EXPECT_EQ(lab_.out().find('\x1b'), std::string::npos);
  EXPECT_EQ(lab_.out().find('\a'), std::string::npos);
}

TEST_F(Why, JsonIsTheEmsOwnAnswer) {
  answers(R"({"state":"has","more":[1]})");
  EXPECT_EQ(lab_.run({"--json", "why", "laptop7", "Compliant"}), kDone);
  EXPECT_EQ(lab_.out(), "{\"state\":\"has\",\"more\":[1]}\n");
}

TEST_F(Why, ATagThatIsNotThere) {
  lab_.ems.refuse("GET endpoints/" + std::string(kUid) + "/tags/Nope/why", 404, "not_found", "there is no tag Nope");
  EXPECT_EQ(lab_.run({"why", "laptop7", "Nope"}), kFailed);
  EXPECT_EQ(lab_.out(), "");
  EXPECT_EQ(lab_.err(), ProgramLab::golden("postern-why-no-tag.txt", lab_.err()));
}

TEST_F(Why, AnEndpointThatIsNotThere) {
  EXPECT_EQ(lab_.run({"why", "laptop", "Compliant"}), kFailed);
  EXPECT_EQ(lab_.out(), "");
  EXPECT_EQ(lab_.err(), ProgramLab::golden("postern-why-no-endpoint.txt", lab_.err()));
}

TEST_F(Why, AMomentThatIsNoneOrToComeIsRefusedBeforeAnybodyIsAsked) {
  for (const char* at : {"tomorrow", "2026-11-27", "-2 fortnights", ""}) {
    EXPECT_EQ(lab_.run({"why", "laptop7", "Compliant", "--at", at}), kMisused) << at;
  }
  EXPECT_EQ(lab_.ems.requests(), 0u);
}

}  // namespace
}  // namespace postern::cli
