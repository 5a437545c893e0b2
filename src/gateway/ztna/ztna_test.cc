#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/log.h"
#include "ecshm/channel.h"
#include "gateway/ztna/module_channel.h"
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
  c.pools[0].servers[0].number = 70;
  return c;
}

TEST(NginxConfig, SaysWhatIsConfigured) {
  const auto text = render_nginx_config(config());
  ASSERT_TRUE(text) << text.error().message;
  for (const auto* part :
       {"listen 10.0.3.9:443 ssl http2;", "postern_proxy 1;", "upstream pool_7 {",
        "server [2001:db8::1]:8080 weight=3;\n    postern_server 70 active;\n    postern_balance weighted;", "ssl_verify_client optional;", "TLSv1.3",
        "server_tokens off;", "error_page 494 =431 /.postern/failed;", "postern_failed;"}) {
    EXPECT_NE(text->find(part), std::string::npos) << part;
  }
  EXPECT_EQ(text->find("ssl_early_data on"), std::string::npos);
}

TEST(NginxConfig, SessionsOfAllAccessProxiesTogetherAreBounded) {
  auto c = config();
  EXPECT_NE(render_nginx_config(c)->find("ssl_session_cache builtin:4000 "), std::string::npos);
  for (std::uint16_t port = 1000; c.listeners.size() < 16; ++port) {
    c.listeners.push_back(c.listeners.front());
    c.listeners.back().proxy = c.listeners.back().port = port;
  }
  EXPECT_NE(render_nginx_config(c)->find("ssl_session_cache builtin:1000 "), std::string::npos);
}

TEST(NginxConfig, ConnectionsOfRequestsWithABodyAreNotKept) {
  const auto text = render_nginx_config(config());
  ASSERT_TRUE(text) << text.error().message;
  const auto block = [&](const std::string& name) {
    const auto from = text->find("upstream " + name + " {");
    return from == text->npos ? std::string() : text->substr(from, text->find('}', from) - from);
  };
  EXPECT_NE(block("pool_7").find("keepalive 32;"), std::string::npos);
  EXPECT_NE(block("pool_7_once").find("server [2001:db8::1]:8080 weight=3;"), std::string::npos);
  EXPECT_EQ(block("pool_7_once").find("keepalive"), std::string::npos);
  EXPECT_NE(text->find("proxy_pass http://to_pool;"), std::string::npos);
  EXPECT_NE(text->find("postern_more @more;"), std::string::npos);
  const auto more = text->find("location @more {");
  ASSERT_NE(more, text->npos);
  EXPECT_NE(text->substr(more, text->find('}', more) - more).find("proxy_set_header Connection $postern_connection;"), text->npos);
}

