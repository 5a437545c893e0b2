#include "gateway/ztna/nginx_verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/text.h"

namespace postern::gateway {
namespace {

/// "bind() to 0.0.0.0:443 failed (98: Address already in use)" as a sentence with what to do; empty: it is something else.
std::string cannot_listen(std::string_view said) {
  constexpr std::string_view kBind = "bind() to ";
  if (!said.starts_with(kBind)) return {};
  said.remove_prefix(kBind.size());
  const auto at = said.find(" failed (");
  if (at == said.npos) return {};
  const auto where = said.substr(0, at);
  const auto why = said.substr(at + 9);
  std::string_view remedy = "look at firewall vip";
  if (why.starts_with("98:")) {
    remedy =
        "another program listens there (ss -ltnp names it): stop it, or set another extport or extip of the firewall vip";
  } else if (why.starts_with("99:")) {
    remedy = "this machine doesn't have that address: set another extip of the firewall vip, or give it to an interface";
  } else if (why.starts_with("13:")) {
    remedy = "the gateway may not give nginx ports below 1024: start it with CAP_NET_BIND_SERVICE";
  }
  return fmt::format("nginx can't listen at {}: {}", where, remedy);
}

}  // namespace

std::optional<Status> nginx_verdict(std::string_view log, pid_t master) {
  // "2026/11/25 19:00:00 [emerg] 123#123: bind() to …": workers write to it, too.
  const auto from_master = fmt::format(" {0}#{0}: ", master);
  std::vector<std::string> ports;
  while (true) {
    const auto end = log.find('\n');
    if (end == log.npos) return std::nullopt;
    const auto line = log.substr(0, end);
    log.remove_prefix(end + 1);
    const auto at = line.find(from_master);
    if (at == line.npos) continue;
    const auto said = trim(line.substr(at + from_master.size()));
    if (said == "start worker processes") return Status();
    if (!line.substr(0, at).ends_with("[emerg]")) continue;
    // A port is tried five times within two and a half seconds: it may still succeed.
    if (auto port = cannot_listen(said); !port.empty()) {
      if (std::find(ports.begin(), ports.end(), port) == ports.end()) ports.push_back(std::move(port));
      continue;
    }
    if (!ports.empty()) return Status(fail(ErrorCode::kConflict, join(ports, "; ")));
    return Status(fail(ErrorCode::kUnavailable, "nginx doesn't take the configuration: " + std::string(said)));
  }
}

}  // namespace postern::gateway
