#include "proto/fact_codec.h"

#include <gtest/gtest.h>

#include "wire/endpoint.pb.h"

namespace postern::proto {
namespace {

using posture::Fact;
using posture::FactValue;

Fact round_trip(const FactValue& value) {
  const Fact fact{value, from_unix_ms(1234), "somewhere"};
  wire::Fact wire;
  encode_fact("a.key", fact, wire);
  EXPECT_EQ(wire.key(), "a.key");
  wire::Fact arrived;
  EXPECT_TRUE(arrived.ParseFromString(wire.SerializeAsString()));
  const auto back = decode_fact(arrived);
  EXPECT_TRUE(back);
  return back ? *back : Fact{};
}

TEST(FactCodec, EveryKindOfValueComesBack) {
  const posture::Interface eth0{"eth0", *MacAddress::parse("02:09:0f:00:01:02"),
                                {*IpAddress::parse("10.0.1.2"), *IpAddress::parse("2001:db8::1")}, true};
  const posture::Interface bare{"tun0", MacAddress(), {}, false};
  const posture::Route route{"eth0", *IpAddress::parse("10.0.1.1"), *MacAddress::parse("02:00:00:00:00:01"),
                             *IpAddress::parse("10.0.1.2"), true, 100};
  posture::Certificate told;
  told.subject = "laptop7";
  told.trust = posture::ChainTrust::kTrusted;
  told.usages = {"1.3.6.1.5.5.7.3.2", "1.3.6.1.4.1.311.20.2.2"};
  posture::Certificate untrusted;
  untrusted.trust = posture::ChainTrust::kUntrusted;
  untrusted.usages.emplace();
  for (const FactValue& value :
       {FactValue(true), FactValue(false), FactValue(std::int64_t{-5}), FactValue(std::int64_t{0}),
        FactValue(std::string()), FactValue(std::string("text")), FactValue(std::vector<std::string>{}),
        FactValue(std::vector<std::string>{"a", ""}), FactValue(std::vector{eth0, bare}),
        FactValue(std::vector<posture::Interface>{}), FactValue(std::vector{route}),
        FactValue(std::vector<posture::Route>{}), FactValue(std::vector{told, untrusted, posture::Certificate{}}),
        FactValue(posture::Unknown{posture::UnknownReason::kDenied}),
        FactValue(posture::Unknown{posture::UnknownReason::kUnsupported})}) {
    const auto back = round_trip(value);
    EXPECT_EQ(back.value, value);
    EXPECT_EQ(back.source, "somewhere");
    EXPECT_EQ(back.collected_at, from_unix_ms(1234));
  }
}

TEST(FactCodec, WhatIsNeitherKnownNorUnknownIsRefused) {
  wire::Fact f;
  EXPECT_FALSE(decode_fact(f));
  f.set_boolean(true);
  EXPECT_TRUE(decode_fact(f));
  f.set_unknown(wire::UNKNOWN_REASON_DENIED);
  EXPECT_FALSE(decode_fact(f));
  f.clear_unknown();
  f.mutable_interfaces()->add_values()->set_mac("12345");
  EXPECT_FALSE(decode_fact(f));
  f.mutable_interfaces()->mutable_values(0)->set_mac("");
  f.mutable_interfaces()->mutable_values(0)->add_addresses("123");
  EXPECT_FALSE(decode_fact(f));
  f.mutable_routes()->add_values()->set_gateway_ip("12345");
  EXPECT_FALSE(decode_fact(f));
  f.set_text(std::string(kMaxFactText + 1, 'x'));
  EXPECT_EQ(decode_fact(f).error().code, ErrorCode::kResourceExhausted);
  for (std::size_t i = 0; i <= kMaxFactList; ++i) f.mutable_texts()->add_values("x");
  EXPECT_EQ(decode_fact(f).error().code, ErrorCode::kResourceExhausted);
}

TEST(FactCodec, WhatAnotherVersionSaysOfACertificateIsUnknown) {
  wire::Fact f;
  auto& old = *f.mutable_certificates()->add_values();  // says nothing of its chain and usages
  old.set_sha256(std::string(32, 'x'));
  auto& newer = *f.mutable_certificates()->add_values();
  newer.set_sha256(std::string(32, 'y'));
  newer.set_trust(static_cast<wire::ChainTrust>(7));
  newer.mutable_usages()->add_oids("1.2.3");
  const auto fact = decode_fact(f);
  ASSERT_TRUE(fact);
  const auto* list = fact->as<std::vector<posture::Certificate>>();
  ASSERT_NE(list, nullptr);
  EXPECT_EQ((*list)[0].trust, posture::ChainTrust::kUnknown);
  EXPECT_EQ((*list)[0].usages, std::nullopt);
  EXPECT_EQ((*list)[1].trust, posture::ChainTrust::kUnknown);
  EXPECT_EQ((*list)[1].usages, std::vector<std::string>{"1.2.3"});
  for (std::size_t i = 0; i < posture::kMaxCertificateUsages; ++i) newer.mutable_usages()->add_oids("1.2.3");
  EXPECT_EQ(decode_fact(f).error().code, ErrorCode::kResourceExhausted);
}

TEST(FactCodec, TextsThatAreNotUtf8StillTravel) {
  // The wire's parser refuses a whole frame for one bad byte: an agent with such a file name would never get through.
  for (const auto& [bad, good] : std::vector<std::pair<std::string, std::string>>{
           {"a\xff" "b", "a\xef\xbf\xbd" "b"},
           {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},                    // overlong
           {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},  // a surrogate
           {"\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd"},                    // cut off
           {"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x94\x92", "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x94\x92"}}) {
    EXPECT_EQ(round_trip(bad).value, FactValue(good));
    EXPECT_EQ(round_trip(std::vector{bad}).value, FactValue(std::vector{good}));
  }
}

TEST(FactCodec, WhatIsWithinBoundsIsTakenByAPeer) {
  const auto fact = [](FactValue value) { return Fact{std::move(value), {}, ""}; };
  EXPECT_TRUE(within_bounds(fact(std::string(kMaxFactText / 3, '\xff'))));
  EXPECT_FALSE(within_bounds(fact(std::string(kMaxFactText, 'x'))));
  EXPECT_EQ(round_trip(std::string(kMaxFactText / 3, '\xff')).source, "somewhere");
  EXPECT_TRUE(within_bounds(fact(std::vector<std::string>(kMaxFactList))));
  EXPECT_FALSE(within_bounds(fact(std::vector<std::string>(kMaxFactList + 1))));
  posture::Certificate certificate;
  certificate.usages.emplace(posture::kMaxCertificateUsages, "1.2.3");
  EXPECT_TRUE(within_bounds(fact(std::vector{certificate})));
  certificate.usages->emplace_back("1.2.3");
  EXPECT_FALSE(within_bounds(fact(std::vector{certificate})));
  EXPECT_FALSE(within_bounds(fact(std::vector{posture::Interface{"eth0", {}, {IpAddress()}, true}})));
}

}  // namespace
}  // namespace postern::proto
