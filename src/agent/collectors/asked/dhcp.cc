// net.dhcp_servers and net.dhcp_options, from the leases of systemd-networkd, NetworkManager and dhclient.
#include "agent/collectors/asked/dhcp.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <set>
#include <utility>

#include "agent/collectors/asked.h"
#include "agent/collectors/listing.h"
#include "agent/collectors/os/key_values.h"
#include "base/hex.h"
#include "base/ip.h"
#include "base/text.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace dhcp_family {
namespace {

namespace keys = posture::keys;
using posture::UnknownReason;

constexpr std::size_t kMaxFile = 4u << 20;
constexpr std::size_t kMaxAddresses = 64u << 20;  // a router's table of routes is in it too
constexpr std::size_t kMaxHeld = 65'536;
constexpr const char* kAddresses = "/proc/net/fib_trie";
constexpr const char* kNetworkd = "/run/systemd/netif/leases";
constexpr const char* kNetworkManager = "/var/lib/NetworkManager";
constexpr const char* kDevices = "/run/NetworkManager/devices";  // what NetworkManager has on each link, by its index
constexpr const char* kDhclient[] = {"/var/lib/dhcp", "/var/lib/dhclient"};

/// What all clients keep. One that can't be read could be the one of the network that this machine is in.
class Leases {
 public:
  explicit Leases(const Facts& facts) : facts_(facts) {}

  void read_networkd() {
    for_each(kNetworkd, [](const std::string&) { return true; }, [&](const std::string&, const std::string& text) {
      all.push_back(parse_key_value_lease(text));
    });
  }

  void read_dhclient(const char* directory) {
    const auto is_lease = [](const std::string& name) { return name.ends_with(".leases") || name.ends_with(".lease"); };
    for_each(directory, is_lease, [&](const std::string&, const std::string& text) { add_dhclient(text); });
  }

  /// What it has now stands in /run; the leases of all networks where it ever was stay in /var, and count where it says so.
  void read_network_manager() {
    std::set<std::string> active;  // "UUID-wlan0"
    const auto is_index = [](const std::string& name) { return parse_u64(name).has_value(); };
    for_each(kDevices, is_index, [&](const std::string& index, const std::string& text) {
      all.push_back(parse_device_state(text));
      active.insert(value_of(parse_key_values(text), "connection-uuid") + "-" + link_name(index));
    });
    const auto is_active = [&](const std::string& name) {
      const bool ours = name.starts_with(kInternal) || name.starts_with(kByDhclient);
      return ours && name.ends_with(kLease) && active.contains(name.substr(kInternal.size(), name.size() - kAround));
    };
    for_each(kNetworkManager, is_active, [&](const std::string& name, const std::string& text) {
      if (name.starts_with(kInternal)) return all.push_back(parse_key_value_lease(text));
      add_dhclient(text);
    });
  }

  std::vector<DhcpLease> all;
  std::optional<Error> trouble;

 private:
  static constexpr std::string_view kInternal = "internal-", kByDhclient = "dhclient-", kLease = ".lease";
  static_assert(kInternal.size() == kByDhclient.size());
  static constexpr std::size_t kAround = kInternal.size() + kLease.size();

  template <class Wanted, class Take>
  void for_each(const std::string& directory, Wanted wanted, Take take) {
    const auto names = list_directory(facts_, directory);
    if (!names && names.error().code != ErrorCode::kNotFound) trouble = names.error();
    for (const auto& name : names.value_or(std::vector<std::string>())) {
      if (!wanted(name)) continue;
      const auto text = facts_.read(directory + "/" + name, kMaxFile);
      if (text) {
        take(name, *text);
      } else if (text.error().code != ErrorCode::kNotFound) {  // it may have gone meanwhile
        trouble = text.error();
      }
    }
  }

  void add_dhclient(const std::string& text) {
    for (auto& lease : parse_dhclient_leases(text, facts_.now())) all.push_back(std::move(lease));
  }

  std::string link_name(const std::string& index) {
    for (const auto& name : names_in(facts_, "/sys/class/net")) {
      const auto text = facts_.read("/sys/class/net/" + name + "/ifindex", 64);
      if (text && trim(*text) == index) return name;
    }
    return {};
  }

