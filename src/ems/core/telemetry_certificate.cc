// The telemetry listener's certificate renews itself. Nobody pins it: agents trust the root key that signs it, and
// gateways never see it.
#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "ems/bootstrap/lifetimes.h"
#include "ems/core/impl.h"
#include "pki/certificate.h"

namespace postern::ems {
namespace {

constexpr std::chrono::hours kRenewTelemetryBefore{60 * 24};

/// The first of `names` that the certificate is not for; empty: there is none.
std::string missing_name(const pki::CertificateInfo& leaf, const std::vector<std::string>& names) {
  for (const auto& name : names) {
    const auto ip = IpAddress::parse(name);
    const bool named =
        ip ? std::ranges::count(leaf.ip_addresses, ip->str()) != 0
           : std::ranges::any_of(leaf.dns_names, [&](const auto& dns) { return to_lower(dns) == to_lower(name); });
    if (!named) return name;
  }
  return {};
}

}  // namespace

void EmsCore::Impl::renew_telemetry_certificate(Now now) {
  if (read_only_ || next_telemetry_) return;
  if (!telemetry_leaf_) {
    auto leaf = pki::parse_certificate(identity_->telemetry.certificate);
    if (!leaf) return;
    telemetry_leaf_ = std::move(*leaf);
  }
  const auto& before = *telemetry_leaf_;
  std::string why;
  if (before.not_before > now.wall) {  // made while the clock was ahead
    why = "it would not have been valid before " + to_iso8601(before.not_before);
  } else if (before.not_after <= now.wall + kRenewTelemetryBefore) {
    why = "it would have expired at " + to_iso8601(before.not_after);
  } else if (!telemetry_renewed_) {
    // Once a run: a name in a spelling that certificates do not give back would be missing for ever.
    const auto missing = missing_name(before, options_.server_names);
    if (!missing.empty()) why = fmt::format("it was not for \"{}\"", missing);
  }
  if (why.empty()) return;
  // A clock from before our own root is wrong itself: what was made meanwhile would be of no use.
  const auto root = pki::parse_certificate(identity_->root.certificate);
  if (!root || root->not_before > now.wall) return;

  auto names = options_.server_names;
  if (names.empty()) {
    names = before.dns_names;
    names.insert(names.end(), before.ip_addresses.begin(), before.ip_addresses.end());
  }
  next_telemetry_ = pki::make_server(identity_->root, before.subject_cn, names,
                                     validity(now, kTelemetryLife), random_);
  registry_.meta.edit(std::string(meta::kTelemetry)) = identity_pem(*next_telemetry_);
  audit(now, {"ems", ""}, "telemetry_certificate.renew", identity_->serial.str(),
        fmt::format("{}; the new one has the SHA-256 {}", why,
                    pki::fingerprint_text(sha256(ByteView(next_telemetry_->certificate)))));
  hold(act::TelemetryCertificate{pki::to_pem(next_telemetry_->certificate) + identity_->root_pem(),
                                 next_telemetry_->key.to_pem()});
}

void EmsCore::Impl::adopt_telemetry_certificate() {
  if (!next_telemetry_) return;
  identity_->telemetry = std::move(*next_telemetry_);
  next_telemetry_.reset();
  telemetry_leaf_.reset();
  telemetry_renewed_ = true;
}

}  // namespace postern::ems
