// firewall.products and firewall.default_deny.
#include <algorithm>

#include "agent/collectors/asked.h"
#include "agent/collectors/os/key_values.h"
#include "agent/collectors/protection/protection.h"
#include "agent/collectors/protection/ruleset.h"
#include "agent/watch/process_table.h"
#include "base/text.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace firewall_family {
namespace {

namespace keys = posture::keys;
using posture::UnknownReason;

constexpr const char* kUfw = "/etc/ufw/ufw.conf";
constexpr const char* kFirewalld = "/usr/sbin/firewalld";
constexpr const char* kFirewalldConf = "/etc/firewalld/firewalld.conf";
constexpr const char* kZones[] = {"/etc/firewalld/zones/", "/usr/lib/firewalld/zones/"};
constexpr std::size_t kMaxConf = 1u << 20;

bool ufw_enabled(const Facts& facts) {
  const auto text = facts.read(kUfw, kMaxConf);
  return text && to_lower(value_of(parse_key_values(*text), "ENABLED")) == "yes";
}

bool firewalld_runs(const Facts& facts) {
  return facts.exists(kFirewalld) && !find_processes({"firewalld"}, 1).front().empty();
}

/// Whatever its default zone does not let in, firewalld refuses, unless the zone's target is to accept.
bool firewalld_denies(const Facts& facts) {
  const auto conf = facts.read(kFirewalldConf, kMaxConf);
  auto zone = conf ? value_of(parse_key_values(*conf), "DefaultZone") : std::string();
  if (zone.empty()) zone = "public";
  if (zone.find('/') != zone.npos) return false;
  for (const auto* place : kZones) {
    if (const auto text = facts.read(place + zone + ".xml", kMaxConf)) return text->find("target=\"ACCEPT\"") == text->npos;
  }
  return false;
}

/// The old iptables keeps its rules where nftables does not show them.
bool old_tables(const Facts& facts) {
  const auto old = facts.read("/proc/self/net/ip_tables_names", 4096);
  return old && old->find("filter") != old->npos;
}

bool has_ipv6(const Facts& facts) {
  const auto addresses = facts.read("/proc/net/if_inet6", 1u << 20);
  if (!addresses) return addresses.error().code != ErrorCode::kNotFound;
  return std::ranges::any_of(split(*addresses, '\n'), [](std::string_view line) {
    return !trim(line).empty() && !trim(line).ends_with(" lo");
  });
}

void products(Facts& facts, const Result<Ruleset>& ruleset) {
  std::vector<std::string> out;
  if (firewalld_runs(facts)) out.emplace_back("firewalld");
  if (ruleset && ruleset->filters_input()) {
    out.emplace_back("nftables");
    // It only writes rules: without any it is enabled and does nothing.
    if (ufw_enabled(facts)) out.emplace_back("ufw");
  }
  const bool unseen = !ruleset && ruleset.error().code != ErrorCode::kUnsupported;
  if (out.empty() && (unseen || old_tables(facts))) {
    return facts.unknown(keys::kFirewallProducts, unseen ? reason_of(ruleset.error()) : UnknownReason::kUnsupported,
                         unseen ? ruleset.error().message : "iptables-legacy");
  }
  facts.know(keys::kFirewallProducts, std::move(out), "nftables");
}

void default_deny(Facts& facts, const Result<Ruleset>& ruleset) {
  const auto key = keys::kFirewallDefaultDeny;
  using Input = Ruleset::Input;
  if (ruleset) {
    const auto weakest = has_ipv6(facts) ? std::min(ruleset->input_v4(), ruleset->input_v6()) : ruleset->input_v4();
    if (weakest == Input::kDrops) return facts.know(key, true, "nftables");
    if (firewalld_runs(facts)) return facts.know(key, firewalld_denies(facts), kFirewalldConf);
    if (old_tables(facts)) return facts.unknown(key, UnknownReason::kUnsupported, "iptables-legacy");
    if (weakest == Input::kAccepts) return facts.know(key, false, "nftables");
    return facts.unknown(key, UnknownReason::kUnsupported,
                         "the input chains' policy is accept; whether a last rule drops can't be told");
  }
  if (ruleset.error().code == ErrorCode::kUnsupported && !old_tables(facts))
    return facts.know(key, false, ruleset.error().message);
  facts.unknown(key, reason_of(ruleset.error()), ruleset.error().message);
}

void answer(const Question&, Facts& facts) {
  if (facts.foreign()) {
    facts.unknown(keys::kFirewallProducts, UnknownReason::kUnsupported, kForeignRoot);
    facts.unknown(keys::kFirewallDefaultDeny, UnknownReason::kUnsupported, kForeignRoot);
    return;
  }
  const auto ruleset = read_ruleset();
  products(facts, ruleset);
  default_deny(facts, ruleset);
}

Triggers triggers(const Question&, const Facts& facts) {
  Triggers out{.files = {kUfw, kFirewalld, kFirewalldConf, kZones[0]}};
  if (facts.exists(kFirewalld)) out.processes.emplace_back("firewalld");
  out.ruleset = true;
  return out;
}

}  // namespace
}  // namespace firewall_family

namespace asked {
const AskedFamily& firewall() {
  namespace keys = posture::keys;
  static const AskedFamily kFamily{.name = "firewall",
                                   .keys = {keys::kFirewallProducts, keys::kFirewallDefaultDeny},
                                   .answer = firewall_family::answer,
                                   .triggers = firewall_family::triggers};
  return kFamily;
}
}  // namespace asked

}  // namespace postern::agent
