#include "gateway/addresses/kept_pins.h"

#include <gmock/gmock.h>

namespace postern::gateway {
namespace {

const Pin kOne = {{"port1", *IpAddress::parse("10.0.1.2")},
                  *MacAddress::parse("02:09:0f:00:01:02"),
                  {1, EndpointUid("9A016B5A6E914B42AD4168C066EB04CA")}};
const Pin kTwo = {{"port1.20", *IpAddress::parse("fd00::2")},
                  *MacAddress::parse("02:09:0f:00:01:03"),
                  {7, EndpointUid("9A016B5A6E914B42AD4168C066EB04CB")}};

TEST(KeptPins, ComeBackAsTheyWere) {
  EXPECT_THAT(decode_pins(encode_pins({kOne, kTwo})), testing::ElementsAre(kOne, kTwo));
  EXPECT_THAT(decode_pins(encode_pins({})), testing::IsEmpty());
}

TEST(KeptPins, WhatCannotBeUnderstoodIsLeftOut) {
  const auto good = encode_pins({kTwo});
  for (const std::string bad :
       {"", "\n\n", "1\n", "x 9A016B5A6E914B42AD4168C066EB04CA 10.0.1.2 02:09:0f:00:01:02 port1\n",
        "99999999999 9A016B5A6E914B42AD4168C066EB04CA 10.0.1.2 02:09:0f:00:01:02 port1\n",
        "1  10.0.1.2 02:09:0f:00:01:02 port1\n", "1 9A016B5A6E914B42AD4168C066EB04CA 10.0.1 02:09:0f:00:01:02 port1\n",
        "1 9A016B5A6E914B42AD4168C066EB04CA 10.0.1.2 02:09 port1\n",
        "1 9A016B5A6E914B42AD4168C066EB04CA 10.0.1.2 02:09:0f:00:01:02 \n",
        "1 9A016B5A6E914B42AD4168C066EB04CA 10.0.1.2 02:09:0f:00:01:02 port1 more\n"}) {
    EXPECT_THAT(decode_pins(bad + good), testing::ElementsAre(kTwo)) << bad;
  }
}

}  // namespace
}  // namespace postern::gateway