TEST(NginxConfig, ServersBehindTlsHaveALocationOfTheirOwn) {
  auto c = config();
  c.listeners[0].pools = {7, 8, 9};
  auto other = c.listeners[0];
  other.proxy = 2;
  other.port = 444;
  other.pools = {7, 9};
  c.listeners.push_back(other);
  const auto servers = c.pools[0].servers;
  c.pools.push_back({8, servers, NginxServerTls{true, "", "/etc/cas.pem"}});
  c.pools.push_back({9, servers, NginxServerTls{false, "", "", config::TlsVersion::k10, config::TlsVersion::k12}});
  c.pools.push_back({10, servers, c.pools[1].tls});
  const auto text = render_nginx_config(c);
  ASSERT_TRUE(text) << text.error().message;
  const auto block = [&](const std::string& begin, std::size_t from = 0) {
    const auto at = text->find(begin + " {", from);
    return at == text->npos ? std::string() : text->substr(at, text->find('}', at) - at);
  };
  const auto has = [](const std::string& where, std::string_view what) { return where.find(what) != where.npos; };
  EXPECT_FALSE(has(block("upstream pool_7"), "postern_by_name"));
  for (const auto* name : {"upstream pool_8", "upstream pool_9", "upstream pool_8_once"}) {
    const auto pool = block(name);
    const auto by_name = pool.find("postern_by_name;");
    ASSERT_NE(by_name, pool.npos) << name;
    EXPECT_TRUE(pool.find("keepalive") == pool.npos || pool.find("keepalive") > by_name) << name;
  }
  EXPECT_TRUE(has(*text, "postern_through 8 @tls1;") && has(*text, "postern_through 9 @tls2;") &&
              has(*text, "postern_through 10 @tls1;"));
  EXPECT_FALSE(has(*text, "postern_through 7 "));
  const auto verified = block("location @tls1"), any = block("location @tls2");
  for (const auto* line : {"proxy_ssl_protocols TLSv1.2 TLSv1.3;", "proxy_ssl_verify on;",
                           "proxy_ssl_trusted_certificate \"/etc/cas.pem\";", "proxy_ssl_name $postern_server;",
                           "proxy_ssl_server_name on;", "proxy_pass https://to_pool;"}) {
    EXPECT_TRUE(has(verified, line)) << line;
  }
  EXPECT_FALSE(has(verified, "SECLEVEL"));
  EXPECT_TRUE(has(any, "proxy_ssl_protocols TLSv1 TLSv1.1 TLSv1.2;"));
  EXPECT_TRUE(has(any, "proxy_ssl_ciphers DEFAULT:@SECLEVEL=0;"));
  EXPECT_FALSE(has(any, "proxy_ssl_verify"));
  // A listener has those that it needs.
  const auto second = text->find("postern_proxy 2;");
  EXPECT_EQ(block("location @tls1", second), "");
  EXPECT_NE(block("location @tls2", second), "");

  c.pools[1].tls->ca_path = "/etc/c\"as.pem";
  EXPECT_FALSE(render_nginx_config(c));
  c.pools[1].tls.reset();
  c.pools.pop_back();
  c.pools[2].tls->min = config::TlsVersion::k13;
  EXPECT_FALSE(render_nginx_config(c)) << "above the highest";
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
  /// The ids in the file; each line has to be a whole one.
  static std::vector<std::string> lines_of(const std::filesystem::path& path) {
    std::vector<std::string> out;
    std::ifstream in(path);
    for (std::string line; std::getline(in, line);) {
      EXPECT_TRUE(line.starts_with("{\"time\"") && line.ends_with("}")) << line;
      const auto at = line.find("\"id\":\"");
      out.push_back(at == std::string::npos ? "" : line.substr(at + 6, 9));
    }
    return out;
  }
  std::filesystem::path dir_;
};

TEST_F(TrafficLogTest, ALinkIsNotFollowedAndSaysSo) {
  std::filesystem::create_symlink(dir_ / "elsewhere", dir_ / "linked.log");
  const auto log = TrafficLog::open(dir_ / "linked.log", nullptr);
  ASSERT_FALSE(log);
  EXPECT_NE(log.error().message.find("a symbolic link, which is not followed"), std::string::npos) << log.error().message;
  EXPECT_FALSE(std::filesystem::exists(dir_ / "elsewhere"));
}

TEST_F(TrafficLogTest, APipeIsNoLog) {
  ASSERT_EQ(mkfifo((dir_ / "pipe").c_str(), 0600), 0);
  const auto log = TrafficLog::open(dir_ / "pipe", nullptr);
  ASSERT_FALSE(log);
  EXPECT_NE(log.error().message.find("not a regular file"), std::string::npos) << log.error().message;
}

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

TEST_F(TrafficLogTest, ABatchIsWrittenAtOnceAndInOrder) {
  const auto path = dir_ / "ztna.log";
  auto log = TrafficLog::open(path, nullptr);
  ASSERT_TRUE(log);
  (*log)->add(denial("AAAA-2222"));
  (*log)->add(denial("BBBB-3333"));
  EXPECT_EQ(std::filesystem::file_size(path), 0u);
  (*log)->flush();
  EXPECT_EQ(lines_of(path), (std::vector<std::string>{"AAAA-2222", "BBBB-3333"}));
  (*log)->add(denial("CCCC-4444"));
  EXPECT_TRUE((*log)->find("CCCC-4444")) << "who asks finds what is not written yet, too";
  (*log)->add(denial("DDDD-5555"));
  log->reset();
  EXPECT_EQ(lines_of(path).back(), "DDDD-5555") << "an orderly end loses nothing";
}

