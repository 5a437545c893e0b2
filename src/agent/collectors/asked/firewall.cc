// firewall.products and firewall.default_deny.
#include <algorithm>

#include "agent/collectors/asked.h"
#include "agent/collectors/os/key_values.h"
#include "agent/collectors/protection/input_rules.h"
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
constexpr std::size_t kMaxConf = 1u << 20;

bool ufw_enabled(const Facts& facts) {
  const auto text = facts.read(kUfw, kMaxConf);
  return text && to_lower(value_of(parse_key_values(*text), "ENABLED")) == "yes";
}

/// It is run by an interpreter, so that no path tells it from what anybody else calls so.
bool firewalld_runs(const Facts& facts) {
  return facts.exists(kFirewalld) && root_runs({"firewalld"});
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

/// firewalld and ufw only write rules: what the kernel has is what holds, whatever their files say.
void default_deny(Facts& facts) {
  const auto key = keys::kFirewallDefaultDeny;
  using Fate = InputRules::Fate;
  const auto rules = read_input_rules();
  if (!rules && rules.error().code == ErrorCode::kUnsupported && !old_tables(facts))
    return facts.know(key, false, rules.error().message);
  if (!rules) return facts.unknown(key, reason_of(rules.error()), rules.error().message);
  const auto weakest = has_ipv6(facts) ? std::max(rules->of_ipv4(), rules->of_ipv6()) : rules->of_ipv4();
  if (weakest == Fate::kDropped) return facts.know(key, true, "nftables");
  if (old_tables(facts)) return facts.unknown(key, UnknownReason::kUnsupported, "iptables-legacy");
  if (weakest == Fate::kAccepted) return facts.know(key, false, "nftables");
  facts.unknown(key, UnknownReason::kUnsupported, "whether what no rule lets in is dropped can't be followed");
}

void answer(const Question&, Facts& facts) {
  if (facts.foreign()) {
    facts.unknown(keys::kFirewallProducts, UnknownReason::kUnsupported, kForeignRoot);
    facts.unknown(keys::kFirewallDefaultDeny, UnknownReason::kUnsupported, kForeignRoot);
    return;
  }
  products(facts, read_ruleset());
  default_deny(facts);
}

Triggers triggers(const Question&, const Facts& facts) {
  Triggers out{.files = {kUfw, kFirewalld}};
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
