#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/random.h"
#include "base/text.h"
#include "net/client.h"
#include "net/loop.h"
#include "net/raw_client_lab.h"
#include "net/server.h"
#include "net/unix_socket.h"
#include "pki/authority.h"

namespace postern::net {
namespace {

using pki::Identity;

class NetTest : public testing::Test {
 protected:
  NetTest() {
    tls_.identity = {pki::to_pem(server_.certificate), server_.key.to_pem()};
    tls_.client_roots_pem = pki::to_pem(root_.certificate) + pki::to_pem(ztna_.certificate);
    tls_.alpn = {{"strict/1", ClientCertificate::kRequired}, {"any/1", ClientCertificate::kAny}, {"http/1.1"}, {""}};
  }
  void listen() {
    auto server = Server::listen(
        loop_, *IpAddress::parse("127.0.0.1"), 0, tls_,
        [](HttpRequest request, HttpResponder respond) {
          respond({200, {}, request.method + " " + request.path + " " + request.body + " " +
                                (request.peer.chain_der.empty() ? "-" : request.peer.verified ? "verified" : "unverified")});
        },
        [this](const HttpRequest&) {
          UpgradeDecision decision;
          decision.accept = [this](WebSocketPtr socket) {
            socket->on_message = [socket = socket.get()](ByteView bytes) { socket->send(Bytes(bytes.begin(), bytes.end())); };
            accepted_ = socket;
          };
          return decision;
        });
    ASSERT_TRUE(server) << server.error().message;
    server_listener_ = std::move(*server);
  }
  Target target(std::string alpn = "http/1.1") {
    Target t;
    t.host = "127.0.0.1";
    t.port = server_listener_->port();
    t.tls.roots_pem = pki::to_pem(root_.certificate);
    t.tls.alpn = std::move(alpn);
    return t;
  }
  TlsIdentity client(pki::Validity validity, const Identity& issuer) {
    const auto key = pki::PrivateKey::generate();
    const auto der = *pki::issue_client(issuer, pki::make_request(key), EndpointUid(std::string(32, 'A')), EmsSerial("E"), validity, random_);
    return {pki::to_pem(der), key.to_pem()};
  }
  Result<HttpResponse> get(Target t, std::string path = "/x", std::string body = "") {
    HttpRequest request;
    request.method = body.empty() ? "GET" : "POST";
    request.path = std::move(path);
    request.body = std::move(body);
    std::optional<Result<HttpResponse>> got;
    auto handle = http_request(loop_, std::move(t), std::move(request), [&](Result<HttpResponse> r) {
      got = std::move(r);
      loop_.stop();
    });
    run();
    return got ? std::move(*got) : fail(ErrorCode::kInternal, "no reply");
  }
  void run() {
    restart();
    auto guard = loop_.after(std::chrono::seconds(20), [&] { loop_.stop(); });
    loop_.run();
  }
  void restart();

  SeededRandom random_{3};
  WallTime now_ = SystemClock().now().wall;
  pki::Validity day_{now_ - std::chrono::hours(1), now_ + std::chrono::hours(24)};
  pki::Validity past_{now_ - std::chrono::hours(3), now_ - std::chrono::hours(2)};
  Identity root_ = pki::make_root("root", "o", day_, random_);
  Identity ztna_ = pki::make_intermediate(root_, "ztna", "o", day_, random_);
  Identity server_ = pki::make_server(root_, "server", {"127.0.0.1", "localhost"}, day_, random_);
  TlsServerConfig tls_;
  Loop loop_;
  std::unique_ptr<Server> server_listener_;
  WebSocketPtr accepted_;
};

}  // namespace
}  // namespace postern::net

#include "net/detail/state.h"

