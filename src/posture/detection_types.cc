// What on-fabric detection can ask for. Where a tag's rule asks the same, it is that rule.
#include <fmt/format.h>

#include <algorithm>

#include "base/ip.h"
#include "base/text.h"
#include "posture/fact_keys.h"
#include "posture/on_fabric.h"
#include "posture/quote.h"
#include "posture/rules/addresses.h"
#include "posture/rules/listing.h"
#include "posture/rules/registry.h"

namespace postern::posture {
namespace detection_rule {
namespace {

using rules::in_words;
using rules::list_of;
using rules::text_of;
using Compiled = Result<std::unique_ptr<const Condition>>;
using Type = ParameterSpec::Type;

constexpr Reason kFound{"detection_holds", "the endpoint finds what is asked for"};
constexpr Reason kNotFound{"detection_differs", "the endpoint does not find what is asked for"};
constexpr Reason kDhcpMacUnknown{"dhcp_mac_unknown", "the hardware address of a DHCP server is not known"};
constexpr Reason kNotAnAddress{"address_malformed", "what was reported is no address"};

constexpr std::size_t kMaxHost = 253;
constexpr std::size_t kMaxUrl = 480;
constexpr std::string_view kDhcpOfficeOption = "224=";

std::vector<OsFamily> everywhere() { return {kAllOsFamilies.begin(), kAllOsFamilies.end()}; }

/// A tag's rule by its name, with parameters of the detection rule's.
Compiled by_rule(std::string_view type, const Parameters& parameters) {
  return find_rule_type(type)->compile(parameters, OsFamily::kLinux);
}

/// Host names and addresses; what else a person might write is refused before an agent is asked for it.
Status check_hosts(std::string_view parameter, const std::vector<std::string>& hosts) {
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const bool plain = std::all_of(hosts[i].begin(), hosts[i].end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
    });
    if (IpAddress::parse(hosts[i]) || (plain && hosts[i].front() != '-' && hosts[i].front() != '.')) continue;
    return invalid(fmt::format("{}[{}]: {} is neither a host's name nor an address; write intranet.example.org or 10.0.1.1",
                               parameter, i, posture::quoted(hosts[i])));
  }
  return {};
}

/// An address of a text list lies in one of the ranges.
class AddressIn final : public Condition {
 public:
  AddressIn(std::string key, std::vector<IpRange> ranges, std::string text)
      : ranges_(std::move(ranges)), text_(std::move(text)) {
    keys_ = {std::move(key)};
  }
  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* list = rules::read<std::vector<std::string>>(facts, keys_.front(), why);
    if (list == nullptr) return {Verdict::kUnknown, why};
    rules::SetVerdict any(Match::kAny);
    for (const std::string& one : *list) {
      // A DHCP server's hardware address may stand beside its address.
      if (MacAddress::parse(one)) continue;
      const auto address = IpAddress::parse(one);
      any.add(address ? verdict_of(rules::in_any(ranges_, *address)) : Verdict::kUnknown, &kNotAnAddress);
    }
    return any.judgement(kFound, kNotFound);
  }
  std::string describe() const override { return text_; }

 private:
  std::vector<IpRange> ranges_;
  std::string text_;
};

/// The hardware address of a DHCP server is one of these; unknown while one isn't told.
class DhcpMac final : public Condition {
 public:
  DhcpMac(std::vector<MacAddress> macs, std::string text) : macs_(std::move(macs)), text_(std::move(text)) {
    keys_ = {std::string(keys::kDhcpServers)};
  }
  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* list = rules::read<std::vector<std::string>>(facts, keys::kDhcpServers, why);
    if (list == nullptr) return {Verdict::kUnknown, why};
    std::size_t told = 0;
    for (const std::string& one : *list) {
      const auto mac = MacAddress::parse(one);
      if (!mac) continue;
      ++told;
      if (std::find(macs_.begin(), macs_.end(), *mac) != macs_.end()) return {Verdict::kMatch, &kFound};
    }
    if (list->size() > 2 * told) return {Verdict::kUnknown, &kDhcpMacUnknown};
    return {Verdict::kNoMatch, &kNotFound};
  }
  std::string describe() const override { return text_; }

 private:
  std::vector<MacAddress> macs_;
  std::string text_;
};

