// The web server's certificate: what the status says of it, and the renewal of the built-in one.
#include <algorithm>

#include <fmt/format.h>

#include "ems/bootstrap/lifetimes.h"
#include "ems/core/impl.h"
#include "pki/certificate.h"

namespace postern::ems {
namespace {

/// Before it expires. Gateways that pinned it stop and ask: their administrators shall not find it on the last day.
constexpr std::chrono::hours kWebRenewBefore{30 * 24};
constexpr Seconds kLookEvery{60};

Result<pki::CertificateInfo> leaf_of(const ServerCertificate& certificate) {
  const auto chain = pki::certificates_from_pem(certificate.chain_pem);
  if (!chain) return fail(chain.error());
  return pki::parse_certificate(chain->front());
}

}  // namespace

void EmsCore::Impl::look_at_web_certificate() const {
  const auto& all = registry_.certificates.all();
  const auto it = std::ranges::find_if(all, [](const auto& row) { return row.second.selected; });
  if (it == all.end()) {
    web_chain_.clear();
    web_certificate_ = {};
    return;
  }
  const auto& selected = it->second;
  if (selected.chain_pem == web_chain_ && selected.name == web_certificate_.name) return;
  web_chain_ = selected.chain_pem;
  web_certificate_ = {};
  web_certificate_.name = selected.name;
  web_certificate_.built_in = selected.built_in;
  const auto leaf = leaf_of(selected);
  if (!leaf) return;  // not written by us; what is known is shown
  web_certificate_.sha256 = leaf->sha256;
  web_certificate_.not_after = leaf->not_after;
  if (selected.built_in) web_certificate_.renews_at = leaf->not_after - kWebRenewBefore;
}

void EmsCore::Impl::renew_web_certificate(Now now) {
  if (read_only_ || (web_looked_at_ != MonoTime{} && now.mono - web_looked_at_ < kLookEvery)) return;
  web_looked_at_ = now.mono;
  const auto& all = registry_.certificates.all();
  const auto it = std::ranges::find_if(all, [](const auto& row) { return row.second.built_in; });
  if (it == all.end()) return;
  const auto before = leaf_of(it->second);
  if (!before) return;
  // Made while the clock was ahead: nobody else takes it before its time. A clock from before our own root is wrong
  // itself (a machine that boots without one): what was made meanwhile would be of no use.
  const auto root = pki::parse_certificate(identity_->root.certificate);
  if (!root || root->not_before > now.wall) return;
  const bool too_early = before->not_before > now.wall;
  if (!too_early && before->not_after > now.wall + kWebRenewBefore) return;
  const auto why = too_early ? "it would not have been valid before " + to_iso8601(before->not_before)
                             : "it would have expired at " + to_iso8601(before->not_after);

  auto names = before->dns_names;
  names.insert(names.end(), before->ip_addresses.begin(), before->ip_addresses.end());
  for (const auto& name : options_.server_names) {
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  const auto fresh = pki::make_server(identity_->root, before->subject_cn, names,
                                      validity(now, kWebLife), random_);
  auto& c = registry_.certificates.edit(it->first);
  c.chain_pem = pki::to_pem(fresh.certificate) + identity_->root_pem();
  c.key_pem = fresh.key.to_pem();
  c.added_at = now.wall;
  const auto fingerprint = pki::fingerprint_text(sha256(ByteView(fresh.certificate)));
  audit(now, {"ems", ""}, "server_certificate.renew", c.name,
        fmt::format("{}; the new one has the SHA-256 {}", why, fingerprint));
  if (!c.selected) return;
  hold(act::WebCertificate{c.chain_pem, c.key_pem});
  hold(act::Alert{"ems.web_certificate_renewed",
                  fmt::format("the web certificate \"{}\" was renewed, {}. Gateways that accepted the "
                              "old one stop until an administrator there accepts the new one, SHA-256 {}; those with "
                              "trust-ca-cn enabled go on",
                              c.name, why, fingerprint)});
  show_gateways_web_certificate();
}

void EmsCore::Impl::show_gateways_web_certificate() {
  std::vector<SessionId> connected;
  for (const auto& [id, s] : gateways_) connected.push_back(id);
  for (const auto id : connected) {
    gateway_goodbye(id, "certificate_changed", Millis(0), "the EMS presents another certificate from now on");
  }
}

}  // namespace postern::ems
