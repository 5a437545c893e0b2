// What is written of the drafts, once the others are left out: always a configuration that validates.
#include <algorithm>
#include <memory>
#include <set>
#include <string_view>

#include "gateway/config/import/assembly.h"
#include "gateway/config/model.h"
#include "gateway/config/ports.h"

namespace postern::gateway::config::fortios {
namespace {

constexpr std::string_view kAddressTable = "firewall address";

/// Can every access proxy listen? Of nothing but their tables: groups of addresses take long to look into.
Status listens(const ConfigTree& tree) {
  static const std::set<std::string_view> needed = {"system global",
                                                    "certificate local",
                                                    "certificate remote",
                                                    "firewall vip",
                                                    "firewall vip6",
                                                    "firewall access-proxy",
                                                    "firewall access-proxy6",
                                                    "firewall access-proxy-virtual-host"};
  std::set<std::string, std::less<>> others;
  for (const auto& table : tree.schema().root().tables) {
    if (!needed.contains(table.name)) others.insert(table.name);
  }
  Transaction proxies(std::make_shared<const ConfigTree>(tree.schema()));
  proxies.replace(tree, others);
  const auto config = read_config(proxies.tree());
  return check_ports(config, config.global.admin_port);
}

}  // namespace

std::vector<Draft*> Assembly::alive() {
  // As show prints them: what is referred to stands before what refers.
  std::vector<Draft*> out;
  for (const auto& table : base_->schema().root().tables) {
    const auto first = static_cast<std::ptrdiff_t>(out.size());
    for (auto& d : drafts_) {
      if (d.alive() && d.table == &table) out.push_back(&d);
    }
    if (table.ordered || table.single()) continue;
    std::stable_sort(out.begin() + first, out.end(),  // each then comes to the end of its table
                     [&](const Draft* a, const Draft* b) { return key_less(table, a->object.key, b->object.key); });
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

/// What stands there is what the source says of it, at the place where it stands.
Status Assembly::write_over(Transaction& t, const Draft& draft) const {
  const ObjectPath path = {{draft.table->name, draft.object.key}};
  const Object here = *t.tree().find(path);
  for (const auto& a : draft.table->attributes) {
    if (a.read_only || draft.object.values.contains(a.name) || !here.values.contains(a.name)) continue;
    if (auto s = t.unset(path, a.name); !s) return s;
  }
  return write(t, draft, {});
}

Status Assembly::write_all(Transaction& t, const std::vector<Draft*>& drafts) const {
  for (const Draft* d : drafts) {
    const ObjectPath path = {{d->table->name, d->object.key}};
    if (!d->table->single() && t.tree().find(path)) {
      const bool in_place = d->table->tables.empty() && (!d->table->ordered || places_kept_.contains(d->table->name));
      if (auto s = in_place ? write_over(t, *d) : t.remove(path); !s) return s;
      if (in_place) continue;
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
  auto good = t.validate();
  return good ? listens(t.tree()) : good;
}

Transaction Assembly::settle() {
  for (auto& d : drafts_) {
    meet_built_in(d);
    meet_twin(d);
    keep_accounts(d);
    meet_connector(d);
    if (d.is_policy()) meet_zones(d);
  }
  FamiliesByName of_text, of_here;
  for (auto& d : drafts_) meet_other_family(d, of_text, of_here);
  const FamilyNames names = name_families();
  for (auto& d : drafts_) {
    keep_family(d, names, judgements_);
    if (d.is_policy()) join_families(d, names, judgements_);
  }
  for (const auto* name : {&names.four, &names.six}) {
    if (!by_name_.contains({std::string(kAddressTable), *name})) made_.insert(*name);
  }
  for (;;) {
    // To and fro, as a chain of references may run either way.
    for (bool changed = true, back = false; changed; back = !back) {
      changed = false;
      for (std::size_t i = 0; i < drafts_.size(); ++i) {
        Draft& d = drafts_[back ? drafts_.size() - 1 - i : i];
        if (!d.alive()) continue;
        changed = resolve(d) || changed;
        check(d);
        changed = changed || !d.alive();
      }
    }
    switch_off();
    switch_off_behind_refusals();
    if (keep_refusals() || leave_out_wider() || leave_out_unmarked() || leave_out_changed()) continue;
    mark_wider();
    keep_places();
    if (keep_refusals_in_front()) continue;
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
    if (!drop_invalid(all, drafts) && write_all(all, drafts)) {
      if (widen_refusals(all)) continue;
      note_moves(all);
      for (const auto& name : needed) {
        if (!base_->find({{std::string(kAddressTable), name}})) made_new_.push_back(std::string(kAddressTable) + ' ' + name);
      }
      return all;
    }
    if (alive().size() < drafts.size()) continue;
    // Each half is good and the whole is not: nothing of it is taken.
    for (Draft* d : drafts) d->leave_out(d->source->at, "doesn't go together with the rest");
  }
}

}  // namespace postern::gateway::config::fortios