/// A name is resolved at all.
class Resolves final : public Condition {
 public:
  explicit Resolves(const std::string& name) : text_(name + " is resolved") { keys_ = {keys::with(keys::kResolves, name)}; }
  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* list = rules::read<std::vector<std::string>>(facts, keys_.front(), why);
    if (list == nullptr) return {Verdict::kUnknown, why};
    return {verdict_of(!list->empty()), list->empty() ? &kNotFound : &kFound};
  }
  std::string describe() const override { return text_; }

 private:
  std::string text_;
};

Compiled both(std::vector<std::unique_ptr<const Condition>> parts, const std::vector<std::string>& words) {
  if (parts.size() == 1) return std::move(parts.front());
  return std::make_unique<rules::SetCondition>(Match::kAll, std::move(parts), kFound, kNotFound, in_words(words, Match::kAll));
}

Compiled compile_dhcp_server(const Parameters& parameters, OsFamily) {
  const auto& addresses = list_of(parameters, "addresses");
  const auto& mac_texts = list_of(parameters, "macs");
  const auto& options = list_of(parameters, "options");
  if (addresses.empty() && mac_texts.empty() && options.empty())
    return invalid("addresses: is missing; give at least one of addresses, macs and options");
  auto ranges = rules::parse_ranges("addresses", addresses);
  if (!ranges) return fail(ranges.error());
  auto macs = rules::parse_macs("macs", mac_texts);
  if (!macs) return fail(macs.error());
  std::vector<std::unique_ptr<const Condition>> parts;
  std::vector<std::string> words;
  if (!addresses.empty()) {
    words.push_back("a DHCP server is " + in_words(addresses, Match::kAny));
    parts.push_back(std::make_unique<AddressIn>(std::string(keys::kDhcpServers), std::move(*ranges), words.back()));
  }
  if (!mac_texts.empty()) {
    words.push_back("a DHCP server has the hardware address " + in_words(mac_texts, Match::kAny));
    parts.push_back(std::make_unique<DhcpMac>(std::move(*macs), words.back()));
  }
  if (!options.empty()) {
    std::vector<std::string> wanted;
    for (const std::string& option : options) wanted.push_back(std::string(kDhcpOfficeOption) + option);
    words.push_back("DHCP option 224 is " + in_words(options, Match::kAny));
    parts.push_back(std::make_unique<rules::ListCondition>(
        keys::kDhcpOptions, std::move(wanted), Match::kAny, [](std::string_view a, std::string_view b) { return a == b; },
        kFound, kNotFound, words.back()));
  }
  return both(std::move(parts), words);
}

Compiled compile_dns_server(const Parameters& parameters, OsFamily) { return by_rule("dns-server", parameters); }

Compiled compile_dns_request(const Parameters& parameters, OsFamily) {
  const std::string name(text_of(parameters, "name"));
  if (Status ok = check_hosts("name", {name}); !ok || IpAddress::parse(name)) {
    return invalid(fmt::format("name: {} is no host's name; write it as intranet.example.org", posture::quoted(name)));
  }
  const auto& addresses = list_of(parameters, "addresses");
  if (addresses.empty()) return std::make_unique<Resolves>(name);
  auto ranges = rules::parse_ranges("addresses", addresses);
  if (!ranges) return fail(ranges.error());
  return std::make_unique<AddressIn>(keys::with(keys::kResolves, name), std::move(*ranges),
                                     fmt::format("{} is resolved to {}", name, in_words(addresses, Match::kAny)));
}

Compiled compile_ems_connection(const Parameters&, OsFamily) {
  return std::make_unique<rules::FlagCondition>(std::string(keys::kEmsOnline), kFound, kNotFound,
                                                "the endpoint's telemetry is connected to the EMS");
}

