// Which drafts would let more through here than there, and which policies are therefore off.
#include <algorithm>

#include <fmt/format.h>

#include "gateway/config/import/assembly.h"
#include "gateway/config/import/combined.h"
#include "gateway/config/import/policies.h"
#include "gateway/config/text.h"

namespace postern::gateway::config::fortios {
namespace {

/// Requests of an api-gateway that is left out would go to another one of the same access proxy.
std::string requests_go_astray(const Draft& access_proxy) {
  const Draft* lost = nullptr;
  bool others = false;
  for (const auto& n : access_proxy.nested) {
    if (n.table->name != "api-gateway") continue;
    if (n.alive()) others = true;
    else if (!lost) lost = &n;
  }
  return lost && others ? lost->name() + " is left out: its requests would go to another" : "";
}

}  // namespace

/// A service that is ICMP there and both here, or a group with one in it.
bool Assembly::is_both_icmp(const Reference& reference, std::set<std::string>& seen) const {
  const auto found = find(reference);
  const Object* object = found.draft ? &found.draft->object : found.built_in;
  if (object == nullptr || !seen.insert(reference.name).second) return false;
  const auto protocol = object->values.find("protocol");
  if (protocol != object->values.end()) return protocol->second == Value{"ICMP"} && !object->values.contains("icmptype");
  return found.draft && std::any_of(found.draft->references.begin(), found.draft->references.end(),
                                    [&](const Reference& r) { return is_both_icmp(r, seen); });
}

/// The first reason why something allows more here; through everything that it refers to.
std::string Assembly::why_wider(const Draft& draft) {
  const auto [it, is_new] = wider_.try_emplace(&draft);
  if (!is_new) return it->second;  // a ring of references is refused elsewhere
  std::string& why = it->second;   // stays where it is
  if (const auto own = draft.all_wider(); !own.empty()) return why = own[0].why;
  if (why = requests_go_astray(draft); !why.empty()) return why;
  std::vector<const Draft*> parts = {&draft};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    for (const auto& n : parts[i]->nested) {
      if (n.alive()) parts.push_back(&n);
    }
    for (const auto& r : parts[i]->references) {
      const auto found = find(r);
      if (!found.wider.empty()) return why = found.wider;
      std::set<std::string> seen;
      if (draft.ipv6 && is_both_icmp(r, seen)) return why = fmt::format("service {} is ICMPv6, too, here", quote_word(r.name));
      if (!found.draft) continue;
      if (const auto reason = refuses_without_certificate(draft, *found.draft); !reason.empty()) return why = reason;
      if (const auto reason = why_wider(*found.draft); !reason.empty()) {
        // Named once, by what is to blame.
        return why = reason.find(" (in ") != std::string::npos ? reason : fmt::format("{} (in {})", reason, found.draft->name());
      }
    }
  }
  return why;
}

/// The first of its interfaces that passes less there. One that this machine doesn't have passes nothing here either, so
/// `any` is no more than there.
std::string Assembly::why_by_interface(const Draft& policy) const {
  const Value from = words_in_source(policy, "srcintf"), to = words_in_source(policy, "dstintf");
  const auto has = [](const auto& list, const std::string& name) {
    return std::find(list.begin(), list.end(), name) != list.end();
  };
  for (const auto& [name, narrowed] : narrow_interfaces) {
    const bool here = machine_.interfaces.empty() || has(machine_.interfaces, name);
    const bool any = here && (from.empty() || has(from, "any") || (narrowed.both && has(to, "any")));
    if (any || has(from, name) || (narrowed.both && has(to, name))) {
      return fmt::format("system interface {}: {} narrows there what passes by it, and is nothing here", name, narrowed.setting);
    }
  }
  return {};
}

void Assembly::switch_off() {
  wider_.clear();
  for (auto& d : drafts_) {
    d.disabled = false;
    if (!d.alive() || !d.is_policy() || !is_on(d)) continue;
    auto why = why_wider(d);
    if (why.empty() && !refuses(d)) why = refuses_before.empty() ? why_by_interface(d) : refuses_before;
    if (why.empty()) continue;
    d.disabled = true;
    d.why_disabled = why;
  }
}

bool Assembly::in_force(const Draft& policy) const {
  const Draft& first = drafts_[by_name_.at({policy.table->name, policy.object.key})];
  if (&first != &policy && first.alive()) return in_force(first);  // it says the same
  if (!policy.alive() || policy.disabled) return false;
  if (machine_.interfaces.empty()) return true;
  const auto named = interfaces_of(policy);
  return std::all_of(named.begin(), named.end(), [&](const std::string& name) {
    return std::find(machine_.interfaces.begin(), machine_.interfaces.end(), name) != machine_.interfaces.end();
  });
}

/// Behind a refusal that isn't in force here, what it refused would get through.
void Assembly::switch_off_behind_refusals() {
  std::map<std::string, std::vector<const Draft*>> refusals;  // by table
  constexpr std::size_t kEach = 64;                           // more than these: everything behind them
  for (auto& d : drafts_) {
    if (!d.is_policy()) continue;
    auto& before = refusals[d.table->name];
    if (refuses(d)) {
      if (!in_force(d)) before.push_back(&d);
      continue;
    }
    if (!d.alive() || d.disabled || !is_on(d)) continue;
    const bool many = before.size() > kEach;
    const auto it = many ? before.begin()
                         : std::find_if(before.begin(), before.end(), [&](const Draft* r) { return may_overlap(*r, d); });
    if (it == before.end()) continue;
    d.disabled = true;
    d.why_disabled = fmt::format("it stands behind {}, which refuses and is not in force here", (*it)->name());
  }
}

}  // namespace postern::gateway::config::fortios
