// net.dns_servers: those that are asked in the end, where a resolver on this machine stands before them.
#include "agent/collectors/asked/resolver.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "agent/collectors/asked.h"
#include "agent/collectors/kept.h"
#include "base/ip.h"
#include "base/text.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace resolver_family {
namespace {

namespace keys = posture::keys;

constexpr const char* kResolv = "/etc/resolv.conf";
struct Stub {
  const char* directory;
  const char* behind;  ///< Whom it asks.
  std::array<std::string_view, 2> keepers;  ///< `comm` of who answers at its address and keeps the file.
};
/// Where one ends its file stays, and tells of servers that nobody asks any more.
constexpr Stub kStubs[] = {
    {"/run/systemd/resolve", "/run/systemd/resolve/resolv.conf", {"systemd-resolve", "systemd-resolved"}},
    {"/run/NetworkManager", "/run/NetworkManager/no-stub-resolv.conf", {"NetworkManager", "NetworkManager"}}};
constexpr std::size_t kMaxConf = 1u << 20;
constexpr std::size_t kAsked = 3;  // MAXNS of glibc and musl

/// inet_aton(3) takes more than addresses with four numbers: 1.1 is 1.0.0.1, and 010.1.1.1 is 8.1.1.1.
std::optional<IpAddress> as_resolvers_read(std::string_view server) {
  in_addr v4{};
  if (::inet_aton(std::string(server).c_str(), &v4) == 0) {
    const auto ip = IpAddress::parse(server);
    return ip ? std::optional(*ip) : std::nullopt;
  }
  char text[INET_ADDRSTRLEN];
  const auto ip = IpAddress::parse(::inet_ntop(AF_INET, &v4, text, sizeof text));
  return ip ? std::optional(*ip) : std::nullopt;
}

bool local(const std::string& server) {
  const auto ip = IpAddress::parse(server);
  return ip && ip->is_loopback();
}

/// Of systemd-resolved's own addresses nobody else makes use.
bool is_resolved(const std::string& server) { return server == "127.0.0.53" || server == "127.0.0.54"; }

void answer(const Question&, Facts& facts) {
  const auto text = facts.read(kResolv, kMaxConf);
  if (!text) return facts.unknown(keys::kDnsServers, reason_of(text.error()), kResolv);
  auto servers = parse_name_servers(*text);
  if (servers.size() > kAsked) servers.resize(kAsked);
  if (servers.empty()) servers.emplace_back("127.0.0.1");  // whom resolvers then ask
  std::string source = kResolv;
  const char* hidden = nullptr;
  if (std::ranges::all_of(servers, local)) {
    for (const auto& stub : kStubs) {
      const auto behind = facts.read(stub.behind, kMaxConf);
      if (!behind) continue;
      const auto keeper = keeper_of(facts, stub.directory, stub.keepers);
      if (keeper == Keeper::kHidden) hidden = stub.behind;
      if (keeper != Keeper::kRuns) continue;
      auto upstream = parse_name_servers(*behind);
      if (upstream.empty() || std::ranges::all_of(upstream, local)) continue;
      servers = std::move(upstream);
      source = stub.behind;
      break;
    }
  }
  const bool stub = std::ranges::any_of(servers, is_resolved);
  if (source == kResolv && (stub || hidden != nullptr)) {
    const auto reason = hidden != nullptr ? posture::UnknownReason::kDenied : posture::UnknownReason::kUnsupported;
    return facts.unknown(keys::kDnsServers, reason, "whom the resolver of this machine asks can't be told");
  }
  facts.know(keys::kDnsServers, std::move(servers), std::move(source));
}

Triggers triggers(const Question&, const Facts&) {
  Triggers out{.files = {kResolv}};
  for (const auto& stub : kStubs) {
    out.files.emplace_back(stub.behind);
    for (const auto keeper : stub.keepers) out.processes.emplace_back(keeper);
  }
  return out;
}

}  // namespace
}  // namespace resolver_family

std::vector<std::string> parse_name_servers(std::string_view text) {
  constexpr std::string_view kWord = "nameserver";
  constexpr std::size_t kMaxServers = 64;
  std::vector<std::string> out;
  for (const auto raw : split(text, '\n')) {
    const auto line = raw;  // one that begins with blanks is none
    if (!line.starts_with(kWord) || line.size() <= kWord.size() || (line[kWord.size()] != ' ' && line[kWord.size()] != '\t'))
      continue;
    auto server = trim(line.substr(kWord.size()));
    server = server.substr(0, server.find_first_of(" \t#;%"));
    const auto ip = resolver_family::as_resolvers_read(server);
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
