#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "gateway/ztna/nginx_config.h"
#include "gateway/ztna/shm_actions.h"
#include "gateway/ztna/traffic_log.h"

namespace postern::gateway {
namespace {

NginxConfig config() {
  NginxConfig c;
  c.module_path = "/lib/m.so";
  c.runtime_dir = "/run/postern";
  c.state_dir = "/var/lib/nginx-state";
  c.client_ca_path = "/etc/ca.pem";
  c.listeners = {{1, *IpAddress::parse("10.0.3.9"), 443, "/etc/s.pem", "/etc/s.key", true}};
  c.pools = {{7, {{*IpAddress::parse("2001:db8::1"), 8080, 3}}}};
  return c;
}

TEST(NginxConfig, SaysWhatIsConfigured) {
  const auto text = render_nginx_config(config());
  ASSERT_TRUE(text) << text.error().message;
  for (const auto* part :
       {"listen 10.0.3.9:443 ssl http2;", "postern_proxy 1;", "upstream pool_7 {",
        "server [2001:db8::1]:8080 weight=3;", "ssl_verify_client optional;", "TLSv1.3"}) {
    EXPECT_NE(text->find(part), std::string::npos) << part;
  }
  EXPECT_EQ(text->find("ssl_early_data on"), std::string::npos);
}

TEST(NginxConfig, AsksForNoCertificateWithoutACa) {
  auto c = config();
  c.client_ca_path.clear();
  EXPECT_EQ(render_nginx_config(c)->find("ssl_verify_client"), std::string::npos);
}

TEST(NginxConfig, RefusesWhatWouldBreakOut) {
  for (const auto* path :
       {"/a\"; daemon on; \"", "/a;b", "/a\nb", "/$host", "relative", "", "/a{b", "/a\\b"}) {
    auto c = config();
    c.listeners[0].key_path = path;
    const auto text = render_nginx_config(c);
    ASSERT_FALSE(text) << path;
    EXPECT_EQ(text.error().code, ErrorCode::kInvalidArgument);
  }
  auto twice = config();
  twice.listeners.push_back(twice.listeners[0]);
  EXPECT_FALSE(render_nginx_config(twice));
  auto empty = config();
  empty.pools[0].servers.clear();
  EXPECT_FALSE(render_nginx_config(empty));
}

class TrafficLogTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/postern-traffic-XXXXXX";
    dir_ = mkdtemp(name);
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  static ecshm::Event denial(const std::string& id) {
    ecshm::Event e;
    e.type = ecshm::EventType::kDenied;
    e.reason = policy::Reason::kMissingTag;
    e.id = id;
    e.host = "app.\"example\"";
    e.source = *IpAddress::parse("10.0.1.2");
    return e;
  }
  std::filesystem::path dir_;
};

TEST_F(TrafficLogTest, FindsADenialByItsId) {
  auto log = TrafficLog::open(dir_ / "ztna.log", [](const ecshm::Event&) {
    TrafficNames n;
    n.endpoint_uid = "UID1";
    n.tags = {"Telemetry-Connected"};
    return n;
  });
  ASSERT_TRUE(log) << log.error().message;
  (*log)->append(denial("K7QM-2D9F"));
  (*log)->append(denial("AAAA-BBBB"));
  for (const auto* spelled : {"K7QM-2D9F", "k7qm-2d9f", "K7QM2D9F"}) {
    const auto line = (*log)->find(spelled);
    ASSERT_TRUE(line) << line.error().message;
    EXPECT_NE(line->find(R"("reason":"065","reason_name":"missing_tag")"), std::string::npos)
        << *line;
    EXPECT_NE(line->find(R"("clientdeviceid":"UID1")"), std::string::npos);
    EXPECT_NE(line->find(R"("tags":["Telemetry-Connected"])"), std::string::npos);
    EXPECT_NE(line->find(R"("hostname":"app.\"example\"")"), std::string::npos);
  }
  EXPECT_EQ((*log)->find("CCCC-CCCC").error().code, ErrorCode::kNotFound);
  EXPECT_EQ((*log)->find("../etc").error().code, ErrorCode::kInvalidArgument);
}

TEST_F(TrafficLogTest, GoesOnAfterARestartAndKeepsTheFileBefore) {
  const auto path = dir_ / "ztna.log";
  std::ofstream(path) << "{\"half\":";
  auto log = TrafficLog::open(path, nullptr, 1000);
  ASSERT_TRUE(log);
  (*log)->append(denial("AAAA-2222"));
  for (int i = 0; i < 3; ++i) (*log)->append(denial("BBBB-3333"));
  EXPECT_TRUE((*log)->find("AAAA-2222"));
  EXPECT_TRUE(std::filesystem::exists(path.string() + ".1"));
  EXPECT_LE(std::filesystem::file_size(path), 1000u);
  EXPECT_EQ((*log)->lost(), 0u);
}

TEST(ShmActions, CarriesTheCoresSlots) {
  char name[] = "/tmp/postern-shm-XXXXXX";
  const std::filesystem::path dir = mkdtemp(name);
  {
    auto writer = ecshm::Writer::create(dir / "run");
    ASSERT_TRUE(writer) << writer.error().message;
    Slot slot;
    slot.leaf = sha256("leaf");
    slot.owner.connector = 2;
    slot.not_after = from_unix_ms(1'900'000'000'000);
    slot.online = slot.registered = true;
    slot.tags.set(0).set(511);
    slot.unknown.set(64);
    ASSERT_TRUE(apply_to_shm(**writer, act::SlotUpsert{slot}));
    const auto found = (*writer)->find(slot.leaf);
    ASSERT_TRUE(found);
    EXPECT_EQ(*found, to_slot_data(slot));
    EXPECT_TRUE(found->tags.test(0) && found->tags.test(511) && found->unknown.test(64));
    EXPECT_EQ(found->tags.count() + found->unknown.count(), 3u);
    ASSERT_TRUE(apply_to_shm(**writer, act::SlotRemove{slot.leaf}));
    EXPECT_FALSE((*writer)->find(slot.leaf));
    slot.owner.connector = 9;
    EXPECT_FALSE(apply_to_shm(**writer, act::SlotUpsert{slot}));
  }
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace postern::gateway
