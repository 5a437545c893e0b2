#include "ems/api/api_lab.h"
#include "pki/certificate.h"

namespace postern::ems::testing {
namespace {

TEST_F(ApiLab, TheEmsSaysWhoItIsAndHowItIs) {
  TestAgent agent;
  join(agent);
  TestGateway gateway("PGW0000000000001", 5);
  connect(gateway);
  const Reply reply = get("/api/v1/ems");
  ASSERT_EQ(reply.status, 200);
  EXPECT_TRUE(valid_ems_serial(reply.str("serial")));
  EXPECT_EQ(reply.str("version"), "test");
  EXPECT_EQ(reply.at("revision"), json::value(core->revision()));
  for (const char* one :
       {"endpoints", "registered", "online", "telemetry_sessions", "fabric_sessions", "pending_devices"}) {
    EXPECT_EQ(reply.at("counts", one), json::value(1)) << one;
  }
  EXPECT_EQ(reply.at("counts", "quarantined"), json::value(0));
  EXPECT_EQ(reply.at("read_only"), json::value(false));
  EXPECT_TRUE(reply.at("store_error").is_null());

  // What a gateway or an agent is told to trust is what is shown here.
  const auto root = pki::certificates_from_pem(reply.str("root_certificate"));
  ASSERT_TRUE(root);
  EXPECT_EQ(to_hex_lower(pki::parse_certificate(root->front())->public_key_sha256), reply.str("root_key_sha256"));
  const auto ztna = pki::certificates_from_pem(reply.str("ztna_ca"));
  ASSERT_TRUE(ztna);
  EXPECT_TRUE(pki::signed_by(ztna->front(), root->front()));
  EXPECT_TRUE(pki::signed_by(agent.leaf(), ztna->front()));
  EXPECT_EQ(reply.text.find("PRIVATE KEY"), std::string::npos);

  disk_full(true);
  EXPECT_EQ(post("/api/v1/invitations").status, 507);
  const Reply bad = get("/api/v1/ems");
  EXPECT_EQ(bad.at("read_only"), json::value(true));
  EXPECT_NE(bad.str("store_error").find("disk is full"), std::string::npos);
  EXPECT_EQ(bad.at("revision"), reply.at("revision"));
  disk_full(false);
}

TEST_F(ApiLab, WhatItIsWorkingOnIsShownWhileItLasts) {
  TestAgent agent;
  join(agent);
  EXPECT_TRUE(get("/api/v1/ems").at("work").as_array().empty());
  Feed feed;
  feed.name = "osv";
  feed.given = true;
  core->set_matching(clock.now(), nullptr, {feed});
  settle();
  core->show_feed_state(clock.now(), "osv", FeedState::kReading, {});
  EXPECT_EQ(get("/api/v1/ems").at("work"), (json::array{json::object{{"kind", "read_feeds"},
                                                                     {"done", 0},
                                                                     {"total", 1},
                                                                     {"started_at", to_iso8601(clock.now().wall)}}}));
  core->show_feed_state(clock.now(), "osv", FeedState::kIdle, {});
  EXPECT_TRUE(get("/api/v1/ems").at("work").as_array().empty());
}

}  // namespace
}  // namespace postern::ems::testing
