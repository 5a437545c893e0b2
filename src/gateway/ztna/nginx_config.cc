#include "gateway/ztna/nginx_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "gateway/ztna/nginx_forwarding.h"
#include "gateway/forward/destinations.h"
#include "gateway/ztna/nginx_servers.h"

namespace postern::gateway {
namespace {

/// TLS sessions that a worker keeps taken apart, of all access proxies together, about.
constexpr std::size_t kSessionsOfWorker = 16'000;

/// Of a host name, an address and a port alone.
bool host_is_plain(const std::string& host) {
  return std::all_of(host.begin(), host.end(), [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' || c == ':' || c == '[' ||
           c == ']';
  });
}

Status check_config(const NginxConfig& config) {
  const auto bad = [](std::string message) {
    return fail(ErrorCode::kInvalidArgument, std::move(message));
  };
  if (config.workers < 1 || config.workers > 64)
    return bad("the number of nginx workers must be 1 to 64");
  std::set<std::pair<IpAddress, std::uint16_t>> taken;
  for (const auto& l : config.listeners) {
    if (l.proxy == 0 || !l.address.valid() || l.port == 0) {
      return bad(fmt::format("access proxy {}: number, address or port is missing", l.proxy));
    }
    if (!taken.emplace(l.address, l.port).second) {
      return bad(fmt::format("two access proxies listen on {}", endpoint_text(l.address, l.port)));
    }
  }
  std::set<std::uint32_t> pools;
  for (const auto& pool : config.pools) {
    if (pool.id == 0 || !pools.insert(pool.id).second)
      return bad(fmt::format("pool number {} is 0 or taken", pool.id));
    if (!pool.destinations.empty()) {
      if (auto sound = check_forwarding(pool, config.forwarder); !sound) return sound;
      continue;
    }
    if (pool.servers.empty()) return bad(fmt::format("pool {} has no real server", pool.id));
    if (!host_is_plain(pool.host))
      return bad(fmt::format("pool {}: '{}' is no host that nginx can be given", pool.id, pool.host));
    if (pool.tls && pool.tls->min > pool.tls->max)
      return bad(fmt::format("pool {}: its lowest version of TLS is above the highest", pool.id));
    for (const auto& s : pool.servers) {
      if (!s.address.valid() || s.port == 0 || s.weight < 1 || s.weight > 255 || s.number == 0) {
        return bad(fmt::format("pool {}: a real server's address, port, weight or number is out of range",
                               pool.id));
      }
      if (!host_is_plain(s.host))
        return bad(fmt::format("pool {}: '{}' is no host that nginx can be given", pool.id, s.host));
    }
  }
  return {};
}

}  // namespace

Result<std::string> render_nginx_config(const NginxConfig& config) {
  if (auto ok = check_config(config); !ok) return fail(ok.error());
  const auto module = quoted_path(config.module_path, "nginx module");
  if (!module) return fail(module.error());
  const auto runtime = quoted_path(config.runtime_dir, "runtime directory");
  if (!runtime) return fail(runtime.error());
  const auto state = quoted_path(config.state_dir, "state directory of nginx");
  if (!state) return fail(state.error());
  const auto in_state = [&](std::string_view name) {
    return fmt::format("\"{}/{}\"", config.state_dir, name);
  };

  std::string out = fmt::format(
      R"(# Written by postern-gateway; changes made here are lost.
load_module {module};
daemon off;
worker_processes {workers};
pid {pid};
error_log {error_log} notice;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  server_tokens off;
  client_body_temp_path {body};
  proxy_temp_path {proxy};
  fastcgi_temp_path {fastcgi};
  uwsgi_temp_path {uwsgi};
  scgi_temp_path {scgi};
  postern_shm {runtime};

  # One reading of a request for us and for the application.
  ignore_invalid_headers on;
  underscores_in_headers off;
  merge_slashes off;
  absolute_redirect off;

  # Uploads and downloads stream: each piece of an answer goes to the client as it comes, and little
  # waits here when a session is cut. Nothing is kept on disk. The one buffer is that large because
  # bulk data then costs no more than with buffering (with 32k: a seventh more); it is memory only as
  # far as an answer fills it. proxy_buffers has to fit to it. Not 128k: malloc would ask the kernel
  # for each, and give it back.
  client_max_body_size 0;
  proxy_request_buffering off;
  proxy_buffering off;
  proxy_buffer_size 96k;
  proxy_buffers 4 96k;
  proxy_max_temp_file_size 0;
  keepalive_timeout 75s;
  # Each new connection is a handshake of both sides' certificates.
  keepalive_requests 10000;
  reset_timedout_connection on;

  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305;
  ssl_prefer_server_ciphers off;
  # Sessions stay here and are told by number. To write one into a ticket, and to read it again, OpenSSL takes the client's
  # certificate apart each time, which costs more than the key exchange. First each worker looks for a session among its
  # own, which are taken apart already: so many for each access proxy, some 10 KB each.
  ssl_session_cache builtin:{sessions} shared:postern:8m;
  ssl_session_tickets off;
  ssl_conf_command NumTickets 1;
  ssl_session_timeout 1h;
  ssl_early_data off;
  ssl_verify_depth 4;
  # Whole records: with 4k, bulk data costs half as much again.
  ssl_buffer_size 16k;

  # The real servers that the decision names. Requests that upgrade their connection or have a body need more headers, and
  # those that don't should not pay for that.
  postern_more @more;
  upstream to_pool {{ server 127.0.0.1:1; postern_pool; }}

  proxy_http_version 1.1;
  proxy_redirect off;
  # What an application answers is data: it doesn't choose another location here, nor how this nginx works.
  proxy_ignore_headers X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate X-Accel-Buffering X-Accel-Charset;
  proxy_connect_timeout 5s;
  proxy_send_timeout 60s;
  proxy_read_timeout 1h;
{headers}
  grpc_buffer_size 32k;
  grpc_connect_timeout 5s;
  grpc_send_timeout 60s;
  grpc_read_timeout 1h;
  grpc_ignore_headers X-Accel-Redirect X-Accel-Charset;
  grpc_set_header Host $postern_host;
  grpc_set_header X-Forwarded-For $remote_addr;
  grpc_set_header X-Forwarded-Proto https;
  grpc_set_header X-Forwarded-Host $postern_client_host;
)",
      fmt::arg("module", *module), fmt::arg("workers", config.workers), fmt::arg("pid", in_state("nginx.pid")),
      fmt::arg("error_log", in_state("error.log")), fmt::arg("body", in_state("body")),
      fmt::arg("proxy", in_state("proxy")), fmt::arg("fastcgi", in_state("fastcgi")),
      fmt::arg("uwsgi", in_state("uwsgi")), fmt::arg("scgi", in_state("scgi")), fmt::arg("runtime", *runtime),
      fmt::arg("headers", NginxServers::headers("  ", false)),
      fmt::arg("sessions", std::clamp<std::size_t>(kSessionsOfWorker / std::max<std::size_t>(config.listeners.size(), 1), 100, 4000)));