namespace postern::net {
namespace {

void NetTest::restart() { loop_.state().io.restart(); }

TEST_F(NetTest, AnswersOverTlsWithoutAskingBrowsersForACertificate) {
  listen();
  const auto reply = get(target(), "/a b", "body");
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->body, "POST /a b body -");
}

TEST_F(NetTest, HeadIsAnsweredAsGetWithoutTheBody) {
  auto server = Server::listen_plain(
      loop_, *IpAddress::parse("127.0.0.1"), 0,
      [](HttpRequest r, HttpResponder respond) { respond({r.method == "GET" ? 200 : 405, {}, r.method + " body"}); }, {});
  ASSERT_TRUE(server);
  // Two on one connection: whatever follows the first answer's head is the second answer.
  const auto got = exchange(loop_, (*server)->port(),
                            "HEAD / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                            [&] { run(); });
  const auto end = got.find("\r\n\r\n");
  ASSERT_NE(end, got.npos) << got;
  EXPECT_EQ(got.rfind("HTTP/1.1 200", 0), 0u) << got;
  EXPECT_NE(to_lower(got.substr(0, end)).find("content-length: 8"), got.npos) << got;
  EXPECT_EQ(got.substr(end + 4, 12), "HTTP/1.1 200") << got;
  EXPECT_TRUE(got.ends_with("\r\n\r\nGET body")) << got;
}

TEST_F(NetTest, RequiredClientCertificatesAreCheckedWhole) {
  listen();
  auto t = target("strict/1");
  EXPECT_FALSE(get(t));
  t.tls.identity = client(day_, ztna_);
  auto reply = get(t);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->body, "GET /x  verified");
  t.tls.identity = client(past_, ztna_);
  EXPECT_FALSE(get(t));
  const auto foreign = pki::make_root("root", "o", day_, random_);
  t.tls.identity = client(day_, foreign);
  EXPECT_FALSE(get(t));
  t.tls.identity = TlsIdentity{pki::to_pem(server_.certificate), server_.key.to_pem()};  // wrong purpose
  EXPECT_FALSE(get(t));
  t = target("any/1");
  t.tls.identity = client(day_, foreign);
  reply = get(t);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->body, "GET /x  unverified");
}

TEST_F(NetTest, ClientsRefuseServersTheyHaveNoReasonToTrustAndSayWhy) {
  listen();
  auto t = target();
  t.tls.roots_pem = pki::to_pem(ztna_.certificate);
  auto reply = get(t);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::kUnauthenticated);
  EXPECT_NE(reply.error().message.find("refused"), std::string::npos) << reply.error().message;
  t = target();
  t.tls.server_name = "other.example";
  EXPECT_NE(get(t).error().message.find("not for other.example"), std::string::npos);
  t = target("nobody/1");
  EXPECT_FALSE(get(t));
  t = target();
  t.tls.roots_pem.clear();
  bool asked = false;
  t.tls.accept_peer = [&](const PeerIdentity& peer) {
    asked = true;
    return peer.chain_der.at(0) == server_.certificate;
  };
  EXPECT_TRUE(get(t));
  EXPECT_TRUE(asked);
}

TEST_F(NetTest, NobodyThereIsSaidPlainly) {
  listen();
  auto t = target();
  server_listener_.reset();
  const auto reply = get(t);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(reply.error().message.find("is the port right?"), std::string::npos) << reply.error().message;
}

TEST_F(NetTest, ProbesTheCertificateShown) {
  listen();
  Bytes shown;
  auto handle = probe_certificate(loop_, target(), [&](Result<PeerIdentity> r) {
    if (r) shown = r->chain_der.at(0);
    loop_.stop();
  });
  run();
  EXPECT_EQ(shown, server_.certificate);
}

TEST_F(NetTest, WebSocketCarriesMessagesOfEverySizeAndCloses) {
  listen();
  WebSocketPtr mine;
  std::vector<std::size_t> sizes{1, 125, 126, 65535, 65536, 4u << 20};
  std::size_t at = 0;
  std::uint16_t code = 0;
  auto handle = open_websocket(loop_, target(), "/ws", [&](Result<WebSocketPtr> r) {
    ASSERT_TRUE(r) << r.error().message;
    mine = *r;
    mine->on_message = [&](ByteView bytes) {
      EXPECT_EQ(bytes.size(), sizes[at]);
      if (++at == sizes.size()) {
        mine->close(1000, "done");
      } else {
        mine->send(Bytes(sizes[at], 'x'));
      }
    };
    mine->on_close = [&](std::uint16_t c, std::string) {
      code = c;
      loop_.stop();
    };
    mine->send(Bytes(sizes[0], 'x'));
  });
  run();
  EXPECT_EQ(at, sizes.size());
  EXPECT_EQ(code, 1000);
}

TEST_F(NetTest, WhatWasSentBeforeAWebSocketWasClosedArrives) {
  listen();
  WebSocketPtr mine;
  std::string got;
  auto handle = open_websocket(loop_, target(), "/ws", [&](Result<WebSocketPtr> r) {
    ASSERT_TRUE(r) << r.error().message;
    mine = *r;
    mine->on_message = [&](ByteView bytes) { got.append(as_text(bytes)); };
    mine->on_close = [&](std::uint16_t code, std::string reason) {
      got += std::to_string(code) + reason;
      loop_.stop();
    };
    accepted_->send({'a'});  // in one turn of the loop, as an orderly goodbye is
    accepted_->send({'b'});
    accepted_->close(1000, "bye");
    accepted_->send({'c'});
  });
  run();
  EXPECT_EQ(got, "ab1000bye");
}

