// Certificates that nginx shows, and those by which it knows others.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/sha256.h"
#include "gateway/shell/nginx_control.h"
#include "gateway/shell/pem.h"
#include "pki/certificate.h"

namespace postern::gateway {
namespace {

/// The earliest there is: it is not there.
std::filesystem::file_time_type changed_at(const std::string& path) {
  std::error_code error;
  const auto at = std::filesystem::last_write_time(path, error);
  return error ? std::filesystem::file_time_type::min() : at;
}

}  // namespace

void NginxControl::install_client_cas(NginxConfig& config, std::string& installed) {
  std::string bundle;
  for (const auto& c : context_.config.connectors) {
    if (const auto pem = read_file(context_.ca_path(c.id), 1 << 20)) bundle += *pem;
  }
  if (!bundle.empty()) {
    auto path = install("ztna-ca.pem", bundle);
    if (path) config.client_ca_path = *path;
  }
  installed += bundle;
}

/// A file that is gone comes back, and one that vouches for fewer is to do so without anybody's command.
bool NginxControl::server_cas_changed() const {
  return std::any_of(server_ca_files_.begin(), server_ca_files_.end(),
                     [](const auto& file) { return changed_at(file.first) != file.second; });
}

/// Who vouches for real servers. Pools for which that can't be had are left out: nginx would refuse everything else, too.
void NginxControl::install_server_cas(NginxConfig& config, std::string& installed) {
  problems_.erase("server-ca");
  server_ca_files_.clear();
  std::map<std::string, std::string> paths;  // by what is configured; empty: it can't be had
  const auto path_of = [&](const std::string& ca) {
    const auto [it, fresh] = paths.try_emplace(ca);
    if (!fresh) return it->second;
    const std::string& source = ca.empty() ? context_.options.system_cas : ca;
    if (source.starts_with('/')) server_ca_files_[source] = changed_at(source);  // before it is read
    auto pem = pem_of(source);
    if (pem) {
      if (auto read = pki::certificates_from_pem(*pem); !read) pem = fail(read.error());
    }
    auto path = pem ? install(fmt::format("server-ca-{}.pem", to_hex_lower(ByteView(sha256(ca)).first(8))), *pem)
                    : Result<std::string>(fail(pem.error()));
    if (!path) {
      problems_["server-ca"] = path.error().context("real servers of service https can't be verified, and are not used");
      log_error("server-ca.unusable", problems_["server-ca"].message);
      return it->second;
    }
    installed += *pem;
    return it->second = *path;
  };
  std::erase_if(config.pools, [&](NginxPool& pool) {
    if (!pool.tls || !pool.tls->verify) return false;
    pool.tls->ca_path = path_of(pool.tls->ca);
    return pool.tls->ca_path.empty();
  });
}

/// The certificate that a listener shows. One that nginx would refuse would keep every other access proxy from changing,
/// too.
Result<NginxControl::Pair> NginxControl::certificate_of(std::size_t number) const {
  const auto* own = config::find_named(context_.config.certificates, plan_.listener_certificates[number]);
  if (own == nullptr) return Pair{context_.device.server_chain_pem, context_.device.server_key_pem};
  const auto off = [&](const Error& error) {
    return fail(error.context(fmt::format("access proxy {} is off, certificate local {}",
                                          plan_.proxy_names.at(plan_.listeners[number].proxy), own->name)));
  };
  auto chain = pem_of(own->certificate);
  if (!chain) return off(chain.error());
  auto key = pem_of(own->private_key);
  if (!key) return off(key.error());
  if (auto sound = check_pair(*chain, *key); !sound) return off(sound.error());
  return Pair{std::move(*chain), std::move(*key)};
}

std::optional<NginxListener> NginxControl::with_certificate(std::size_t number, std::string& installed) {
  auto listener = plan_.listeners[number];
  auto pair = certificate_of(number);
  if (!pair) {
    log_error("certificate.unusable", pair.error().message);
    problems_["certificate"] = pair.error();
    return std::nullopt;
  }
  auto& [chain, key] = *pair;
  const auto cert_path = install(fmt::format("listener{}.crt", listener.proxy), chain);
  const auto key_path = install(fmt::format("listener{}.key", listener.proxy), key);
  if (!cert_path || !key_path) {
    log_error("certificate.install", (cert_path ? key_path : cert_path).error().message);
    problems_["certificate"] = (cert_path ? key_path : cert_path).error();
    return std::nullopt;
  }
  installed += chain + key;
  listener.certificate_path = *cert_path;
  listener.key_path = *key_path;
  return listener;
}

/// Of one that was given; it is shown all the same: some clients don't look.
std::optional<std::string> NginxControl::out_of_date(std::size_t number) const {
  if (!config::find_named(context_.config.certificates, plan_.listener_certificates[number])) return std::nullopt;
  const auto pair = certificate_of(number);
  if (!pair) return std::nullopt;
  const auto valid = check_validity(pair->chain, context_.now().wall);
  if (valid) return std::nullopt;
  return fmt::format("access proxy {}: its certificate ({}) {}", plan_.proxy_names.at(plan_.listeners[number].proxy),
                     plan_.listener_certificates[number], valid.error().message);
}

}  // namespace postern::gateway
