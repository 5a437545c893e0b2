// What a syslog server gets of a decision.
#include "gateway/syslog/message.h"

#include <gmock/gmock.h>

#include "base/random.h"
#include "gateway/syslog/parse_lab.h"

namespace postern::gateway::syslog {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

ecshm::Event denial() {
  ecshm::Event e;
  e.type = ecshm::EventType::kDenied;
  e.reason = policy::Reason::kMissingTag;
  e.time = WallTime(Millis(1'780'000'000'123));
  e.leaf = Sha256{};
  e.proxy = 9;
  e.policy = 2;
  e.status = 403;
  e.source = IpAddress::v4({10, 0, 1, 2});
  e.source_port = 50000;
  e.bytes = 3000;
  e.duration_ms = 12;
  e.id = "K7QM-2D9F";
  e.method = "GET";
  e.host = "app.example";
  e.path = "/a";
  return e;
}

TrafficNames names() { return {"UID1", "vm", "PSTEMS0123456789", "web", "connected", {"EMS1_ZTNA_A", "EMS1_ZTNA_B"}}; }

std::string message_of(const ecshm::Event& event, const TrafficNames& names, const Origin& origin = {23, "gw1", "4711"}) {
  std::string out = "kept ";
  put_message(out, origin, event, names);
  EXPECT_TRUE(out.starts_with("kept <"));
  return out.substr(5);
}

TEST(SyslogMessage, WholeAsItTravels) {
  EXPECT_EQ(message_of(denial(), names()),
            "<188>1 2026-05-28T20:26:40.123Z gw1 postern-gateway 4711 ztna-deny [ztna@32473 action=\"deny\" id=\"K7QM-2D9F\" "
            "reason=\"065\" reason_name=\"missing_tag\" policyid=\"2\" policyname=\"connected\" accessproxy=\"web\" "
            "accessproxyid=\"9\" gatewayid=\"0\" realserverpool=\"0\" srcip=\"10.0.1.2\" srcport=\"50000\" method=\"GET\" "
            "hostname=\"app.example\" path=\"/a\" status=\"403\" sentbyte=\"3000\" duration_ms=\"12\" clientcert_sha256=\"" +
                std::string(64, '0') +
                "\" clientdeviceid=\"UID1\" clientdevicename=\"vm\" clientdeviceems=\"PSTEMS0123456789\" "
                "tag=\"EMS1_ZTNA_A\" tag=\"EMS1_ZTNA_B\"] the endpoint lacks a tag that the policy demands");
}

TEST(SyslogMessage, FacilityAndSeverity) {
  auto event = denial();
  const auto priority = [&](unsigned facility) { return parse_message(message_of(event, {}, {facility, "h", "1"}))->priority; };
  EXPECT_EQ(priority(0), 4u);
  EXPECT_EQ(priority(23), 188u);
  EXPECT_EQ(priority(99), 188u);
  event.type = ecshm::EventType::kCut;
  EXPECT_EQ(priority(16), 132u);
  event.type = ecshm::EventType::kAllowed;
  EXPECT_EQ(priority(16), 134u);
  event.reason = policy::Reason::kNone;
  const auto accepted = parse_message(message_of(event, {}));
  EXPECT_EQ(accepted->get("reason"), "");
  EXPECT_EQ(accepted->text, "let through");
}

TEST(SyslogMessage, SaysWhatTheTrafficLogSays) {
  auto event = denial();
  event.type = ecshm::EventType::kAllowed;
  event.reason = policy::Reason::kNoRealServer;  // let through, and nobody was there
  event.kind = ecshm::SessionKind::kTcpForwarding;
  event.detail = "10.0.3.11:22";
  auto forwarded = names();
  forwarded.forwards = true;
  const auto parsed = parse_message(message_of(event, forwarded));
  EXPECT_EQ(parsed->get("reason_name"), "no_real_server");
  EXPECT_EQ(parsed->text, policy::reason_text(policy::Reason::kNoRealServer));
  EXPECT_EQ(parsed->get("kind"), "tcp-forwarding");
  EXPECT_EQ(parsed->get("service"), "tcp-forwarding");
  EXPECT_EQ(parsed->get("destination"), "10.0.3.11:22");
  EXPECT_EQ(parsed->get("detail"), "");
}

TEST(SyslogMessage, SaysWhatTheFileSays) {
  auto event = denial();
  event.type = ecshm::EventType::kAllowed;
  event.reason = policy::Reason::kNoRealServer;
  event.kind = ecshm::SessionKind::kWebSocket;
  event.interface = "port1";
  event.detail = "10.0.3.16:22\nits real server was taken out";
  auto forwarded = names();
  forwarded.forwards = true;
  const auto parsed = parse_message(message_of(event, forwarded));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->get("kind"), "websocket");
  EXPECT_EQ(parsed->get("service"), "tcp-forwarding");
  EXPECT_EQ(parsed->get("reason_name"), policy::reason_name(event.reason));
  EXPECT_EQ(parsed->text, policy::reason_text(event.reason));
  // No name in a line of the file is missing.
  const auto line = traffic_line(event, forwarded);
  std::size_t told = 0;
  for (std::size_t at = 0; (at = line.find("\":", at)) != line.npos; ++at) {
    const auto begin = line.rfind('"', at - 1) + 1;
    const auto name = line.substr(begin, at - begin);
    if (name == "time" || name == "type" || name == "subtype" || name == "msg") continue;
    EXPECT_FALSE(parsed->all(name == "tags" ? "tag" : name).empty()) << name;
    ++told;
  }
  EXPECT_GT(told, 20u);
}

