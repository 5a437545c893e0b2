#include "gateway/shell/ems_lab.h"

#include <utility>

#include "pki/certificate.h"

namespace postern::gateway {

EmsLab::EmsLab(std::string server) : server_name_(std::move(server)) {
  context_.core = std::make_unique<GatewayCore>(proto::FabricIdentity{}, context_.random);
}
EmsLab::~EmsLab() = default;

std::unique_ptr<net::Server> EmsLab::listen(std::vector<net::AlpnPolicy> alpn, net::UpgradeHandler on_upgrade) {
  net::TlsServerConfig tls;
  tls.identity = {pki::to_pem(server_.certificate) + pki::to_pem(root_.certificate), server_.key.to_pem()};
  tls.alpn = std::move(alpn);
  auto listening = net::Server::listen(
      loop_, *IpAddress::parse("127.0.0.1"), 0, tls, [](net::HttpRequest, net::HttpResponder) {},
      std::move(on_upgrade));
  EXPECT_TRUE(listening) << listening.error().message;
  return std::move(*listening);
}

void EmsLab::trust() {
  auto& core = *context_.core;
  core.set_connectors(context_.now(), {{1, true, "EMS", server_name_, ems_->port(), Seconds(180), {}}});
  core.set_trusted(context_.now(), 1, true);
}

void EmsLab::run_until(const std::function<bool()>& done) {
  const auto look = loop_.every(std::chrono::milliseconds(1), [&] {
    if (done()) loop_.stop();
  });
  const auto guard = loop_.after(std::chrono::seconds(20), [&] { loop_.stop(); });
  loop_.run();
  ASSERT_TRUE(done());
}

}  // namespace postern::gateway