TEST_F(TrafficLogTest, ABatchThatFillsTheFileGoesOnInTheNext) {
  const auto path = dir_ / "ztna.log";
  auto log = TrafficLog::open(path, nullptr, 1000);
  ASSERT_TRUE(log);
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) {
    ids.push_back("AAAA-" + std::to_string(1000 + i));
    (*log)->add(denial(ids.back()));
  }
  (*log)->flush();
  EXPECT_LE(std::filesystem::file_size(path), 1000u);
  auto kept = lines_of(path.string() + ".1");
  for (const auto& id : lines_of(path)) kept.push_back(id);
  ASSERT_GE(kept.size(), 2u);
  EXPECT_TRUE(std::equal(kept.rbegin(), kept.rend(), ids.rbegin())) << "the last ones, in order";
  EXPECT_EQ((*log)->lost(), 0u);
}

// As people and logrotate do it.
TEST_F(TrafficLogTest, WhoMovesOrRemovesTheFileGetsANewOneAndWhoEmptiesItLosesNothing) {
  const auto path = dir_ / "ztna.log";
  auto log = TrafficLog::open(path, nullptr, 2000);
  ASSERT_TRUE(log);
  const auto look = [&] {
    (*log)->look();
    EXPECT_TRUE((*log)->health());
  };
  (*log)->append(denial("AAAA-0001"));
  std::filesystem::rename(path, dir_ / "moved");
  (*log)->add(denial("AAAA-0002"));
  look();
  (*log)->append(denial("AAAA-0003"));
  EXPECT_EQ(lines_of(dir_ / "moved"), (std::vector<std::string>{"AAAA-0001", "AAAA-0002"}));
  EXPECT_EQ(lines_of(path), (std::vector<std::string>{"AAAA-0003"}));

  std::filesystem::remove(path);
  look();
  (*log)->append(denial("AAAA-0004"));
  EXPECT_EQ(lines_of(path), (std::vector<std::string>{"AAAA-0004"}));

  // Emptied, it is not full by what was in it.
  for (int i = 0; i < 3; ++i) (*log)->append(denial("AAAA-0005"));
  std::filesystem::resize_file(path, 0);
  look();
  for (int i = 0; i < 3; ++i) (*log)->append(denial("AAAA-0006"));
  EXPECT_EQ(lines_of(path).size(), 3u);
  EXPECT_FALSE(std::filesystem::exists(path.string() + ".1"));
  EXPECT_EQ((*log)->lost(), 0u);
}

TEST_F(TrafficLogTest, ThatItCannotBeginAnewIsToldUntilItCan) {
  const auto path = dir_ / "ztna.log";
  auto log = TrafficLog::open(path, nullptr, 1000);
  ASSERT_TRUE(log);
  std::filesystem::rename(path, dir_ / "moved");
  std::filesystem::create_directory(path);
  for (int i = 0; i < 2; ++i) {
    (*log)->look();
    ASSERT_FALSE((*log)->health());
    EXPECT_NE((*log)->health().error().message.find("lines go where nobody finds them"), std::string::npos);
  }
  std::filesystem::remove(path);
  (*log)->look();
  EXPECT_TRUE((*log)->health());

  // Nothing can be moved over a directory.
  std::filesystem::create_directory(path.string() + ".1");
  for (int i = 0; i < 6; ++i) (*log)->append(denial("AAAA-0001"));
  ASSERT_FALSE((*log)->health());
  EXPECT_NE((*log)->health().error().message.find("it is full"), std::string::npos) << (*log)->health().error().message;
  EXPECT_EQ(lines_of(path).size(), 6u) << "no line is lost";
  std::filesystem::remove(path.string() + ".1");
  (*log)->look();
  (*log)->append(denial("AAAA-0002"));
  EXPECT_EQ(lines_of(path), (std::vector<std::string>{"AAAA-0002"}));
  EXPECT_TRUE((*log)->health());
}

