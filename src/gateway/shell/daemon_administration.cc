// Command line and REST API: what they stand on, and what a new configuration has to be.
#include <array>
#include <utility>

#include "base/log.h"
#include "gateway/cli/user_name.h"
#include "gateway/cli/wire.h"
#include "gateway/config/ports.h"
#include "gateway/shell/daemon_impl.h"
#include "gateway/shell/first_admin.h"
#include "gateway/shell/pem.h"

namespace postern::gateway {
namespace {

bool same_api_certificate(const config::GatewayConfig& a, const config::GatewayConfig& b) {
  const auto of = [](const config::GatewayConfig& config) {
    const auto* own = config::find_named(config.certificates, config.global.admin_certificate);
    return own == nullptr ? std::array<std::string, 3>()
                          : std::array<std::string, 3>{own->name, own->certificate, own->private_key};
  };
  return of(a) == of(b);
}

}  // namespace

/// The certificate that is configured for the REST API. One that has become unreadable since (it may stand in a file)
/// leaves the last that was good: administrators must still get in.
void Daemon::present_api_certificate() {
  auto identity = api_identity(context_.config, context_.device);
  api_certificate_ = identity ? listener_->present(std::move(*identity)) : Status(fail(identity.error()));
  if (api_certificate_) return;
  const auto& error = api_certificate_.error();
  log_error("api.certificate", error.message, {{"certificate", context_.config.global.admin_certificate}});
  api_certificate_ = fail(error.code, error.message + "; the one of before is shown instead. Mend it: it is read again at each change "
                                             "of the configuration and at a start");
}

/// Hashing takes long: not on the loop.
void Daemon::check_initial_password() {
  std::string hash;
  for (const auto& admin : context_.store->current()->entries("system admin")) {
    if (admin.key() == "admin") hash = admin.text("password");
  }
  if (std::exchange(admin_hash_, hash) == hash) return;
  context_.loop.offload([hash, dir = context_.options.data_dir] { drop_initial_password(dir, hash); }, [] {});
}

/// Command line and REST API. From here on the configuration may change.
Status Daemon::open_administration() {
  auto& store = *context_.store;
  const auto& options = context_.options;
  operations_ = std::make_unique<LiveOperations>(
      context_, channels_, LiveOperations::Parts{*nginx_, views_, firewall_.get(), watch_.get(), *modules_, *traffic_,
                                                shm_.get(), &counted_, &syslog_,
                                                [this] {
                                                  const auto listens = listener_ ? listener_->health() : Status();
                                                  return listens ? api_certificate_ : listens;
                                                },
                                                servers_.get()});
  const auto address = parse_listen_address(options.api_listen);
  if (!address) return fail(address.error().context("--api-listen"));
  api_ = std::make_unique<Api>(store, *operations_, context_.clock, context_.random);
  listener_ = std::make_unique<ApiListener>(
      context_.loop,
      ApiListener::Options{*address,
                           {context_.device.server_chain_pem, context_.device.server_key_pem},
                           options.runtime_dir / "runtime.json",
                           context_.device.serial},
      [this](net::HttpRequest request, net::HttpResponder respond) {
        api_->handle(std::move(request), std::move(respond));
      },
      [this](int status, const Error& error) { return api_->refuse(status, error); });
  if (auto begun = listener_->begin(context_.config.global.admin_port); !begun) return begun;
  present_api_certificate();
  store.add_check([this](const config::ConfigTree& next) -> Status {
    if (auto sound = check_certificates(*context_.store->current(), next); !sound) return sound;
    const auto config = config::read_config(next);
    // What was taken before must not keep other changes out, whatever became of its file.
    const auto shown = api_identity(config, context_.device);
    if (!shown && !same_api_certificate(context_.config, config)) {
      return fail(shown.error().context("system global: admin-server-cert"));
    }
    if (auto fit = check_plan(config, context_.core->tags()); !fit) return fit;
    const auto port = config.global.admin_port != 0 ? config.global.admin_port : listener_->port();
    return config::check_ports(config, port);
  });
  store.add_reservation([this](const config::ConfigTree& next) -> Status {
    const auto prepared = listener_->prepare(config::read_config(next).global.admin_port);
    if (prepared) return {};
    return fail(ErrorCode::kConflict, "system global: admin-sport: " + prepared.error().message);
  });
  store.observe([this](const config::ConfigTree&, const config::ConfigTree&) {
    read_configuration();
    if (auto moved = listener_->use_prepared(); !moved) log_error("api.runtime_file", moved.error().message);
    present_api_certificate();
    check_initial_password();
    configure();
    pump();
  });
  check_initial_password();  // it may have been changed just before the gateway was killed
  auto served = cli::CliServer::listen(
      context_.loop, cli::cli_socket(options.runtime_dir).native(), [this](const net::PeerCredentials& peer) {
        return std::make_unique<cli::CliSession>(*context_.store, *operations_, context_.random,
                                                 cli::user_name(peer.uid));
      });
  if (!served) return fail(served.error());
  cli_ = std::move(*served);
  return {};
}

}  // namespace postern::gateway