Compiled compile_local_subnet(const Parameters& parameters, OsFamily) {
  const auto& macs = list_of(parameters, "gateway_macs");
  auto local = by_rule("ip-range", {{"ranges", list_of(parameters, "ranges")}});
  if (!local || macs.empty()) return local;
  auto checked = rules::parse_macs("gateway_macs", macs);
  if (!checked) return fail(checked.error());
  auto gateway = by_rule("default-gateway", {{"macs", macs}});
  if (!gateway) return gateway;
  std::vector<std::string> words{(*local)->describe(), (*gateway)->describe()};
  std::vector<std::unique_ptr<const Condition>> parts;
  parts.push_back(std::move(*local));
  parts.push_back(std::move(*gateway));
  return both(std::move(parts), words);
}

Compiled compile_default_gateway(const Parameters& parameters, OsFamily) { return by_rule("default-gateway", parameters); }

Compiled compile_ping_server(const Parameters& parameters, OsFamily) {
  const auto& hosts = list_of(parameters, "hosts");
  if (Status ok = check_hosts("hosts", hosts); !ok) return fail(ok.error());
  std::vector<std::string> asked;
  for (const std::string& host : hosts) asked.push_back(keys::with(keys::kPings, host));
  return rules::flags_condition(asked, Match::kAny, kFound, kNotFound, in_words(hosts, Match::kAny) + " answers a ping");
}

Compiled compile_public_ip(const Parameters& parameters, OsFamily) {
  return by_rule("ip-range", {{"ranges", list_of(parameters, "ranges")}, {"address", "observed"}});
}

Compiled compile_connection_media(const Parameters& parameters, OsFamily) {
  const std::string_view media = text_of(parameters, "media");
  const auto& ssids = list_of(parameters, "ssids");
  if (ssids.empty()) return by_rule("link-type", {{"types", std::vector<std::string>{std::string(media)}}});
  if (media != "wifi") return invalid("ssids: belongs to the media wifi");
  return by_rule("link-type", {{"ssids", ssids}});
}

Compiled compile_vpn_tunnel(const Parameters&, OsFamily) {
  return by_rule("link-type", {{"types", std::vector<std::string>{"vpn"}}});
}

Compiled compile_web_request(const Parameters& parameters, OsFamily) {
  const auto& urls = list_of(parameters, "urls");
  std::vector<std::string> asked;
  for (std::size_t i = 0; i < urls.size(); ++i) {
    const std::string& url = urls[i];
    const bool web = url.starts_with("https://") || url.starts_with("http://");
    const auto host = url.find("://") + 3;
    if (!web || host >= url.size() || url[host] == '/' || url.find_first_of(" @\\\"<>") != url.npos) {
      return invalid(fmt::format("urls[{}]: {} is no address of a web server; write it as https://intranet.example.org/status, "
                                 "without a user's name",
                                 i, posture::quoted(url)));
    }
    asked.push_back(keys::with(keys::kWebAnswers, url));
  }
  return rules::flags_condition(asked, Match::kAny, kFound, kNotFound, in_words(urls, Match::kAny) + " answers");
}

ParameterSpec texts(std::string_view name, bool required, std::string_view help, std::size_t max_bytes = 255) {
  return {.name = name, .type = Type::kTexts, .required = required, .max_bytes = max_bytes, .help = help};
}

constexpr std::string_view kMacHelp = "Hardware addresses, such as 02:09:0f:00:01:02.";

