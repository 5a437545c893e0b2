#include "gateway/ztna/nginx_servers.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "gateway/forward/destinations.h"
#include "gateway/ztna/nginx_forwarding.h"

namespace postern::gateway {
namespace {

std::string protocols(const NginxServerTls& tls) {
  constexpr std::string_view kNames[] = {"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"};
  std::string out;
  for (auto v = static_cast<unsigned>(tls.min); v <= static_cast<unsigned>(tls.max); ++v) {
    out += fmt::format(" {}", kNames[v]);
  }
  return out;
}

std::string grpc_name(const std::string& tls_name) { return "@grpc_" + tls_name.substr(1); }

/// A call may be silent for long in both directions: its own deadline (grpc-timeout) ends it, and what its server makes of
/// that.
constexpr std::string_view kGrpcPatience = "      client_body_timeout 1h;\n";

}  // namespace

NginxServers::NginxServers(const std::vector<NginxPool>& pools, std::string forwarder)
    : pools_(pools), forwarder_(std::move(forwarder)) {
  for (const auto& pool : pools) {
    if (!pool.tls) continue;
    const auto known = names_.try_emplace(*pool.tls, fmt::format("@tls{}", names_.size() + 1)).first;
    of_pool_[pool.id] = &known->first;
  }
}

std::string NginxServers::upstreams() const {
  std::string out;
  // Each pool twice. An application that leaves a body unread reads it as the next request of its connection: were that
  // used again, the request that a client hid there would be answered to another. So requests with a body have
  // connections of their own, which end with them. "Connection: close" alone would not do: nginx keeps a connection
  // whose server ignores it.
  for (const auto& pool : pools_) {
    if (!pool.destinations.empty()) {
      out += forwarding_upstream(pool, forwarder_);
      continue;
    }
    std::string inside;
    for (const auto& s : pool.servers) {
      inside += fmt::format("    server {} weight={};\n    postern_server {} {}{}{};\n", endpoint_text(s.address, s.port),
                            s.weight, s.number, s.standby ? "standby" : "active", s.host.empty() ? "" : " ", s.host);
    }
    inside += fmt::format("    postern_balance {};\n", policy::balancing_name(pool.method));
    if (pool.tls) inside += "    postern_by_name;\n";
    out += fmt::format("\n  upstream pool_{} {{\n{}    keepalive 32;\n  }}\n", pool.id, inside);
    out += fmt::format("  upstream pool_{}_once {{\n{}  }}\n", pool.id, inside);
    if (!pool.host.empty()) out += fmt::format("  postern_host {} {};\n", pool.id, pool.host);
    // And a third time for gRPC: a connection that speaks HTTP/2 must never be taken for one that doesn't. A stream says
    // itself where it ends, so that one with a body needs no connection of its own.
    out += fmt::format("  upstream pool_{}_grpc {{\n{}    keepalive 32;\n  }}\n", pool.id, inside);
    if (pool.tls) out += fmt::format("  postern_through {} {};\n", pool.id, names_.at(*pool.tls));
    out += fmt::format("  postern_through_grpc {} {};\n", pool.id, pool.tls ? grpc_name(names_.at(*pool.tls)) : "@grpc");
  }
  return out;
}

std::string NginxServers::headers(std::string_view indent, bool more) {
  std::string out;
  for (const auto& [name, value] : std::initializer_list<std::pair<std::string_view, std::string_view>>{
           {"Host", "$postern_host"},
           {"Upgrade", more ? "$postern_upgrade" : "\"\""},
           {"Connection", more ? "$postern_connection" : "\"\""},
           {"TE", "\"\""},
           {"Trailer", "\"\""},
           {"HTTP2-Settings", "\"\""},
           {"Proxy-Connection", "\"\""},
           {kDestinationsHeader, "\"\""},
           {"X-Forwarded-For", "$remote_addr"},
           {"X-Forwarded-Proto", "https"},
           {"X-Forwarded-Host", "$postern_client_host"}}) {
    out += fmt::format("{}proxy_set_header {} {};\n", indent, name, value);
  }
  return out;
}

Result<std::string> NginxServers::locations(const std::vector<std::uint32_t>& pools) const {
  std::set<const NginxServerTls*> used;
  for (const auto id : pools) {
    if (const auto it = of_pool_.find(id); it != of_pool_.end()) used.insert(it->second);
  }
  std::string out;
  for (const auto& pool : pools_) {
    if (!pool.destinations.empty() && std::find(pools.begin(), pools.end(), pool.id) != pools.end()) out += forwarding_location(pool);
  }
  const auto all_headers = headers("      ", true);
  out += fmt::format("    location @more {{\n{}      proxy_pass http://to_pool;\n    }}\n", all_headers);
  if (!pools.empty()) {
    out += fmt::format("    location @grpc {{\n{}      grpc_pass grpc://pool_${{postern_pool}}_grpc;\n    }}\n", kGrpcPatience);
  }
  for (const auto& [tls, name] : names_) {
    if (!used.contains(&tls)) continue;
    std::string verify;
    std::string grpc_verify;
    if (tls.verify) {
      const auto ca = quoted_path(tls.ca_path, "CAs of real servers");
      if (!ca) return fail(ca.error());
      verify = fmt::format(
          "      proxy_ssl_verify on;\n      proxy_ssl_verify_depth 8;\n      proxy_ssl_trusted_certificate {};\n", *ca);
      grpc_verify = fmt::format(
          "      grpc_ssl_verify on;\n      grpc_ssl_verify_depth 8;\n      grpc_ssl_trusted_certificate {};\n", *ca);
    }
    // OpenSSL offers versions before 1.2 only where it takes everything else that is as old, too. A session that one name
    // began must not be gone on with under another.
    out += fmt::format(
        R"(    location {} {{
      proxy_ssl_protocols{};
{}      proxy_ssl_server_name on;
      proxy_ssl_name $postern_server;
      proxy_ssl_session_reuse off;
{}{}      proxy_pass https://to_pool;
    }}
)",
        name, protocols(tls),
        tls.min < config::TlsVersion::k12 ? "      proxy_ssl_ciphers DEFAULT:@SECLEVEL=0;\n" : "", verify, all_headers);
    out += fmt::format(
        R"(    location {} {{
{}      grpc_ssl_protocols{};
{}      grpc_ssl_server_name on;
      grpc_ssl_name $postern_server;
      grpc_ssl_session_reuse off;
{}      grpc_pass grpcs://pool_${{postern_pool}}_grpc;
    }}
)",
        grpc_name(name), kGrpcPatience, protocols(tls),
        tls.min < config::TlsVersion::k12 ? "      grpc_ssl_ciphers DEFAULT:@SECLEVEL=0;\n" : "", grpc_verify);
  }
  return out;
}

Result<std::string> quoted_path(const std::string& path, std::string_view what) {
  const bool clean = !path.empty() && std::all_of(path.begin(), path.end(), [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return u >= 0x20 && u != 0x7f && c != '"' && c != '\'' && c != '\\' && c != '$' && c != ';' &&
           c != '{' && c != '}';
  });
  if (!clean || path.front() != '/') {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}: '{}' is not an absolute path that nginx can be given; rename it",
                            what, path));
  }
  return '"' + path + '"';
}

std::string endpoint_text(const IpAddress& address, std::uint16_t port) {
  return address.is_v6() ? fmt::format("[{}]:{}", address.str(), port)
                         : fmt::format("{}:{}", address.str(), port);
}

}  // namespace postern::gateway