TEST_F(NetTest, AServerThatGoesEndsItsWebSockets) {
  listen();
  WebSocketPtr mine;
  bool ended = false;
  auto handle = open_websocket(loop_, target(), "/ws", [&](Result<WebSocketPtr> r) {
    ASSERT_TRUE(r);
    mine = *r;
    mine->on_close = [&](std::uint16_t, std::string) {
      ended = true;
      loop_.stop();
    };
    loop_.post([&] { server_listener_.reset(); });
  });
  run();
  EXPECT_TRUE(ended);
}

TEST_F(NetTest, NewCertificatesCountForNewConnectionsAndBadOnesChangeNothing) {
  listen();
  auto bad = tls_;
  bad.identity.key_pem = pki::PrivateKey::generate().to_pem();
  EXPECT_FALSE(server_listener_->set_tls(bad));
  EXPECT_TRUE(get(target()));
  const auto other = pki::make_server(root_, "other", {"127.0.0.1"}, day_, random_);
  auto good = tls_;
  good.identity = {pki::to_pem(other.certificate), other.key.to_pem()};
  EXPECT_TRUE(server_listener_->set_tls(good));
  auto t = target();
  Bytes seen;
  t.tls.accept_peer = [&](const PeerIdentity& peer) {
    seen = peer.chain_der.at(0);
    return true;
  };
  EXPECT_TRUE(get(t));
  EXPECT_EQ(seen, other.certificate);
}

TEST_F(NetTest, PathsThatTwoReadersCouldReadDifferentlyAreRefused) {
  listen();
  for (const char* path : {"/a/../b", "/./a", "/a//b"}) {
    const auto reply = get(target(), path);
    ASSERT_TRUE(reply) << path;
    EXPECT_EQ(reply->status, 400) << path;
  }
}

TEST(UnixSocket, EchoesAndKnowsThePeer) {
  Loop loop;
  const auto path = (std::filesystem::path(testing::TempDir()) / ("postern-" + std::to_string(::getpid()))).string();
  uid_t uid = 12345;
  auto server = UnixServer::listen(loop, path, 0600, [&](UnixConnectionPtr c) {
    uid = c->peer().uid;
    c->on_message = [c = c.get()](std::string m) { c->send(m + "!"); };
  });
  ASSERT_TRUE(server) << server.error().message;
  EXPECT_FALSE(UnixServer::listen(loop, path, 0600, nullptr));
  auto client = connect_unix(loop, path);
  ASSERT_TRUE(client);
  std::string got;
  (*client)->on_message = [&](std::string m) {
    got = std::move(m);
    loop.stop();
  };
  (*client)->send("hello");
  auto guard = loop.after(std::chrono::seconds(20), [&] { loop.stop(); });
  loop.run();
  EXPECT_EQ(got, "hello!");
  EXPECT_EQ(uid, ::getuid());
}

TEST(Loop, WhatWorkElsewhereThrowsEndsThatWorkAlone) {
  Loop loop;
  int done = 0;
  const auto count = [&] {
    if (++done == 3) loop.stop();
  };
  loop.offload([] { throw std::runtime_error("a mistake of ours"); }, count);
  loop.offload([] { throw 7; }, count);
  loop.offload([] {}, count);
  loop.run();
  EXPECT_EQ(done, 3);
}

TEST(Loop, RunsAgainAfterItWasStopped) {
  Loop loop;
  for (int i = 0; i < 3; ++i) {
    bool ran = false;
    auto timer = loop.after(std::chrono::milliseconds(1), [&] {
      ran = true;
      loop.stop();
    });
    loop.run();
    EXPECT_TRUE(ran) << i;
  }
  loop.stop();
  bool ran = false;
  loop.post([&] { ran = true; });
  loop.run();
  EXPECT_FALSE(ran);
}

TEST(Loop, DeferRunsAfterWhatIsReadyAndTimersCanCancelThemselves) {
  Loop loop;
  std::string order;
  loop.post([&] {
    loop.defer([&] { order += 'd'; });
    loop.post([&] { order += 'p'; });
    order += 'a';
  });
  Handle timer;
  int ticks = 0;
  timer = loop.every(std::chrono::milliseconds(1), [&] {
    if (++ticks == 3) {
      timer.cancel();
      loop.stop();
    }
  });
  loop.run();
  EXPECT_EQ(order, "apd");
  EXPECT_EQ(ticks, 3);
}

}  // namespace
}  // namespace postern::net
