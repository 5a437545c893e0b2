#pragma once
// For tests of the gateway's way to its EMS: connector 1, whose EMS is a real TLS server on loopback.
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gateway/shell/context.h"
#include "gateway/shell/fabric_channels.h"
#include "net/server.h"
#include "pki/authority.h"

namespace postern::gateway {

class EmsLab : public testing::Test {
 protected:
  /// `server`: what the connector calls its EMS, and what the EMS's certificate names.
  explicit EmsLab(std::string server);
  ~EmsLab() override;

  /// A server with the EMS's certificate on a free port; requests are not answered.
  std::unique_ptr<net::Server> listen(std::vector<net::AlpnPolicy> alpn, net::UpgradeHandler on_upgrade = nullptr);
  /// The core has connector 1, with `ems_` as its EMS, and trusts it.
  void trust();
  /// Runs the loop until it holds; gives up after long.
  void run_until(const std::function<bool()>& done);

  const std::string server_name_;
  net::Loop loop_;
  Context context_{loop_, DaemonOptions{}};
  FabricChannels channels_{context_};
  pki::Validity day_{context_.now().wall - std::chrono::hours(1), context_.now().wall + std::chrono::hours(24)};
  pki::Identity root_ = pki::make_root("root", "o", day_, context_.random);
  pki::Identity server_ = pki::make_server(root_, "ems", {server_name_}, day_, context_.random);
  std::unique_ptr<net::Server> ems_;  ///< The test's to begin: listen().
};

}  // namespace postern::gateway
