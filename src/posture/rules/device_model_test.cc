#include <gmock/gmock.h>

#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace device_model_rule {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using enum Verdict;

FactMap hardware(Fact manufacturer, Fact model) {
  return {{std::string(keys::kHostManufacturer), std::move(manufacturer)},
          {std::string(keys::kHostModel), std::move(model)}};
}

TEST(DeviceModel, ManufacturerModelOrBoth) {
  const auto both = make("device-model", {{"manufacturer", "dell*"}, {"model", "Latitude 7??0"}});
  const auto made = make("device-model", {{"manufacturer", "Dell Inc."}});
  const auto model = make("device-model", {{"model", "*Pro*"}});
  const Fact dell = text("Dell Inc."), latitude = text("Latitude 7440"), failed = unknown(UnknownReason::kFailed);
  expect(*both, hardware(dell, latitude), kMatch, "model_matches");
  expect(*both, hardware(dell, text("Latitude 744")), kNoMatch, "model_differs");
  expect(*both, hardware(text("QEMU"), latitude), kNoMatch, "model_differs");
  expect(*both, hardware(text("QEMU"), failed), kNoMatch, "model_differs");
  expect(*both, hardware(dell, failed), kUnknown, "failed");
  expect(*made, hardware(text("DELL INC."), failed), kMatch, "model_matches");
  expect(*made, hardware(text("Dell Inc. 2"), failed), kNoMatch, "model_differs");
  expect(*model, hardware(failed, text("MacBook Pro 14")), kMatch, "model_matches");
  expect(*model, hardware(failed, text("MacBook Air")), kNoMatch, "model_differs");
  expect_unknowns(*both, hardware(dell, latitude), keys::kHostManufacturer, known(true));
  expect_unknowns(*both, hardware(dell, latitude), keys::kHostModel, known(true));
  EXPECT_EQ(both->describe(), "its manufacturer is dell* and its model is Latitude 7??0");
  EXPECT_EQ(model->describe(), "its model is *Pro*");
  EXPECT_EQ(both->parts()->conditions.size(), 2u);
}

TEST(DeviceModel, Refusals) {
  EXPECT_THAT(refusal("device-model", {}), HasSubstr("give manufacturer, model or both"));
  EXPECT_THAT(refusal("device-model", {{"model", ""}}), HasSubstr("model: must not be empty"));
  EXPECT_THAT(refusal("device-model", {{"model", std::string(17, '*')}}), HasSubstr("model: "));
}

}  // namespace
}  // namespace device_model_rule
}  // namespace postern::posture
