#include "gateway/firewall/firewall.h"

#include <nftables/libnftables.h>

#include <optional>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "gateway/firewall/conntrack.h"

namespace postern::gateway::firewall {

struct Firewall::Impl {
  explicit Impl(std::string table) : model(std::move(table)) {}
  ~Impl() {
    if (nft) nft_ctx_free(nft);
  }

  Status run(const std::string& commands) {
    if (nft_run_cmd_from_buffer(nft, commands.c_str()) == 0) return {};
    const char* raw = nft_ctx_get_error_buffer(nft);
    const std::string text(trim(raw ? raw : ""));
    const auto code = text.find("Operation not permitted") != text.npos  ? ErrorCode::kPermissionDenied
                      : text.find("Operation not supported") != text.npos ? ErrorCode::kUnsupported
                      : text.find("No space left") != text.npos || text.find("Cannot allocate") != text.npos
                          ? ErrorCode::kResourceExhausted
                          : ErrorCode::kInternal;
    return fail(code, "nftables refuses the change: " + text.substr(0, text.find('\n')));
  }

  /// What is left of the lease, for a table that is built anew.
  std::string lease() const {
    if (!lease_until) return {};
    const auto left = std::chrono::duration_cast<Seconds>(*lease_until - clock.now().mono).count();
    return left > 0 ? model.renew_command(static_cast<unsigned>(left)) : std::string();
  }

  Status rebuild(std::vector<IpAddress>& flush) {
    const Change change = model.take_rebuild();
    flush.insert(flush.end(), change.flush.begin(), change.flush.end());
    const auto status = run(change.commands + lease());
    broken = !status;
    return status;
  }

  void forget(const std::vector<IpAddress>& addresses) {
    if (!conntrack || addresses.empty()) return;
    const auto forgotten = conntrack->forget(addresses);
    // Packets are judged one by one: connections that are still tracked get nothing through all the same.
    if (!forgotten) log_warning("firewall.conntrack", forgotten.error().message);
  }

  nft_ctx* nft = nullptr;
  std::unique_ptr<Conntrack> conntrack;
  FirewallModel model;
  SystemClock clock;
  std::optional<MonoTime> lease_until;
  bool broken = false;
};

Firewall::Firewall(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Firewall::~Firewall() = default;

Result<std::unique_ptr<Firewall>> Firewall::open(std::string table) {
  auto impl = std::make_unique<Impl>(std::move(table));
  impl->nft = nft_ctx_new(NFT_CTX_DEFAULT);
  if (!impl->nft) return fail(ErrorCode::kUnsupported, "nftables can't be used here");
  nft_ctx_buffer_error(impl->nft);
  nft_ctx_buffer_output(impl->nft);
  auto conntrack = Conntrack::open();
  if (conntrack) {
    impl->conntrack = std::move(*conntrack);
  } else {
    log_warning("firewall.conntrack", conntrack.error().message);
  }
  // A table that a gateway before left goes on as it is: its lease runs out, and the first `apply` replaces it whole.
  // Without one nothing may pass from this moment on.
  const std::string& name = impl->model.table();
  const auto status = impl->run(fmt::format(
      "create table inet {0}\ntable inet {0} {{\n\tchain forward {{\n\t\ttype filter hook forward priority filter; "
      "policy drop;\n\t}}\n}}\n", name));
  if (!status && status.error().message.find("File exists") == std::string::npos) return fail(status.error());
  return std::unique_ptr<Firewall>(new Firewall(std::move(impl)));
}

FirewallModel& Firewall::model() { return impl_->model; }

Status Firewall::apply() {
  std::vector<IpAddress> flush;
  Status status;
  if (impl_->broken) {
    status = impl_->rebuild(flush);
  } else {
    const Change change = impl_->model.take_change();
    flush = change.flush;
    if (!change.commands.empty()) status = impl_->run(change.commands);
    if (!status) {
      log_warning("firewall.rebuild", status.error().message);
      status = impl_->rebuild(flush);
    }
  }
  if (status) impl_->forget(flush);
  return status;
}

Status Firewall::renew(unsigned seconds) {
  if (auto s = impl_->run(impl_->model.renew_command(seconds)); !s) return s;
  impl_->lease_until = impl_->clock.now().mono + Seconds(seconds);
  return {};
}

Status Firewall::remove() { return impl_->run(impl_->model.remove_command()); }

}  // namespace postern::gateway::firewall