  const Facts& facts_;
};

void unknown(Facts& facts, UnknownReason reason, const std::string& why) {
  facts.unknown(keys::kDhcpServers, reason, why);
  facts.unknown(keys::kDhcpOptions, reason, why);
}

std::string read_or_nothing(const Facts& facts, const char* path, std::size_t most) {
  auto text = facts.read(path, most);
  return text ? std::move(*text) : std::string();
}

void know(Facts& facts, const std::vector<DhcpLease>& leases) {
  std::vector<std::string> servers;
  std::set<std::string> options;
  const auto arp = read_or_nothing(facts, "/proc/net/arp", kMaxFile);
  for (const auto& lease : leases) {
    const auto add = [&](std::string text) {
      if (!text.empty() && std::ranges::find(servers, text) == servers.end()) servers.push_back(std::move(text));
    };
    add(lease.server);
    add(arp_entry(arp, lease.server));
    for (const auto& [number, value] : lease.options) options.insert(std::to_string(number) + "=" + value);
  }
  facts.know(keys::kDhcpServers, std::move(servers), "DHCP leases");
  facts.know(keys::kDhcpOptions, std::vector<std::string>(options.begin(), options.end()), "DHCP leases");
}

void answer(const Question&, Facts& facts) {
  Leases leases(facts);
  leases.read_networkd();
  leases.read_network_manager();
  for (const auto* directory : kDhclient) leases.read_dhclient(directory);
  if (leases.trouble) return unknown(facts, reason_of(*leases.trouble), leases.trouble->message);
  // A client that ended, or another network's visit, leaves its lease behind: those count whose address this machine has.
  const auto held = local_addresses(read_or_nothing(facts, kAddresses, kMaxAddresses));
  auto& all = leases.all;
  std::erase_if(all, [](const DhcpLease& lease) { return lease.server.empty(); });
  const bool found = !all.empty();
  std::erase_if(all, [&](const DhcpLease& lease) { return !held.contains(lease.address); });
  if (!all.empty()) return know(facts, all);
  // Other clients keep theirs in ways of their own.
  unknown(facts, UnknownReason::kUnsupported,
          found ? "no lease of a DHCP client that is known is of an address that this machine has"
                : "no lease of a DHCP client that is known");
}

Triggers triggers(const Question&, const Facts&) {
  return {.files = {kNetworkd, kNetworkManager, kDevices, kDhclient[0], kDhclient[1]}, .network = true};
}

/// dhclient's names of options that it knows.
unsigned option_number(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, unsigned>, 12> kNames{{{"subnet-mask", 1},
                                                                          {"routers", 3},
                                                                          {"domain-name-servers", 6},
                                                                          {"host-name", 12},
                                                                          {"domain-name", 15},
                                                                          {"broadcast-address", 28},
                                                                          {"ntp-servers", 42},
                                                                          {"vendor-encapsulated-options", 43},
                                                                          {"dhcp-lease-time", 51},
                                                                          {"dhcp-server-identifier", 54},
                                                                          {"tftp-server-name", 66},
                                                                          {"domain-search", 119}}};
  for (const auto& [known, number] : kNames) {
    if (known == name) return number;
  }
  for (const std::string_view prefix : {"unknown-", "option-", "private-"}) {
    const auto number = name.starts_with(prefix) ? parse_u64(name.substr(prefix.size())) : std::nullopt;
    if (number && *number < 256) return static_cast<unsigned>(*number);
  }
  return 0;
}

/// The text in quotes, or as it stands.
std::string plain_value(std::string_view value) {
  value = trim(value);
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
  return std::string(value);
}

/// "2 2026/11/24 14:02:03", in UTC, "epoch 1795507260; # …" or "never".
std::optional<WallTime> parse_expiry(std::string_view text) {
  text = trim(text);
  if (text.starts_with("never")) return WallTime::max();
  if (text.starts_with("epoch ")) {
    const auto at = parse_u64(trim(text.substr(6)));
    return at && *at < 1ull << 40 ? std::optional(from_unix_ms(static_cast<std::int64_t>(*at) * 1000)) : std::nullopt;
  }
  if (text.size() != 21 || text[6] != '/' || text[9] != '/' || text[15] != ':' || text[18] != ':') return std::nullopt;
  std::array<std::uint64_t, 6> n{};
  constexpr std::pair<std::size_t, std::size_t> kFields[] = {{2, 4}, {7, 2}, {10, 2}, {13, 2}, {16, 2}, {19, 2}};
  for (std::size_t i = 0; i < n.size(); ++i) {
    const auto value = parse_u64(text.substr(kFields[i].first, kFields[i].second));
    if (!value) return std::nullopt;
    n[i] = *value;
  }
  const std::chrono::year_month_day day(std::chrono::year(static_cast<int>(n[0])),
                                        std::chrono::month(static_cast<unsigned>(n[1])),
                                        std::chrono::day(static_cast<unsigned>(n[2])));
  if (!day.ok()) return std::nullopt;
  const auto at = std::chrono::sys_days(day).time_since_epoch() + std::chrono::hours(n[3]) + std::chrono::minutes(n[4]) +
                  std::chrono::seconds(n[5]);
  return from_unix_ms(std::chrono::duration_cast<std::chrono::milliseconds>(at).count());
}

}  // namespace
}  // namespace dhcp_family