TEST_F(TrafficLogTest, WhatTheDiskDoesNotTakeIsCountedAndLeavesNoHalfLine) {
  const auto path = dir_ / "ztna.log";
  auto log = TrafficLog::open(path, nullptr);
  ASSERT_TRUE(log);
  (*log)->append(denial("AAAA-2222"));
  const auto line = std::filesystem::file_size(path);
  // Room for two lines and a half.
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto was = signal(SIGXFSZ, SIG_IGN);
  const rlimit tight{line * 5 / 2, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &tight), 0);
  for (const auto* id : {"BBBB-3333", "CCCC-4444", "DDDD-5555"}) (*log)->add(denial(id));
  (*log)->flush();
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  signal(SIGXFSZ, was);
  EXPECT_EQ((*log)->lost(), 2u);
  EXPECT_EQ(std::filesystem::file_size(path), 2 * line);
  (*log)->append(denial("EEEE-6666"));
  EXPECT_EQ(lines_of(path), (std::vector<std::string>{"AAAA-2222", "BBBB-3333", "EEEE-6666"}));
}

TEST(TrafficLine, SaysEverything) {
  ecshm::Event e;
  e.type = ecshm::EventType::kCut;
  e.reason = policy::Reason::kMissingTag;
  e.time = from_unix_ms(1'790'000'000'007);
  e.leaf.emplace();
  e.leaf->front() = 0xa0;
  e.proxy = 1;
  e.policy = 4'000'000'000;
  e.source = *IpAddress::parse("192.0.2.10");
  e.source_port = 65535;
  e.bytes = ~std::uint64_t{0};
  e.id = "K7QM-2D9F";
  e.path = "/a\"b";
  TrafficNames names;
  names.host_name = "caf\xc3\xa9\x01";
  names.tags = {"A", "B\\"};
  EXPECT_EQ(
      traffic_line(e, names),
      R"({"time":")" + to_iso8601(e.time) +
          R"(","type":"traffic","subtype":"ztna","action":"cut","id":"K7QM-2D9F","reason":"065",)"
          R"("reason_name":"missing_tag","msg":)" +
          json_quote(policy::reason_text(e.reason)) +
          R"(,"policyid":4000000000,"accessproxyid":1,"gatewayid":0,"realserverpool":0,)"
          R"("srcip":"192.0.2.10","srcport":65535,"path":"/a\"b","sentbyte":18446744073709551615,)"
          R"("duration_ms":0,"clientcert_sha256":"a0)" +
          std::string(62, '0') + "\",\"clientdevicename\":\"caf\xc3\xa9" +
          R"(\u0001","tags":["A","B\\"]})");
  for (const std::int64_t ms : {std::int64_t{0}, std::int64_t{951'782'399'999},
                                std::int64_t{4'102'444'800'000}, std::int64_t{-1}}) {
    e.time = from_unix_ms(ms);
    EXPECT_EQ(traffic_line(e, {}).find(R"("time":")" + to_iso8601(e.time) + '"'), 1u) << ms;
  }
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

TEST(ModuleChannel, AnOrderlyEndTakesWhatTheRingsHold) {
  char name[] = "/tmp/postern-channel-XXXXXX";
  const std::filesystem::path dir = mkdtemp(name);
  {
    net::Loop loop;
    std::vector<std::string> ids;
    std::size_t written = 0;
    ModuleChannel::Callbacks callbacks;
    callbacks.on_event = [&](const ecshm::Event& e) { ids.push_back(e.id); };
    callbacks.on_drained = [&] {
      written = ids.size();
      loop.stop();
    };
    auto channel = ModuleChannel::open(loop, dir, {}, callbacks);
    ASSERT_TRUE(channel) << channel.error().message;
    auto worker = ecshm::EventProducer::create();
    ASSERT_TRUE(worker);
    ecshm::Link link;
    ASSERT_TRUE(link.connect(dir, *worker));
    ecshm::Event event;
    event.id = "AAAA-2222";
    ASSERT_TRUE(worker->push(event));
    loop.run();
    ASSERT_EQ(ids, std::vector<std::string>{"AAAA-2222"});
    event.id = "BBBB-3333";
    ASSERT_TRUE(worker->push(event));
    channel->reset();
    EXPECT_EQ(ids, (std::vector<std::string>{"AAAA-2222", "BBBB-3333"}));
    EXPECT_EQ(written, 2u);
  }
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace postern::gateway
