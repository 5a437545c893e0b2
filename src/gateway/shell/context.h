#pragma once
// What the parts of the running gateway share: who it is, what it is configured to be, the core, and the loop.
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "gateway/config/model.h"
#include "gateway/config/store.h"
#include "gateway/core/gateway_core.h"
#include "gateway/shell/daemon.h"
#include "gateway/shell/device.h"
#include "net/loop.h"

namespace postern::gateway {

/// Thread: loop. Filled by Daemon::start before any part uses it.
struct Context {
  Context(net::Loop& l, DaemonOptions o);
  ~Context();

  net::Loop& loop;
  const DaemonOptions options;
  SystemClock clock;
  const Clock* time = &clock;  ///< What `now` goes by. A test's own, where much of it has to pass.
  SystemRandom random;
  Device device;
  std::unique_ptr<config::ConfigStore> store;
  config::GatewayConfig config;  ///< Of `store->current()`.
  std::unique_ptr<GatewayCore> core;
  /// Carries out what the core wants: to be called after everything that was told to it.
  std::function<void()> pump;

  Now now() const { return time->now(); }
  std::string hostname() const;  ///< The configured one, else the machine's.
  /// nullptr: no such connector.
  const config::FctemsConfig* connector(ConnectorId id) const;
  /// Where a connector's ZTNA CA is kept, as PEM: what client certificates are checked against.
  std::filesystem::path ca_path(ConnectorId id) const;
};

}  // namespace postern::gateway
