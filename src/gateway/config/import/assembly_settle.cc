// What is written of the drafts, once the others are left out: always a configuration that validates.
#include <algorithm>

#include "gateway/config/import/assembly.h"
#include "gateway/config/model.h"
#include "gateway/config/ports.h"

namespace postern::gateway::config::fortios {
namespace {

constexpr std::string_view kAddressTable = "firewall address";

}  // namespace

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

/// Transactions share their tree with copies of themselves.
Transaction Assembly::copy_of(const Transaction& t) const {
  Transaction out(base_);
  out.replace(t.tree());
  return out;
}

/// Leaves out those with which the configuration would not be valid; says whether there were any.
bool Assembly::drop_invalid(const Transaction& good, const std::vector<Draft*>& drafts) {
  if (drafts.empty()) return false;
  Transaction with = copy_of(good);
  auto status = write_all(with, drafts);
  if (status) status = validate(with);
  if (status) return false;
  if (drafts.size() == 1) {
    drafts[0]->leave_out(drafts[0]->source->at, status.error().message);
    return true;
  }
  const auto middle = drafts.begin() + static_cast<std::ptrdiff_t>(drafts.size() / 2);
  const std::vector<Draft*> first(drafts.begin(), middle);
  drop_invalid(good, first);
  Transaction half = copy_of(good);
  std::vector<Draft*> left;
  std::copy_if(first.begin(), first.end(), std::back_inserter(left), [](const Draft* d) { return d->alive(); });
  if (write_all(half, left)) drop_invalid(half, {middle, drafts.end()});
  return true;
}

/// Of what is written: all that can be told before it is in force.
Status Assembly::validate(const Transaction& t) {
  if (auto s = t.validate(); !s) return s;
  const auto config = read_config(t.tree());
  return check_ports(config, config.global.admin_port);
}

Transaction Assembly::settle() {
  for (auto& d : drafts_) {
    meet_built_in(d);
    meet_twin(d);
    if (d.is_policy()) meet_zones(d);
  }
  const FamilyNames names = name_families();
  for (auto& d : drafts_) {
    keep_family(d, names, judgements_);
    if (d.is_policy()) join_families(d, names, judgements_);
  }
  for (const auto* name : {&names.four, &names.six}) {
    if (!by_name_.contains({std::string(kAddressTable), *name})) made_.insert(*name);
  }
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
      const ObjectPath path = {{std::string(kAddressTable), name}};
      auto written = all.edit(path);
      for (const auto& [attribute, value] : all_of_family(name, name == names.four).values) {
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

}  // namespace postern::gateway::config::fortios
