#include <gtest/gtest.h>

#include "gateway/ztna/traffic_log.h"

namespace postern::gateway {
namespace {

TEST(TrafficTold, OfForwardedTcpBothItsDestinationAndWhyItEnded) {
  ecshm::Event event;
  event.type = ecshm::EventType::kCut;
  event.detail = "10.0.3.11:22\ncleared by administrator root";
  TrafficNames names;
  names.forwards = true;
  EXPECT_EQ(told_of(event, names).destination, "10.0.3.11:22");
  EXPECT_EQ(told_of(event, names).detail, "cleared by administrator root");
  const auto line = traffic_line(event, names);
  EXPECT_NE(line.find(R"("destination":"10.0.3.11:22","detail":"cleared by administrator root")"), line.npos) << line;
  event.detail = "10.0.3.11:22";
  EXPECT_EQ(told_of(event, names).destination, "10.0.3.11:22");
  EXPECT_EQ(told_of(event, names).detail, "");
  event.detail = "this worker of nginx is still by the configuration of before";
  EXPECT_EQ(told_of(event, names).destination, "");
  EXPECT_EQ(told_of(event, names).detail, event.detail);
  event.detail = "10.0.3.11:22";
  // Refused, it was led nowhere.
  event.type = ecshm::EventType::kDenied;
  EXPECT_EQ(told_of(event, names).detail, "10.0.3.11:22");
  names.forwards = false;
  event.type = ecshm::EventType::kCut;
  EXPECT_EQ(told_of(event, names).detail, "10.0.3.11:22");
}

}  // namespace
}  // namespace postern::gateway
