// What is here already, and what the text says or doesn't say of it.
#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "gateway/config/import/assembly.h"
#include "gateway/config/import/combined.h"
#include "gateway/config/import/known.h"
#include "gateway/config/import/policies.h"

namespace postern::gateway::config::fortios {
namespace {

constexpr std::string_view kPortServices = "firewall service custom";
/// How notes begin that say so to a later import, of which the text may be another part.
constexpr std::string_view kMark = "Narrower on the FortiGate: ";

template <class Each>
void each_reference(const Table& table, const Object& object, const Each& each) {
  for (const auto& a : table.attributes) {
    const auto it = a.type == Type::kReference ? object.values.find(a.name) : object.values.end();
    if (it == object.values.end()) continue;
    for (const auto& name : it->second) each(a.references, name);
  }
  for (const auto& [name, entries] : object.tables) {
    const Table* nested = table.table(name);
    for (const auto& e : entries) {
      if (nested) each_reference(*nested, e, each);
    }
  }
}

std::string mark_of(const Object& object) {
  const auto comment = object.values.find("comment");
  return comment != object.values.end() && !comment->second.empty() && comment->second[0].starts_with(kMark)
             ? comment->second[0]
             : "";
}

}  // namespace

const Assembly::Behind& Assembly::behind(const Object& object, const Table& table) {
  const auto [known, is_new] = behind_.try_emplace(&object);
  Behind& out = known->second;
  if (!is_new) return out;
  std::vector<std::pair<const Object*, const Table*>> open = {{&object, &table}};
  std::set<const Object*> seen = {&object};
  for (std::size_t i = 0; i < open.size(); ++i) {
    const auto [o, of] = open[i];
    if (of->name == kPortServices && is_both_icmp(*o)) out.both_icmp = true;
    if (out.marked.empty()) out.marked = mark_of(*o);
    each_reference(*of, *o, [&](const std::vector<std::string>& targets, const std::string& name) {
      for (const auto& target : targets) {
        const auto it = by_name_.find({target, name});
        const Draft* draft = it == by_name_.end() ? nullptr : &drafts_[it->second];
        if (draft && draft->alive()) return out.drafts.push_back(draft);
        const Object* here = base_->find({{target, name}});
        const Table* in = base_->schema().table(target);
        if (!here || !in) continue;
        if (draft && !draft->built_in && out.lost.empty()) out.lost = draft->name();
        if (seen.insert(here).second) open.emplace_back(here, in);
        return;
      }
    });
  }
  return out;
}

void Assembly::each_that_stays(const PolicyHere& each) const {
  for (const auto& table : base_->schema().root().tables) {
    const auto entries = table.ordered ? base_->root().tables.find(table.name) : base_->root().tables.end();
    if (entries == base_->root().tables.end()) continue;
    for (const auto& o : entries->second) {
      const auto of_text = by_name_.find({table.name, o.key});
      const Draft* draft = of_text == by_name_.end() ? nullptr : &drafts_[of_text->second];
      if ((draft && draft->alive()) || !ObjectView(table, o).enabled("status")) continue;
      each(table, o, draft);
    }
  }
}

/// The first of these that accepts by it; empty: there is none.
std::string Assembly::used_in_force(const Draft& draft) {
  std::string by;
  each_that_stays([&](const Table& table, const Object& o, const Draft*) {
    if (!by.empty() || ObjectView(table, o).text("action") != "accept") return;
    const auto& used = behind(o, table).drafts;
    if (std::find(used.begin(), used.end(), &draft) != used.end()) by = table.name + " " + o.key;
  });
  return by;
}

Assembly::Needs Assembly::needs() const {
  Needs out;
  for (const auto& [used, by] : users_) {
    for (const Draft* user : by) out[user].push_back(used);
  }
  return out;
}

/// A policy that is here and in force keeps its meaning, unless the text has that, too: nobody said that what it accepts
/// or refuses is this. Says whether something was left out.
bool Assembly::leave_out_changed() {
  const Needs needs = this->needs();
  std::map<const Draft*, std::string> used;  // by which policy
  std::vector<const Draft*> open;
  each_that_stays([&](const Table& table, const Object& o, const Draft*) {
    for (const Draft* d : behind(o, table).drafts) {
      if (used.try_emplace(d, table.name + " " + o.key).second) open.push_back(d);
    }
  });
  for (std::size_t i = 0; i < open.size(); ++i) {
    const auto it = needs.find(open[i]);
    if (it == needs.end()) continue;
    for (const Draft* d : it->second) {
      if (used.try_emplace(d, used.at(open[i])).second) open.push_back(d);
    }
  }
  bool any = false;
  for (auto& d : drafts_) {
    const auto by = used.find(&d);
    const Object* here = d.alive() && by != used.end() ? base_->find({{d.table->name, d.object.key}}) : nullptr;
    if (here == nullptr || same_meaning(assemble(d), *here)) continue;
    d.leave_out(d.source->at, fmt::format("is something else than here, and {}, which is here, uses it: take that along, "
                                          "or give this another name",
                                          by->second));
    any = true;
  }
  return any;
}

/// What allows more here stays away where a policy that is here would come to allow more by it, and where no policy of the
/// text says what it is for: one that comes later couldn't know. Says whether something was left out.
bool Assembly::leave_out_wider() {
  const Needs needs = this->needs();
  std::set<const Draft*> needed;
  std::vector<const Draft*> open;
  for (const auto& d : drafts_) {
    if (d.alive() && d.is_policy()) open.push_back(&d);
  }
  for (std::size_t i = 0; i < open.size(); ++i) {
    const auto it = needs.find(open[i]);
    if (it == needs.end()) continue;
    for (const Draft* d : it->second) {
      if (needed.insert(d).second) open.push_back(d);
    }
  }
  bool any = false;
  for (auto& d : drafts_) {
    const auto why = wider_.find(&d);
    if (!d.alive() || d.is_policy() || why == wider_.end()) continue;
    if (!needed.contains(&d)) {
      d.leave_out(
          d.source->at,
          fmt::format("allows more here than there ({}), and no policy of this text uses it: take it along with them",
                      why->second));
    } else if (const auto policy = used_in_force(d); !policy.empty()) {
      d.leave_out(d.source->at,
                  fmt::format("allows more here than there ({}), and {}, which is here, uses it: switch that off first",
                              why->second, policy));
    } else {
      continue;
    }
    any = true;
  }
  return any;
}

/// What no later text could know of, as it has no comment to say it in. Says whether something was left out.
bool Assembly::leave_out_unmarked() {
  bool any = false;
  for (auto& d : drafts_) {
    if (!d.alive() || d.is_policy() || d.table->attribute("comment") || !wider_itself_.contains(&d)) continue;
    d.leave_out(d.source->at, "allows more here than there: " + wider_.at(&d));
    any = true;
  }
  return any;
}

/// Of a virtual address or host of the text, for an access proxy that is here and not of the text.
std::string Assembly::refused_without_certificate_here(const Draft& door) const {
  for (const auto* proxies : {"firewall access-proxy", "firewall access-proxy6"}) {
    const Table* table = base_->schema().table(proxies);
    const auto entries = base_->root().tables.find(proxies);
    if (!table || entries == base_->root().tables.end()) continue;
    for (const auto& proxy : entries->second) {
      const auto of_text = by_name_.find({table->name, proxy.key});
      if (of_text != by_name_.end() && drafts_[of_text->second].alive()) continue;
      bool through = false;
      each_reference(*table, proxy, [&](const std::vector<std::string>& targets, const std::string& name) {
        through = through || (targets[0] == door.table->name && name == door.object.key);
      });
      auto why = through ? refuses_without_certificate(ObjectView(*table, proxy), door) : "";
      if (!why.empty()) return why;
    }
  }
  return {};
}

/// So that policies of a later text know it, too.
void Assembly::mark_wider() {
  for (auto& d : drafts_) {
    const auto why = wider_.find(&d);
    if (!d.alive() || d.is_policy() || why == wider_.end()) continue;
    const Attribute* comment = d.table->attribute("comment");
    if (!comment || !mark_of(d.object).empty()) continue;
    std::string note = std::string(kMark) + why->second;
    if (const auto own = d.object.values.find("comment"); own != d.object.values.end()) note += "; " + own->second[0];
    const auto max = static_cast<std::size_t>(comment->max);
    if (note.size() > max) note = std::string(kMark) + "see the report of the import";
    if (const auto value = comment->normalise({note})) d.object.values["comment"] = *value;
  }
}

/// Of which families it is, through groups; neither: not known, or whatever is meant by it. Each name is looked at once, and
/// not by recursion: a chain of groups is as long as its author likes. In a circle (it is refused later) what was found so
/// far counts.
Assembly::Families Assembly::families_of(const std::string& name, bool of_the_text, FamiliesByName& known) const {
  const Table &addresses = *base_->schema().table("firewall address"), &groups = *base_->schema().table("firewall addrgrp");
  const auto object = [&](const Table& table, const std::string& key) -> const Object* {
    const auto it = of_the_text ? by_name_.find({table.name, key}) : by_name_.end();
    return it != by_name_.end() ? &drafts_[it->second].object : base_->find({{table.name, key}});
  };
  struct Frame {
    std::string name;
    Value members;
    std::size_t next = 0;
  };
  std::vector<Frame> open;
  const auto enter = [&](const std::string& each) {
    Families& found = known[each];
    if (addresses.find_built_in(each) || groups.find_built_in(each)) return;
    if (const Object* o = object(addresses, each)) {
      const ObjectView view(addresses, *o);
      const bool six = view.text(view.text("type") == "iprange" ? "start-ip" : "subnet").find(':') != std::string::npos;
      (six ? found.six : found.four) = true;
    } else if (const Object* group = object(groups, each)) {
      open.push_back({each, ObjectView(groups, *group).values("member")});
    }
  };
  if (!known.contains(name)) enter(name);
  while (!open.empty()) {
    auto& frame = open.back();
    if (frame.next < frame.members.size()) {
      const std::string member = frame.members[frame.next++];
      if (!known.contains(member)) enter(member);
      continue;
    }
    Families found = known[frame.name];
    for (const auto& member : frame.members) {
      found.four = found.four || known[member].four;
      found.six = found.six || known[member].six;
    }
    known[frame.name] = found;
    open.pop_back();
  }
  return known[name];
}

/// There, IPv4 and IPv6 have names of their own, and what is here may be the other one.
void Assembly::meet_other_family(Draft& draft, FamiliesByName& of_text, FamiliesByName& of_here) {
  if (!draft.alive()) return;
  const bool address = draft.table->name == "firewall address", group = draft.table->name == "firewall addrgrp";
  const auto other_than = [](Families families, bool six) { return six ? families.four : families.six; };
  const auto look = [&](const char* attribute, bool six) {
    for (const auto& name : words_in_source(draft, attribute)) {
      if (!draft.alive() || !other_than(families_of(name, true, of_text), six)) continue;
      const Setting* s = draft.setting(attribute);
      draft.leave_out(s ? s->at : draft.source->at,
                      fmt::format("{}: {} is no IPv{} address here", attribute, name, six ? 6 : 4));
    }
  };
  const bool six = draft.from.ends_with('6');
  if (group) look("member", six);
  if (draft.is_policy()) {
    for (const char* list : {"srcaddr", "dstaddr"}) look(list, false);
    for (const char* list : {"srcaddr6", "dstaddr6"}) look(list, true);
  }
  if ((address || group) && base_->find({{draft.table->name, draft.object.key}}) &&
      other_than(families_of(draft.object.key, false, of_here), six)) {
    draft.leave_out(
        draft.source->at,
        fmt::format(
            "is the name of an IPv{} entry here, and here both families stand in one table: give it another name",
            six ? 4 : 6));
  }
}

/// An import switches off nothing that is here: what of the text speaks against it is told.
std::vector<std::string> Assembly::of_what_stays() const {
  std::vector<std::string> out;
  std::vector<std::string> accepting;  // in force, and not replaced
  std::map<std::string, std::vector<std::string>> by_interface;
  each_that_stays([&](const Table& table, const Object& o, const Draft* left_out) {
    const ObjectView policy(table, o);
    if (policy.text("action") != "accept") return;
    const auto name = table.name + " " + o.key;
    if (left_out)
      out.push_back(fmt::format("{} of the text is left out, and that which is here by this number stays in force: "
                                "look whether it may", name));
    accepting.push_back(name);
    for (const auto& [interface, narrowed] : narrow_interfaces) {
      const auto passes = [&](const char* attribute) {
        const auto& list = table.attribute(attribute) ? policy.values(attribute) : Value();
        return std::any_of(list.begin(), list.end(), [&](const auto& each) { return each == "any" || each == interface; });
      };
      if (passes("srcintf") || (narrowed.both && passes("dstintf"))) by_interface[interface].push_back(name);
    }
  });
  const auto listed = [](std::vector<std::string> names) {
    constexpr std::size_t kNamed = 5;
    const std::size_t more = names.size() > kNamed ? names.size() - kNamed : 0;
    names.resize(names.size() - more);
    return join(names, ", ") + (more > 0 ? fmt::format(" and {} more", more) : "");
  };
  if (!refuses_before.empty() && !accepting.empty()) {
    out.push_back(fmt::format("{}; what is here and accepts stays in force all the same, look whether it may: {}",
                              refuses_before, listed(accepting)));
  }
  for (const auto& [interface, names] : by_interface) {
    out.push_back(fmt::format("system interface {}: {} narrows there what passes by it, and is nothing here; what is here "
                              "and accepts stays in force all the same, look whether it may: {}",
                              interface, narrow_interfaces.at(interface).setting, listed(names)));
  }
  return out;
}

}  // namespace postern::gateway::config::fortios