std::vector<DhcpLease> parse_dhclient_leases(std::string_view text, WallTime now) {
  using namespace dhcp_family;
  std::map<std::string, std::optional<DhcpLease>, std::less<>> last;  // by interface; nothing: expired
  bool inside = false;
  DhcpLease lease;
  std::string interface;
  std::optional<WallTime> expiry;
  for (const auto raw : split(text, '\n')) {
    auto line = trim(raw);
    if (line.starts_with("lease") && line.ends_with('{')) {
      inside = true;
      lease = {};
      interface.clear();
      expiry.reset();
      continue;
    }
    if (!inside) continue;
    if (line == "}") {
      inside = false;
      const bool over = expiry && *expiry <= now;
      if (last.size() < kMaxLeases || last.contains(interface))
        last[interface] = over ? std::nullopt : std::optional(std::exchange(lease, {}));
      continue;
    }
    line = trim(line.substr(0, line.rfind(';')));
    const auto space = line.find(' ');
    if (space == line.npos) continue;
    const auto word = line.substr(0, space), rest = trim(line.substr(space + 1));
    if (word == "interface") interface = plain_value(rest);
    if (word == "fixed-address") lease.address = plain_value(rest);
    if (word == "expire") expiry = parse_expiry(rest.substr(0, rest.find(';')));
    if (word != "option") continue;
    const auto gap = rest.find(' ');
    if (gap == rest.npos) continue;
    const auto number = option_number(rest.substr(0, gap));
    auto value = plain_value(rest.substr(gap + 1));
    if (number == 54 && IpAddress::parse(value)) lease.server = value;
    if (number != 0 && value.size() <= kMaxLeaseOption) lease.options[number] = std::move(value);
  }
  std::vector<DhcpLease> out;
  for (auto& [name, one] : last) {
    if (one) out.push_back(std::move(*one));
  }
  return out;
}

DhcpLease parse_key_value_lease(std::string_view text) {
  DhcpLease out;
  for (const auto& [key, value] : parse_key_values(text)) {
    if (key == "ADDRESS" && IpAddress::parse(value)) out.address = value;
    if (key == "SERVER_ADDRESS" && IpAddress::parse(value)) out.server = value;
    if (value.empty() || value.size() > kMaxLeaseOption) continue;
    if (key == "DOMAINNAME") out.options[15] = value;
    if (key == "ROUTER") out.options[3] = value;
    if (key == "DNS") out.options[6] = value;
    const auto number = key.starts_with("OPTION_") ? parse_u64(std::string_view(key).substr(7)) : std::nullopt;
    if (!number || *number == 0 || *number > 254) continue;
    // networkd keeps them as hex digits: text is shown as text.
    const auto bytes = from_hex(value);
    const bool printable = bytes && !bytes->empty() &&
                           std::ranges::all_of(*bytes, [](std::uint8_t c) { return c >= 0x20 && c < 0x7f; });
    out.options[static_cast<unsigned>(*number)] = printable ? std::string(as_text(*bytes)) : value;
  }
  return out;
}

DhcpLease parse_device_state(std::string_view text) {
  DhcpLease out;
  bool inside = false;
  for (const auto raw : split(text, '\n')) {
    const auto line = trim(raw);
    if (line.starts_with('[')) inside = line == "[dhcp4]";
    const auto equals = line.find('=');
    if (!inside || equals == line.npos) continue;
    const auto key = line.substr(0, equals), value = line.substr(equals + 1);
    if (key == "ip_address" && IpAddress::parse(value)) out.address = value;
    if (key == "dhcp_server_identifier" && IpAddress::parse(value)) out.server = value;
    auto name = std::string(key);
    std::ranges::replace(name, '_', '-');
    const auto number = dhcp_family::option_number(name);
    if (number != 0 && !value.empty() && value.size() <= kMaxLeaseOption) out.options[number] = std::string(value);
  }
  return out;
}

std::set<std::string> local_addresses(std::string_view trie) {
  // "|-- 10.0.1.2", and below it "/32 host LOCAL".
  constexpr std::string_view kLeaf = "|-- ";
  std::set<std::string> out;
  std::string_view leaf;
  while (!trie.empty()) {
    const auto end = trie.find('\n');
    const auto line = trim(trie.substr(0, end));
    trie.remove_prefix(end == trie.npos ? trie.size() : end + 1);
    if (line.starts_with(kLeaf)) leaf = line.substr(kLeaf.size());
    if (line == "/32 host LOCAL" && !leaf.empty() && out.size() < dhcp_family::kMaxHeld) out.emplace(leaf);
  }
  return out;
}

std::string arp_entry(std::string_view table, std::string_view ip) {
  for (const auto line : split(table, '\n')) {
    std::vector<std::string_view> fields;
    for (const auto field : split(line, ' ')) {
      if (!field.empty() && fields.size() < 6) fields.push_back(field);
    }
    // A flag of 2 says that it is complete.
    if (fields.size() < 4 || fields[0] != ip || fields[2] == "0x0") continue;
    const auto mac = MacAddress::parse(fields[3]);
    if (mac && mac->valid()) return mac->str();
  }
  return {};
}

namespace asked {
const AskedFamily& dhcp() {
  namespace keys = posture::keys;
  static const AskedFamily kFamily{.name = "dhcp",
                                   .keys = {keys::kDhcpServers, keys::kDhcpOptions},
                                   .answer = dhcp_family::answer,
                                   .triggers = dhcp_family::triggers,
                                   .pause = std::chrono::milliseconds(100)};
  return kFamily;
}
}  // namespace asked

}  // namespace postern::agent