std::span<const RuleType> all() {
  static const RuleType kTypes[] = {
      {.name = "dhcp-server",
       .title = "DHCP Server",
       .help = "The endpoint's lease is from this server, or carries this string as option 224. All that is given must hold.",
       .systems = everywhere(),
       .parameters = {texts("addresses", false, "Addresses of the server, or ranges of them as for ip-range."),
                      texts("macs", false, kMacHelp), texts("options", false, "Values of DHCP option 224, by their case.")},
       .facts = {keys::kDhcpServers, keys::kDhcpOptions},
       .unknown = "Also while the hardware address of a server that could decide is not known.",
       .compile = compile_dhcp_server},
      {.name = "dns-server",
       .title = "DNS Server",
       .help = "The endpoint asks one of these DNS servers; with only: and no others.",
       .systems = everywhere(),
       .parameters = {texts("servers", true, "Addresses, or ranges of them as for ip-range."),
                      {.name = "only",
                       .type = Type::kBoolean,
                       .help = "Refuse any server that is not listed; false if not given."}},
       .facts = {keys::kDnsServers},
       .compile = compile_dns_server},
      {.name = "dns-request",
       .title = "DNS Request",
       .help = "A name is resolved to one of these addresses; without addresses: to any.",
       .systems = everywhere(),
       .parameters = {{.name = "name", .required = true, .max_bytes = kMaxHost, .help = "Such as intranet.example.org."},
                      texts("addresses", false, "Addresses, or ranges of them as for ip-range.")},
       .facts = {"net.resolves:<name>"},
       .compile = compile_dns_request},
      {.name = "ems-connection",
       .title = "EMS Connection",
       .help = "The endpoint's telemetry is connected to the EMS.",
       .systems = everywhere(),
       .parameters = {},
       .facts = {keys::kEmsOnline},
       .compile = compile_ems_connection},
      {.name = "local-subnet",
       .title = "Local IP and Subnet",
       .help = "An address of an interface that is up lies in the ranges; with gateway_macs also: a default gateway has one of "
               "these hardware addresses.",
       .systems = everywhere(),
       .parameters = {texts("ranges", true, "Networks, ranges or addresses, such as 10.0.1.0/24."),
                      texts("gateway_macs", false, kMacHelp)},
       .facts = {keys::kInterfaces, keys::kRoutes},
       .compile = compile_local_subnet},
      {.name = "default-gateway",
       .title = "Default Gateway",
       .help = "A default route of the endpoint leads to this gateway; with addresses and macs both must be of one gateway.",
       .systems = everywhere(),
       .parameters = {texts("addresses", false, "Addresses of the gateway, or ranges of them as for ip-range."),
                      texts("macs", false, kMacHelp)},
       .facts = {keys::kRoutes},
       .compile = compile_default_gateway},
      {.name = "ping-server",
       .title = "Ping Server",
       .help = "One of these hosts answers a ping of the endpoint.",
       .systems = everywhere(),
       .parameters = {texts("hosts", true, "Names or addresses.", kMaxHost)},
       .facts = {"net.pings:<host>"},
       .compile = compile_ping_server},
      {.name = "public-ip",
       .title = "Public IP",
       .help = "The address from which the EMS sees the endpoint connect lies in the ranges.",
       .systems = everywhere(),
       .parameters = {texts("ranges", true, "Networks, ranges or addresses.")},
       .facts = {keys::kEmsPublicIp},
       .compile = compile_public_ip},
      {.name = "connection-media",
       .title = "Connection Media",
       .help = "The endpoint is connected by ethernet, or by wireless: with ssids to a network of such a name.",
       .systems = everywhere(),
       .parameters = {{.name = "media", .required = true, .choices = {"ethernet", "wifi"}, .help = "How it is connected."},
                      texts("ssids", false, "Names of wireless networks, by their case.", 32)},
       .facts = {keys::kLinkTypes},
       .compile = compile_connection_media},
      {.name = "vpn-tunnel",
       .title = "VPN Tunnel",
       .help = "A VPN tunnel of the endpoint is up.",
       .systems = everywhere(),
       .parameters = {},
       .facts = {keys::kLinkTypes},
       .compile = compile_vpn_tunnel},
      {.name = "web-request",
       .title = "Web Request",
       .help = "One of these web servers answers the endpoint; with https only if its certificate is good.",
       .systems = everywhere(),
       .parameters = {texts("urls", true, "Such as https://intranet.example.org/status.", kMaxUrl)},
       .facts = {"net.web_answers:<url>"},
       .compile = compile_web_request},
  };
  return kTypes;
}

}  // namespace
}  // namespace detection_rule

std::span<const RuleType* const> detection_types() {
  static const auto kList = [] {
    std::vector<const RuleType*> out;
    for (const RuleType& type : detection_rule::all()) out.push_back(&type);
    return out;
  }();
  return kList;
}

}  // namespace postern::posture
