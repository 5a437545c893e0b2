#include <gmock/gmock.h>

#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace device_id_rule {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using enum Verdict;
using List = std::vector<std::string>;

constexpr const char* kUuid = "4c4c4544-0042-3510-8053-b7c04f4d3233";

TEST(DeviceId, EachIdByItself) {
  struct Row {
    const char* parameter;
    const char* wanted;
    std::string_view key;
    Fact same;
    Fact other;
    Fact malformed;
    const char* text;
  };
  const Row rows[] = {
      {"serials", "5CG1234XYZ", keys::kHardwareSerial, text("5cg1234xyz"), text("5CG1234XY"), known(true),
       "its serial number is 5CG1234XYZ"},
      {"uuids", kUuid, keys::kHardwareUuid, text("4C4C4544-0042-3510-8053-B7C04F4D3233"),
       text("4c4c4544-0042-3510-8053-b7c04f4d3234"), known(true),
       "its hardware UUID is 4c4c4544-0042-3510-8053-b7c04f4d3233"},
      {"machine_ids", "0123456789abcdef0123456789abcdef", keys::kMachineId, text("0123456789abcdef0123456789abcdef"),
       text(""), known(List{}), "its machine id is 0123456789abcdef0123456789abcdef"},
      {"macs", "02-09-0F-00-01-02", keys::kMacs, known(List{"02:00:00:00:00:01", "02:09:0f:00:01:02"}),
       known(List{"02:09:0f:00:01:03", "x"}), text("02:09:0f:00:01:02"),
       "a hardware address of its own is 02-09-0F-00-01-02"}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.parameter);
    const auto rule = make("device-id", {{row.parameter, List{row.wanted}}});
    EXPECT_EQ(rule->keys(), List{std::string(row.key)});
    expect(*rule, {{std::string(row.key), row.same}}, kMatch, "device_listed");
    expect(*rule, {{std::string(row.key), row.other}}, kNoMatch, "device_not_listed");
    expect_unknowns(*rule, {}, row.key, row.malformed);
    EXPECT_EQ(rule->describe(), row.text);
  }
}

TEST(DeviceId, AnyOfSeveralIds) {
  const auto rule = make("device-id", {{"uuids", List{kUuid}}, {"macs", List{"02:09:0f:00:01:02", "02:09:0f:00:01:03"}}});
  ASSERT_NE(rule->parts(), nullptr);
  EXPECT_EQ(rule->parts()->conditions.size(), 2u);
  const auto facts = [](Fact uuid, Fact macs) {
    return FactMap{{std::string(keys::kHardwareUuid), std::move(uuid)}, {std::string(keys::kMacs), std::move(macs)}};
  };
  const Fact denied = unknown(UnknownReason::kDenied), mine = known(List{"02:09:0f:00:01:03"}), none = known(List{});
  expect(*rule, facts(denied, mine), kMatch, "device_listed");
  expect(*rule, facts(denied, none), kUnknown, "denied");
  expect(*rule, facts(text("x"), none), kNoMatch, "device_not_listed");
  expect(*rule, facts(text(kUuid), unknown(UnknownReason::kFailed)), kMatch, "device_listed");
  EXPECT_EQ(rule->describe(),
            std::string("its hardware UUID is ") + kUuid +
                " or a hardware address of its own is 02:09:0f:00:01:02 or 02:09:0f:00:01:03");
}

TEST(DeviceId, Refusals) {
  EXPECT_THAT(refusal("device-id", {}), HasSubstr("at least one of serials, uuids, macs and machine_ids"));
  for (const char* bad : {"4c4c4544", "4c4c4544-0042-3510-8053-b7c04f4d323g", "4c4c4544.0042-3510-8053-b7c04f4d3233"}) {
    EXPECT_THAT(refusal("device-id", {{"uuids", List{bad}}}), HasSubstr("uuids[0]: ")) << bad;
    EXPECT_THAT(refusal("device-id", {{"uuids", List{bad}}}), HasSubstr("is no UUID; write it as")) << bad;
  }
  EXPECT_THAT(refusal("device-id", {{"macs", List{"02:09:0f:00:01"}}}), HasSubstr("is no hardware address; write it as"));
  // What many devices have in common can't be asked for.
  EXPECT_THAT(refusal("device-id", {{"uuids", List{"00000000-0000-0000-0000-000000000000"}}}), HasSubstr("says nothing"));
  EXPECT_THAT(refusal("device-id", {{"uuids", List{"ffffffff-ffff-ffff-ffff-ffffffffffff"}}}), HasSubstr("says nothing"));
  EXPECT_THAT(refusal("device-id", {{"macs", List{"00:00:00:00:00:00"}}}), HasSubstr("is no hardware address"));
  EXPECT_THAT(refusal("device-id", {{"macs", List{"ff:ff:ff:ff:ff:ff"}}}), HasSubstr("says nothing"));
  EXPECT_THAT(refusal("device-id", {{"serials", List{"0"}}}), HasSubstr("says nothing"));
  EXPECT_THAT(refusal("device-id", {{"serials", List{}}}), HasSubstr("the list is empty"));
  EXPECT_THAT(refusal("device-id", {{"serials", List(1001, "x")}}), HasSubstr("the list has 1001 entries, allowed are 1000"));
}

}  // namespace
}  // namespace device_id_rule
}  // namespace postern::posture
