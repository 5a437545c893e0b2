#include "gateway/config/import/assembly.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "gateway/config/import/policies.h"
#include "gateway/config/text.h"

namespace postern::gateway::config::fortios {
namespace {

constexpr std::string_view kAddresses = "firewall address";
constexpr std::string_view kServices = "firewall service custom";
constexpr std::string_view kGroups = "firewall addrgrp";

bool is_family(std::string_view name) { return name == kAllIpv4 || name == kAllIpv6; }

std::string what_is_built_in(const Draft& draft, const Object& object) {
  std::string out;
  for (const auto& [name, value] : object.values) out += (out.empty() ? "" : ", ") + name + ' ' + join(value, " ");
  return fmt::format("{} is something else here, and built in ({})", draft.name(), out.empty() ? "as by default" : out);
}

/// The interfaces that a policy names.
std::vector<std::string> interfaces_of(const Draft& policy) {
  std::vector<std::string> out;
  for (const auto& a : policy.table->attributes) {
    if (a.type != Type::kInterface) continue;
    const auto it = policy.object.values.find(a.name);
    if (it != policy.object.values.end()) out.insert(out.end(), it->second.begin(), it->second.end());
  }
  std::erase(out, "any");
  return out;
}

}  // namespace

void Assembly::add(const Entry& entry, const Table& table, const std::string& from, std::optional<At> misplaced) {
  drafts_.push_back(draft_of(entry, table, from, slots, judgements_));
  if (misplaced) drafts_.back().leave_out(*misplaced, "its table has a line that show doesn't print: what that does is not known");
}

void Assembly::meet_built_in(Draft& draft) {
  const Object* built_in = draft.table->find_built_in(draft.object.key);
  if (!built_in || draft.table->single()) return;
  const bool same = built_in->values == draft.object.values || same_built_in(draft.table->name, draft.object.key);
  if (draft.alive() && same) {
    draft.built_in = draft.wider.empty();
    draft.leave_out(draft.source->at, draft.built_in ? "is built in" : draft.wider[0].why);
    return;
  }
  draft.leave_out(draft.source->at, what_is_built_in(draft, *built_in));
}

void Assembly::meet_twin(Draft& draft) {
  if (draft.table->single()) return;
  const auto index = static_cast<std::size_t>(&draft - drafts_.data());
  const auto [it, is_new] = by_name_.try_emplace({draft.table->name, draft.object.key}, index);
  if (is_new) return meet_namesake(draft);
  Draft& other = drafts_[it->second];
  if (assemble(other) == assemble(draft) && other.from == draft.from && other.alive() && draft.alive()) {
    return draft.leave_out(draft.source->at, "stands further up already, and says the same");
  }
  const char* why = other.from == draft.from ? "stands there twice, and not with the same content"
                                             : "is the name of an IPv4 entry and of an IPv6 one; here they stand in one "
                                               "table: give one another name";
  draft.leave_out(draft.source->at, why);
  other.leave_out(other.source->at, why);
}

/// Tables that share their names here, and not there: IPv4 and IPv6 have lists of their own.
void Assembly::meet_namesake(Draft& draft) {
  const bool address = draft.table->name == kAddresses;
  if (!address && draft.table->name != kGroups) return;
  const auto it = by_name_.find({std::string(address ? kGroups : kAddresses), draft.object.key});
  if (it == by_name_.end()) return;
  Draft& other = drafts_[it->second];
  draft.leave_out(draft.source->at, fmt::format("{} has the same name, and here both share one list", other.name()));
  other.leave_out(other.source->at, fmt::format("{} has the same name, and here both share one list", draft.name()));
}

void Assembly::meet_zones(Draft& draft) {
  for (const auto& name : interfaces_of(draft)) {
    if (zones.contains(name)) draft.leave_out(draft.source->at, fmt::format("{} is a zone: name its interfaces", name));
  }
}

Assembly::Found Assembly::find(const Reference& reference) const {
  Found found;
  for (const auto& target : reference.targets) {
    const Table* table = base_->schema().table(target);
    const Object* built_in = table ? table->find_built_in(reference.name) : nullptr;
    if (const auto it = by_name_.find({target, reference.name}); it != by_name_.end()) {
      const Draft& draft = drafts_[it->second];
      if (draft.alive()) {
        found.good = true;
        found.draft = &draft;
      } else if (built_in) {
        found.good = true;
        found.built_in = built_in;
        if (!draft.built_in && found.wider.empty()) found.wider = draft.left_out;
      } else {
        found.missing = fmt::format("{} is left out", draft.name());
      }
      return found;
    }
    if (target == kAddresses && is_family(reference.name) && made_.contains(reference.name)) return {true, {}, nullptr, {}, nullptr};
    if (built_in || base_->find({{target, reference.name}})) {
      found.good = true;
      found.built_in = built_in;
      return found;
    }
  }
  found.missing = fmt::format("there is no {} in {}", quote_word(reference.name), join(reference.targets, " or "));
  return found;
}

/// Says whether something changed.
bool Assembly::resolve(Draft& draft) {
  bool changed = false;
  for (auto& n : draft.nested) changed = (n.alive() && resolve(n)) || changed;
  for (const auto& each : draft.references) {
    const Reference reference = each;  // what follows changes the list
    const auto found = find(reference);
    if (found.good) continue;
    changed = true;
    const auto why = fmt::format("{}: {}", reference.attribute, found.missing);
    if (reference.missing == Effect::kLine) {
      draft.object.values.erase(reference.attribute);
      std::erase_if(draft.references, [&](const Reference& r) { return r.attribute == reference.attribute; });
      judgements_[reference.at] = {Verdict::kIgnored, found.missing + "; the default does instead"};
      return true;
    }
    judgements_[reference.at] = {Verdict::kIgnored, found.missing};
    draft.leave_out(reference.at, why);
    return true;
  }
  return changed;
}

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
      if (const auto reason = why_wider(*found.draft); !reason.empty()) {
        // Named once, by what is to blame.
        return why = reason.find(" (in ") != std::string::npos ? reason : fmt::format("{} (in {})", reason, found.draft->name());
      }
    }
  }
  return why;
}

