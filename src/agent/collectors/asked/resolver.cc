// net.dns_servers: those that are asked in the end, where a resolver on this machine stands before them.
#include "agent/collectors/asked/resolver.h"

#include <algorithm>

#include "agent/collectors/asked.h"
#include "base/ip.h"
#include "base/text.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace resolver_family {
namespace {

namespace keys = posture::keys;

constexpr const char* kResolv = "/etc/resolv.conf";
constexpr const char* kBehind[] = {"/run/systemd/resolve/resolv.conf", "/run/NetworkManager/no-stub-resolv.conf"};
constexpr std::size_t kMaxConf = 1u << 20;

bool local(const std::string& server) {
  const auto ip = IpAddress::parse(server);
  return ip && ip->is_loopback();
}

void answer(const Question&, Facts& facts) {
  const auto text = facts.read(kResolv, kMaxConf);
  if (!text) return facts.unknown(keys::kDnsServers, reason_of(text.error()), kResolv);
  auto servers = parse_name_servers(*text);
  std::string source = kResolv;
  if (std::ranges::all_of(servers, local)) {
    for (const auto* path : kBehind) {
      const auto behind = facts.read(path, kMaxConf);
      auto upstream = behind ? parse_name_servers(*behind) : std::vector<std::string>();
      if (upstream.empty() || std::ranges::all_of(upstream, local)) continue;
      servers = std::move(upstream);
      source = path;
      break;
    }
  }
  facts.know(keys::kDnsServers, std::move(servers), std::move(source));
}

Triggers triggers(const Question&, const Facts&) { return {.files = {kResolv, kBehind[0], kBehind[1]}}; }

}  // namespace
}  // namespace resolver_family

std::vector<std::string> parse_name_servers(std::string_view text) {
  constexpr std::string_view kWord = "nameserver";
  constexpr std::size_t kMaxServers = 64;
  std::vector<std::string> out;
  for (const auto raw : split(text, '\n')) {
    const auto line = trim(raw);
    if (!line.starts_with(kWord) || line.size() <= kWord.size() || (line[kWord.size()] != ' ' && line[kWord.size()] != '\t'))
      continue;
    auto server = trim(line.substr(kWord.size()));
    server = server.substr(0, server.find_first_of(" \t#;%"));
    const auto ip = IpAddress::parse(server);
    if (!ip || out.size() >= kMaxServers) continue;
    if (auto name = ip->str(); std::ranges::find(out, name) == out.end()) out.push_back(std::move(name));
  }
  return out;
}

namespace asked {
const AskedFamily& resolver() {
  static const AskedFamily kFamily{.name = "resolver",
                                   .keys = {posture::keys::kDnsServers},
                                   .answer = resolver_family::answer,
                                   .triggers = resolver_family::triggers};
  return kFamily;
}
}  // namespace asked

}  // namespace postern::agent
