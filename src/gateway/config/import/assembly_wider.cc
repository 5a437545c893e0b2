// Which drafts would let more through here than there, and which policies are therefore off.
#include <algorithm>

#include <fmt/format.h>

#include "gateway/config/import/assembly.h"
#include "gateway/config/import/combined.h"
#include "gateway/config/import/policies.h"
#include "gateway/config/text.h"

namespace postern::gateway::config::fortios {
namespace {

constexpr std::string_view kServiceTable = "firewall service custom";

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

/// The entry with what is nested in it, as far as that is taken.
std::vector<const Draft*> parts_of(const Draft& draft) {
  std::vector<const Draft*> parts = {&draft};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    for (const auto& n : parts[i]->nested) {
      if (n.alive()) parts.push_back(&n);
    }
  }
  return parts;
}

/// From each of `open` to whoever refers to it, and on from there. `reach` says whether it is news there. By hand and not by
/// recursion: a chain of groups is as long as its author likes.
template <class Users, class Reach>
void spread(std::vector<const Draft*> open, const Users& users, const Reach& reach) {
  for (std::size_t i = 0; i < open.size(); ++i) {
    const auto it = users.find(open[i]);
    if (it == users.end()) continue;
    for (const Draft* user : it->second) {
      if (reach(*open[i], *user)) open.push_back(user);
    }
  }
}

}  // namespace

/// Why something allows more here by itself, or by what isn't ours; empty: it doesn't. Notes whom it refers to.
std::string Assembly::look_at(const Draft& draft, Users& users) {
  std::string why;
  if (const auto own = draft.all_wider(); !own.empty()) why = own[0].why;
  if (why.empty()) why = requests_go_astray(draft);
  if (why.empty()) why = refused_without_certificate_here(draft);
  if (draft.table->name == kServiceTable && is_both_icmp(draft.object)) both_icmp_.insert(&draft);
  for (const Draft* part : parts_of(draft)) {
    for (const auto& r : part->references) {
      const auto found = find(r);
      if (why.empty()) why = found.wider;
      if (found.built_in && r.targets[0] == kServiceTable && is_both_icmp(*found.built_in)) both_icmp_.insert(&draft);
      if (found.here) {
        const auto& more = behind(*found.here, *found.here_in);
        if (why.empty())
          why = !more.marked.empty() ? more.marked
                : more.lost.empty()  ? ""
                                     : fmt::format("{} is left out, and {}, which is here, has it", more.lost, r.name);
        if (more.both_icmp) both_icmp_.insert(&draft);
        for (const Draft* d : more.drafts) users[d].push_back(&draft);
      }
      if (!found.draft) continue;
      users[found.draft].push_back(&draft);
      if (why.empty() && draft.table->attribute("empty-cert-action"))
        why = refuses_without_certificate(ObjectView(*draft.table, draft.object), *found.draft);
    }
  }
  return why;
}

/// Through everything that refers to it, with the first reason that is found.
void Assembly::spread_wider() {
  wider_.clear();
  wider_itself_.clear();
  both_icmp_.clear();
  behind_.clear();
  users_.clear();
  Users& users = users_;
  std::vector<const Draft*> open;
  for (const auto& d : drafts_) {
    if (!d.alive()) continue;
    auto why = look_at(d, users);
    if (why.empty()) continue;
    wider_[&d] = std::move(why);
    wider_itself_.insert(&d);
    open.push_back(&d);
  }
  spread(std::move(open), users, [&](const Draft& cause, const Draft& user) {
    const auto& reason = wider_.at(&cause);
    // Named once, by what is to blame.
    const bool named = reason.find(" (in ") != std::string::npos;
    return wider_.try_emplace(&user, named ? reason : fmt::format("{} (in {})", reason, cause.name())).second;
  });
  spread({both_icmp_.begin(), both_icmp_.end()}, users,
         [&](const Draft&, const Draft& user) { return both_icmp_.insert(&user).second; });
}

std::string Assembly::why_wider(const Draft& policy) const {
  if (const auto it = wider_.find(&policy); it != wider_.end()) return it->second;
  if (policy.ipv6 && both_icmp_.contains(&policy)) return "service: ICMP is ICMPv6, too, here";
  return {};
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
      return fmt::format("system interface {}: {} narrows there what passes by it, and is nothing here", name,
                         narrowed.setting);
    }
  }
  return {};
}

void Assembly::switch_off() {
  spread_wider();
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
  if (!policy.alive() || policy.disabled || policy.unclear) return false;
  if (machine_.interfaces.empty()) return true;
  const auto named = interfaces_of(policy);
  return std::all_of(named.begin(), named.end(), [&](const std::string& name) {
    return std::find(machine_.interfaces.begin(), machine_.interfaces.end(), name) != machine_.interfaces.end();
  });
}

/// What the policies stopped that stand in front of it there and are not in force here, would get through.
void Assembly::switch_off_behind(Draft& policy, const std::vector<const Draft*>& before) const {
  constexpr std::size_t kEach = 64;  // more than these: everything behind them
  const bool many = before.size() > kEach;
  const auto it = many ? before.begin() : std::find_if(before.begin(), before.end(), [&](const Draft* each) {
    return may_overlap(*each, policy, zones);
  });
  if (it == before.end()) return;
  const Draft& first = **it;
  policy.disabled = true;
  const bool in_part = first.alive() && !first.disabled;
  const auto stops = stops_some(first, users_stop);
  std::string what = "refuses";
  if (stops) {
    const auto& settings = first.source->settings;
    const auto s = std::find_if(settings.begin(), settings.end(), [&](const Setting& each) { return each.at == *stops; });
    what = s == settings.end() ? "may stop some of this there" : fmt::format("may stop some of this there ({})", s->name);
  }
  policy.why_disabled = fmt::format("it stands behind {}, which {}{}", first.name(), what,
                                    in_part ? ", and not on all of its interfaces here" : " and is not in force here");
}

void Assembly::switch_off_behind_refusals() {
  std::map<std::string, std::vector<const Draft*>> stopping;  // by table
  for (auto& d : drafts_) {
    if (!d.is_policy()) continue;
    auto& before = stopping[d.table->name];
    const bool stops = refuses(d) || stops_some(d, users_stop);
    if (!refuses(d) && d.alive() && !d.disabled && is_on(d)) switch_off_behind(d, before);
    if (stops && !in_force(d)) before.push_back(&d);
  }
}

}  // namespace postern::gateway::config::fortios