  const NginxServers servers(config.pools, config.forwarder);
  out += servers.upstreams();

  std::string client_ca;
  if (!config.client_ca_path.empty()) {
    const auto path = quoted_path(config.client_ca_path, "bundle of ZTNA CAs");
    if (!path) return fail(path.error());
    client_ca = *path;
  }
  for (const auto& l : config.listeners) {
    const auto certificate = quoted_path(l.certificate_path, "server certificate");
    if (!certificate) return fail(certificate.error());
    const auto key = quoted_path(l.key_path, "server key");
    if (!key) return fail(key.error());
    const auto tls = servers.locations(l.pools);
    if (!tls) return fail(tls.error());
    out += fmt::format(
        R"(
  server {{
    listen {at} ssl http2;
    server_name _;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
{ask}    postern_proxy {proxy};
    error_page 421 495 496 /.postern/refused;
    error_page 400 403 404 405 408 413 414 497 500 501 502 503 504 505 507 /.postern/failed;
    error_page 494 =431 /.postern/failed;
    location = /.postern/refused {{ internal; postern_refused; }}
    location = /.postern/failed {{ internal; postern_failed; }}
    location / {{ proxy_pass http://to_pool; }}
{tls}  }}
)",
        fmt::arg("at", endpoint_text(l.address, l.port)), fmt::arg("certificate", *certificate),
        fmt::arg("key", *key), fmt::arg("tls", *tls),
        fmt::arg(
            "ask",
            l.ask_for_certificate && !client_ca.empty()
                ? fmt::format("    ssl_client_certificate {};\n    ssl_verify_client optional;\n",
                              client_ca)
                : ""),
        fmt::arg("proxy", l.proxy));
  }
  out += "}\n";
  return out;
}

}  // namespace postern::gateway
