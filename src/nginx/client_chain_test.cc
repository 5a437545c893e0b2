// Whose chain was verified before is let in no more easily than before (docs/adr/0020-a-chain-is-verified-once.md).
#include "nginx/fixture_test.h"

namespace postern::nginx::lab {
namespace {

TEST_F(ModuleTest, AKnownCertificateIsRefusedOnceItIsRevoked) {
  for (int i = 0; i < 2; ++i) EXPECT_EQ(get(&device_).status, 200);
  plane_->put(device_.leaf, changed([](auto& d) { d.blocked = true; }));
  expect_denied(get(&device_), Reason::kRevoked);
}

TEST_F(ModuleTest, AKnownCertificateIsRefusedOnceItExpired) {
  const auto brief = ca_.issue("device-6", Usage::kClient, -60, 2);
  plane_->put(brief.leaf, healthy());
  EXPECT_EQ(get(&brief).status, 200);
  // A handshake just before the end passes, and its request is refused just after it, of a certificate that verified.
  const auto by_the_handshake = [&] {
    const auto r = get(&brief);
    if (r.status == 200) return false;
    const auto id = r.header("X-Postern-Denial");
    const auto event = plane_->wait_event([&](const ecshm::Event& e) { return e.id == id; });
    return event && event->reason == Reason::kInvalidCertificate && event->detail == "certificate has expired";
  };
  EXPECT_TRUE(wait_for(by_the_handshake)) << "the chain was looked at again";
}

TEST_F(ModuleTest, AKnownCertificateIsRefusedUnderOtherCas) {
  EXPECT_EQ(get(&device_).status, 200);
  auto first = std::make_unique<Client>(nginx_->port(), &device_, "app.example");
  EXPECT_EQ(first->request("GET", "/", "app.example").status, 200);
  SSL_SESSION* session = first->session();
  first.reset();
  const Authority other("ZTNA CA");  // of the same name
  nginx_->trust(other);
  nginx_->reload();
  // Until the old worker has let go of the port.
  EXPECT_TRUE(wait_for([&] { return nginx_->worker_pids().size() == 1; }));
  expect_denied(get(&device_), Reason::kInvalidCertificate);
  Client again(nginx_->port(), &device_, "app.example", "", session);
  EXPECT_FALSE(again.resumed()) << "nor is its session gone on with";
  expect_denied(again.request("GET", "/", "app.example"), Reason::kInvalidCertificate);
  SSL_SESSION_free(session);
  nginx_->trust(ca_);
  nginx_->reload();
  EXPECT_TRUE(wait_for([&] { return nginx_->worker_pids().size() == 1; }));
  EXPECT_EQ(get(&device_).status, 200);
}

}  // namespace
}  // namespace postern::nginx::lab