TEST(SyslogMessage, WhatClientsSendForgesNothing) {
  auto event = denial();
  event.path = "/\"] <14>1 - - - - - [x y=\"z\\";
  event.host = "a\nb\r\x1b[31m\x80";
  const auto parsed = parse_message(message_of(event, names()));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->get("path"), event.path);
  EXPECT_EQ(parsed->get("hostname"), "a b  [31m\xef\xbf\xbd");
  EXPECT_THAT(message_of(event, names()), HasSubstr(R"(path="/\"\] <14>1 - - - - - [x y=\"z\\")"));
}

TEST(SyslogMessage, HostNamesOfOtherAlphabets) {
  EXPECT_EQ(parse_message(message_of(denial(), {}, {23, "gw \xc3\xa4 1\n", ""}))->host, "gw1");
  EXPECT_EQ(parse_message(message_of(denial(), {}, {23, "", ""}))->host, "-");
  EXPECT_EQ(parse_message(message_of(denial(), {}, {23, std::string(300, 'h'), ""}))->host.size(), 255u);
}

TEST(SyslogMessage, NeverLongerThanItMayBe) {
  auto event = denial();
  auto many = names();
  many.tags.clear();
  std::deque<std::string> texts;
  for (int i = 0; i < 500; ++i) many.tags.push_back(texts.emplace_back("EMS1_ZTNA_" + std::string(60, 'x') + std::to_string(i)));
  event.path = std::string(400, '"');
  event.detail = std::string(2000, '\\');
  const auto message = message_of(event, many);
  EXPECT_LE(message.size(), kMaxMessage);
  const auto parsed = parse_message(message);
  ASSERT_TRUE(parsed);
  const auto kept = parsed->all("tag");
  EXPECT_GT(kept.size(), 50u);
  EXPECT_EQ(parsed->get("tagsleftout"), std::to_string(500 - kept.size()));
  EXPECT_EQ(parsed->get("detail").size(), 512u);
  // Cut between characters.
  auto& long_name = texts.emplace_back("x");
  for (int i = 0; i < 400; ++i) long_name += "\xc3\xa4";
  many.host_name = long_name;
  EXPECT_EQ(parse_message(message_of(event, many))->get("clientdevicename").size(), 511u);
}

TEST(SyslogMessage, WhateverIsInItAStrictReaderTakesIt) {
  SeededRandom random(7);
  const auto bytes = [&](std::size_t max) {
    std::string out;
    for (auto n = random.below(max); n-- > 0;) {
      constexpr std::string_view kOften = "\"\\] =[\n\xc3\xa4\xe2\x80\xa8";
      out += random.below(2) == 0 ? kOften[random.below(kOften.size())] : static_cast<char>(random.below(256));
    }
    return out;
  };
  for (int i = 0; i < 3000; ++i) {
    auto event = denial();
    event.type = static_cast<ecshm::EventType>(1 + random.below(3));
    event.reason = static_cast<policy::Reason>(random.below(80));
    event.id = bytes(12);
    event.method = bytes(10);
    event.host = bytes(100);
    event.path = bytes(300);
    event.detail = bytes(200);
    std::deque<std::string> texts;
    const auto kept = [&](std::size_t most) -> std::string_view { return texts.emplace_back(bytes(most)); };
    TrafficNames n{kept(40), kept(600), kept(20), kept(40), kept(40), {}};
    for (auto k = random.below(40); k-- > 0;) n.tags.push_back(kept(600));
    const auto message = message_of(event, n, {static_cast<unsigned>(random.below(30)), bytes(300), "1"});
    ASSERT_LE(message.size(), kMaxMessage);
    ASSERT_TRUE(parse_message(message)) << message;
  }
}

}  // namespace
}  // namespace postern::gateway::syslog