void Assembly::switch_off() {
  wider_.clear();
  for (auto& d : drafts_) {
    d.disabled = false;
    if (!d.alive() || !d.is_policy() || !is_on(d)) continue;
    auto why = why_wider(d);
    if (why.empty() && !refuses_before.empty() && !refuses(d)) {
      why = fmt::format("{} refuses there in front of the policies, and is nothing here", refuses_before);
    }
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

std::vector<Draft*> Assembly::alive() {
  // As show prints them: what is referred to stands before what refers.
  std::vector<Draft*> out;
  for (const auto& table : base_->schema().root().tables) {
    for (auto& d : drafts_) {
      if (d.alive() && d.table == &table) out.push_back(&d);
    }
  }
  return out;
}

Status Assembly::write(Transaction& t, const Draft& draft, ObjectPath path) const {
  path.push_back({draft.table->name, draft.object.key});
  if (draft.table->single() && draft.object.values.empty() && draft.nested.empty()) return {};
  if (auto s = t.edit(path); !s) return s;
  for (const auto& [name, value] : draft.object.values) {
    if (auto s = t.set(path, name, value); !s) return s;
  }
  if (draft.disabled) {
    if (auto s = t.set(path, "status", {"disable"}); !s) return s;
  }
  for (const auto& n : draft.nested) {
    if (!n.alive()) continue;
    if (auto s = write(t, n, path); !s) return s;
  }
  return {};
}

Status Assembly::write_all(Transaction& t, const std::vector<Draft*>& drafts) const {
  for (const Draft* d : drafts) {
    const ObjectPath path = {{d->table->name, d->object.key}};
    // An entry is what the source says of it, and policies stand in the source's order.
    if (!d->table->single() && t.tree().find(path)) {
      if (auto s = t.remove(path); !s) return s;
    }
    if (auto s = write(t, *d, {}); !s) return s;
  }
  return {};
}

/// Leaves out those with which the configuration would not be valid; says whether there were any.
bool Assembly::drop_invalid(const Transaction& good, const std::vector<Draft*>& drafts) {
  if (drafts.empty()) return false;
  Transaction with = good;
  auto status = write_all(with, drafts);
  if (status) status = with.validate();
  if (status) return false;
  if (drafts.size() == 1) {
    drafts[0]->leave_out(drafts[0]->source->at, status.error().message);
    return true;
  }
  const auto middle = drafts.begin() + static_cast<std::ptrdiff_t>(drafts.size() / 2);
  const std::vector<Draft*> first(drafts.begin(), middle);
  drop_invalid(good, first);
  Transaction half = good;
  std::vector<Draft*> left;
  std::copy_if(first.begin(), first.end(), std::back_inserter(left), [](const Draft* d) { return d->alive(); });
  if (write_all(half, left)) drop_invalid(half, {middle, drafts.end()});
  return true;
}

Transaction Assembly::settle() {
  for (auto& d : drafts_) {
    meet_built_in(d);
    meet_twin(d);
    if (d.is_policy()) {
      meet_zones(d);
      join_families(d, judgements_);
    }
    for (const auto& r : d.references) {
      if (is_family(r.name)) made_.insert(r.name);
    }
  }
  // The gateway's own of that name may be something else.
  std::erase_if(made_, [&](const std::string& name) {
    const Object* here = base_->find({{std::string(kAddresses), name}});
    return by_name_.contains({std::string(kAddresses), name}) || (here && *here != all_of_family(name));
  });
  for (;;) {
    for (bool changed = true; changed;) {
      changed = false;
      for (auto& d : drafts_) {
        if (!d.alive()) continue;
        changed = resolve(d) || changed;
        check(d);
        changed = changed || !d.alive();
      }
    }
    switch_off();
    switch_off_behind_refusals();
    Transaction all(base_);
    std::set<std::string> needed;
    for (const auto& d : drafts_) {
      for (const auto& r : d.references) {
        if (d.alive() && made_.contains(r.name)) needed.insert(r.name);
      }
    }
    for (const auto& name : needed) {
      const ObjectPath path = {{std::string(kAddresses), name}};
      auto written = all.edit(path);
      for (const auto& [attribute, value] : all_of_family(name).values) {
        if (written) written = all.set(path, attribute, value);
      }
      if (!written) made_.erase(name);  // no such table: what refers to it is left out
    }
    const auto drafts = alive();
    if (!drop_invalid(all, drafts) && write_all(all, drafts)) return all;
    if (alive().size() < drafts.size()) continue;
    // Each half is good and the whole is not: nothing of it is taken.
    for (Draft* d : drafts) d->leave_out(d->source->at, "doesn't go together with the rest");
  }
}

/// Services that are referred to by names of built-in ones, and not described in the text.
std::set<std::string> Assembly::assumed_services() const {
  std::set<std::string> out;
  for (const auto& d : drafts_) {
    if (!d.alive()) continue;
    for (const auto& r : d.references) {
      if (r.targets.empty() || r.targets[0] != kServices || r.name == "ALL" || by_name_.contains({r.targets[0], r.name})) continue;
      const Table* table = base_->schema().table(kServices);
      if (table && table->find_built_in(r.name)) out.insert(r.name);
    }
  }
  return out;
}

std::vector<std::string> Assembly::notices() const {
  std::vector<std::string> out;
  if (const auto names = assumed_services(); !names.empty()) {
    out.push_back(fmt::format("the text doesn't say what the services {} are: they are taken as those built in here (get "
                              "firewall service custom prints them)",
                              join({names.begin(), names.end()}, ", ")));
  }
  std::set<std::string> missing;
  std::set<std::string> tables;
  for (const auto& d : drafts_) {
    if (!d.alive() || !d.is_policy()) continue;
    tables.insert(d.table->name);
    for (const auto& name : interfaces_of(d)) {
      if (std::find(machine_.interfaces.begin(), machine_.interfaces.end(), name) == machine_.interfaces.end()) missing.insert(name);
    }
  }
  if (!machine_.interfaces.empty() && !missing.empty()) {
    out.push_back(fmt::format("this machine has no interface {}: policies that name one match nothing until it has (its own are {})",
                              join({missing.begin(), missing.end()}, ", "), join(machine_.interfaces, ", ")));
  }
  for (const auto& table : tables) {
    const auto it = base_->root().tables.find(table);
    if (it == base_->root().tables.end()) continue;
    const bool stays = std::any_of(it->second.begin(), it->second.end(), [&](const Object& o) {
      const auto at = by_name_.find({table, o.key});
      return at == by_name_.end() || !drafts_[at->second].alive();
    });
    if (stays) out.push_back(fmt::format("the entries of {} that were here before stand in front of those taken", table));
  }
  return out;
}

Assembly::Compared Assembly::compared(const Draft& d) const {
  if (d.table->single()) {
    if (d.object.values.empty()) return Compared::kNothing;
    const ObjectView here = base_->single(d.table->name);
    const bool same = std::all_of(d.object.values.begin(), d.object.values.end(),
                                  [&](const auto& v) { return here.values(v.first) == v.second; });
    return same ? Compared::kSame : Compared::kChanged;
  }
  const Object* here = base_->find({{d.table->name, d.object.key}});
  if (!here) return Compared::kNew;
  Object taken = assemble(d);
  if (d.disabled) taken.values["status"] = {"disable"};
  return *here == taken ? Compared::kSame : Compared::kChanged;
}

}  // namespace postern::gateway::config::fortios
