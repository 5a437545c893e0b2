#include "gateway/config/import/assembly.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "gateway/config/import/known.h"
#include "gateway/config/import/policies.h"
#include "gateway/config/text.h"

namespace postern::gateway::config::fortios {
namespace {

constexpr std::string_view kAddresses = "firewall address";
constexpr std::string_view kServices = "firewall service custom";
constexpr std::string_view kGroups = "firewall addrgrp";

constexpr std::string_view kMisplaced = "its table has a line that show doesn't print: what that does is not known";

bool says_the_same(const Entry& a, const Entry& b);
bool says_the_same(const Block& a, const Block& b) {
  const auto same = [](const Entry& x, const Entry& y) { return x.key == y.key && says_the_same(x, y); };
  return a.table == b.table && a.strange.empty() && b.strange.empty() && says_the_same(a.body, b.body) &&
         std::equal(a.entries.begin(), a.entries.end(), b.entries.begin(), b.entries.end(), same);
}
/// Word by word, but for names alone: of what isn't taken, nobody can say whether it means the same.
bool says_the_same(const Entry& a, const Entry& b) {
  const auto same = [](const Setting& x, const Setting& y) {
    return x.command == y.command && x.name == y.name && x.values == y.values;
  };
  return a.strange.empty() && b.strange.empty() &&
         std::equal(a.settings.begin(), a.settings.end(), b.settings.begin(), b.settings.end(), same) &&
         std::equal(a.blocks.begin(), a.blocks.end(), b.blocks.begin(), b.blocks.end(),
                    [](const Block& x, const Block& y) { return says_the_same(x, y); });
}

std::string what_is_built_in(const Draft& draft, const Object& object) {
  std::string out;
  for (const auto& [name, value] : object.values) out += (out.empty() ? "" : ", ") + name + ' ' + join(value, " ");
  return fmt::format("{} is something else here, and built in ({}): give it another name in the text", draft.name(), out.empty() ? "as by default" : out);
}

}  // namespace

void Assembly::add(const Entry& entry, const Table& table, const std::string& from) {
  drafts_.push_back(draft_of(entry, table, from, slots, judgements_));
  if (const auto it = misplaced.find(table.name); it != misplaced.end())
    drafts_.back().leave_out(it->second, std::string(kMisplaced));
}

void Assembly::meet_built_in(Draft& draft) {
  const Object* built_in = draft.table->find_built_in(draft.object.key);
  if (!built_in || draft.table->single()) return;
  if (draft.alive() && same_built_in(draft.from, draft.object, *built_in)) {
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
  if (is_new) return meet_namesakes(draft);
  Draft& other = drafts_[it->second];
  if (other.from == draft.from && other.alive() && draft.alive() && says_the_same(*other.source, *draft.source)) {
    return draft.leave_out(draft.source->at, "stands further up already, and says the same");
  }
  if (other.built_in && !draft.built_in) {  // as a name, both stand for what is built in
    other.built_in = false;
    other.left_out = draft.left_out;
  }
  const char* why = other.from == draft.from ? "stands there twice, and not with the same content"
                                             : "is the name of an IPv4 entry and of an IPv6 one; here they stand in one "
                                               "table: give one another name";
  draft.leave_out(draft.source->at, why);
  other.leave_out(other.source->at, why);
  // Both together are the policy there, at the place of the first; what it then refuses is not looked into.
  if (draft.is_policy()) draft.unclear = other.unclear = true;
}

/// Tables that share their names here: IPv4 and IPv6 have lists of their own there, and what is here already has names, too.
void Assembly::meet_namesakes(Draft& draft) {
  for (const auto table : sharing_names(draft.table->name)) {
    if (table == draft.table->name) continue;
    if (const auto it = by_name_.find({std::string(table), draft.object.key}); it != by_name_.end()) {
      Draft& other = drafts_[it->second];
      draft.leave_out(draft.source->at, fmt::format("{} has the same name, and here both share one list", other.name()));
      other.leave_out(other.source->at, fmt::format("{} has the same name, and here both share one list", draft.name()));
    } else if (base_->find({{std::string(table), draft.object.key}})) {
      draft.leave_out(draft.source->at, fmt::format("is the name of an entry of {} here already, and both share one list: "
                                                    "give it another name", table));
    }
  }
}

void Assembly::meet_zones(Draft& draft) {
  for (const auto& name : interfaces_of(draft)) {
    if (zones.contains(name)) draft.leave_out(draft.source->at, fmt::format("{} is a zone: name its interfaces", name));
  }
}

/// No text tells a secret, and whoever has that of an account which is here may do what its profile and networks say here.
void Assembly::keep_accounts(Draft& draft) {
  const auto& attributes = draft.table->attributes;
  if (!std::any_of(attributes.begin(), attributes.end(), [](const Attribute& a) { return a.type == Type::kSecret; })) return;
  if (draft.table->single() || !base_->find({{draft.table->name, draft.object.key}})) return;
  draft.leave_out(draft.source->at, "is an account here already: that stays as it is");
}

/// What `execute fctems verify` found of a connector to the same EMS stays.
void Assembly::meet_connector(Draft& draft) {
  if (draft.table->name != "endpoint-control fctems") return;
  // Sources print all their slots, the empty ones, too.
  if (draft.alive() && draft.source->settings.empty()) {
    return draft.leave_out(draft.source->at, "is an empty slot: what is here stays");
  }
  const Object* here = base_->find({{draft.table->name, draft.object.key}});
  if (!here) return;
  const ObjectView before(*draft.table, *here), after(*draft.table, draft.object);
  if (before.text("server") != after.text("server") || before.text("https-port") != after.text("https-port")) return;
  for (const auto* found :
       {"serial-number", "tenant-id", "certificate-fingerprint", "certificate-issuer-key", "certificate-remote"}) {
    if (before.is_set(found) && !after.is_set(found)) draft.object.values[found] = before.values(found);
  }
}

/// May `name` stand for every address of a family, or does it mean something else here or in the text?
bool Assembly::is_free(const std::string& name, bool four, const std::set<std::string>& mentioned) const {
  const Object all = all_of_family(name, four);
  if (by_name_.contains({std::string(kGroups), name}) || base_->find({{std::string(kGroups), name}})) return false;
  if (const auto it = by_name_.find({std::string(kAddresses), name}); it != by_name_.end()) {
    const Draft& draft = drafts_[it->second];
    return draft.alive() && draft.wider.empty() && draft.object == all;
  }
  if (const Object* here = base_->find({{std::string(kAddresses), name}})) return *here == all;
  return !mentioned.contains(name);
}

FamilyNames Assembly::name_families() const {
  std::set<std::string> mentioned;
  for (const auto& d : drafts_) {
    for (const auto& r : d.references) mentioned.insert(r.name);
  }
  FamilyNames names;
  for (const bool four : {true, false}) {
    std::string& name = four ? names.four : names.six;
    const std::string first = name;
    for (std::size_t n = 2; !is_free(name, four, mentioned); ++n) name = fmt::format("{}-{}", first, n);
  }
  return names;
}

/// What the text says goes before what is here already, in whichever table that stands.
Assembly::Found Assembly::find(const Reference& reference) const {
  Found found;
  const auto other = reference.targets[0] == kAddresses ? no_addresses.find(reference.name) : no_addresses.end();
  for (const auto& target : reference.targets) {
    const auto it = by_name_.find({target, reference.name});
    if (it == by_name_.end()) continue;
    const Draft& draft = drafts_[it->second];
    const Table* table = base_->schema().table(target);
    const Object* built_in = table ? table->find_built_in(reference.name) : nullptr;
    found.good = draft.alive() || built_in;
    if (draft.alive()) {
      found.draft = &draft;
    } else if (built_in) {
      found.built_in = built_in;
      if (!draft.built_in) found.wider = draft.left_out;
    } else {
      found.missing = fmt::format("{} is left out", draft.name());
    }
    return found;
  }
  for (const auto& target : reference.targets) {
    if (target != kAddresses || !made_.contains(reference.name)) continue;
    found.good = true;
    return found;
  }
  for (const auto& target : reference.targets) {
    const Table* table = base_->schema().table(target);
    found.built_in = table ? table->find_built_in(reference.name) : nullptr;
    if (!found.built_in && !base_->find({{target, reference.name}})) continue;
    if (!found.built_in && other != no_addresses.end()) {
      found.missing = fmt::format("{} is of {} there, and no address", quote_word(reference.name), other->second);
    } else if (misplaced.contains(target)) {
      const auto why = fmt::format("{} has a line that show doesn't print: what {} is, is not known", target,
                                   quote_word(reference.name));
      (found.built_in ? found.wider : found.missing) = why;
    } else if (found.built_in && target == kServices) {
      if (const auto there = differs_there(reference.name); !there.empty()) {
        found.wider = fmt::format("service {} is not described, and {} (get firewall service custom prints what it is here)",
                                  quote_word(reference.name), there);
      }
    }
    found.good = found.missing.empty();
    if (found.good && !found.built_in) {
      found.here = base_->find({{target, reference.name}});
      found.here_in = table;
    }
    return found;
  }
  if (other != no_addresses.end() && other->second.starts_with("firewall vip")) {
    found.missing = fmt::format("{} is a virtual address: destinations are not translated here, and who may use an access proxy stands in firewall proxy-policy",
                                quote_word(reference.name));
    return found;
  }
  if (reference.need_not_be && !misplaced.contains(reference.targets[0])) {
    found.good = true;
    return found;
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

/// Services that are referred to by names of built-in ones, and not described in the text.
std::set<std::string> Assembly::assumed_services() const {
  std::set<std::string> out;
  for (const auto& d : drafts_) {
    if (!d.alive()) continue;
    for (const auto& r : d.references) {
      if (r.targets.empty() || r.targets[0] != kServices || r.name == "ALL" ||
          by_name_.contains({r.targets[0], r.name}))
        continue;
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
    if (!d.alive()) continue;
    if (d.is_policy()) tables.insert(d.table->name);
    else if (!d.table->name.starts_with("firewall vip")) continue;
    for (const auto& name : interfaces_of(d)) {
      if (std::find(machine_.interfaces.begin(), machine_.interfaces.end(), name) == machine_.interfaces.end())
        missing.insert(name);
    }
  }
  if (!machine_.interfaces.empty() && !missing.empty()) {
    out.push_back(fmt::format(
        "this machine has no interface {}: policies and virtual addresses that name one match nothing until it has (its own are {})",
        join({missing.begin(), missing.end()}, ", "), join(machine_.interfaces, ", ")));
  }
  for (const auto& table : tables) {
    const auto it = base_->root().tables.find(table);
    if (it == base_->root().tables.end()) continue;
    const bool stays = std::any_of(it->second.begin(), it->second.end(), [&](const Object& o) {
      const auto at = by_name_.find({table, o.key});
      return at == by_name_.end() || !drafts_[at->second].alive();
    });
    const auto ours = alive_in(*base_->schema().table(table));
    const bool kept = places_kept_.contains(table);
    const bool any = !kept || std::any_of(ours.begin(), ours.end(), [&](const Draft* d) {
      return !base_->find({{table, d->object.key}});
    });
    if (stays && any) {
      out.push_back(fmt::format("the entries of {} that were here before stand in front of those {}", table,
                                kept ? "that are new" : "taken"));
    }
  }
  const Draft* zone = nullptr;
  bool by_the_week = false;
  for (const auto& d : drafts_) {
    if (d.table->name == "system global" && d.setting("timezone")) zone = &d;
    by_the_week = by_the_week || (d.alive() && d.table->name == "firewall schedule recurring");
  }
  if (zone && by_the_week) {
    out.push_back(fmt::format("the text's schedules go by its time zone ({}), and here they go by this machine's: look "
                              "whether both are the same (timedatectl)",
                              join(zone->setting("timezone")->values, " ")));
  }
  out.insert(out.end(), nobody_let_in_.begin(), nobody_let_in_.end());
  const auto stays = of_what_stays();
  out.insert(out.end(), stays.begin(), stays.end());
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
  for (const auto& a : d.table->attributes) {  // what the gateway finds is as it was
    const auto it = here->values.find(a.name);
    if (a.read_only && it != here->values.end()) taken.values.insert(*it);
  }
  if (moved_.contains(&d)) return Compared::kChanged;
  return *here == taken ? Compared::kSame : Compared::kChanged;
}

}  // namespace postern::gateway::config::fortios
