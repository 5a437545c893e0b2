// Policies that are here already: which keep their places, and what of them stays.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/text.h"
#include "gateway/config/import/assembly.h"
#include "gateway/config/import/policies.h"

namespace postern::gateway::config::fortios {
namespace {

std::vector<std::string> keys_of(const ConfigTree& tree, const Table& table) {
  std::vector<std::string> out;
  const auto it = tree.root().tables.find(table.name);
  if (it == tree.root().tables.end()) return out;
  for (const auto& o : it->second) out.push_back(o.key);
  return out;
}

bool lists_everything(const Attribute& attribute, const Value& words) {
  const std::string_view all = attribute.type == Type::kInterface ? "any" : attribute.name == "service" ? "ALL" : "all";
  return std::find(words.begin(), words.end(), all) != words.end();
}

/// Does it refuse whatever `before` does, as far as both say the same names?
bool refuses_as_much(const ObjectView& now, const ObjectView& before) {
  constexpr std::string_view kNotes[] = {"name", "comments", "logtraffic", "nat"};
  for (const auto& a : now.table().attributes) {
    const auto& is = now.values(a.name);
    const auto& was = before.values(a.name);
    if (is == was || std::find(std::begin(kNotes), std::end(kNotes), a.name) != std::end(kNotes)) continue;
    if (a.name == "schedule" && is == Value{"always"}) continue;
    const bool list = a.many && (a.type == Type::kInterface || a.type == Type::kReference);
    if (!list) return false;
    if (lists_everything(a, is)) continue;
    const bool within = std::all_of(was.begin(), was.end(),
                                    [&](const auto& w) { return std::find(is.begin(), is.end(), w) != is.end(); });
    if (was.empty() || !within) return false;
  }
  return true;
}

bool is_in_force(const ObjectView& policy) { return policy.enabled("status"); }
bool accepts(const ObjectView& policy) { return policy.text("action") == "accept"; }

}  // namespace

std::vector<const Draft*> Assembly::alive_in(const Table& table) const {
  std::vector<const Draft*> out;
  for (const auto& d : drafts_) {
    if (d.alive() && d.table == &table) out.push_back(&d);
  }
  return out;
}

/// What is off here or refuses less doesn't take the place of a refusal that is in force: more would get through.
/// Says whether one was left out for that.
bool Assembly::keep_refusals() {
  bool any = false;
  for (auto& d : drafts_) {
    if (!d.alive() || !d.is_policy() || is_destination_open(d)) continue;
    const Object* here = base_->find({{d.table->name, d.object.key}});
    if (!here) continue;
    const ObjectView policy(*d.table, *here);
    if (!is_in_force(policy) || accepts(policy)) continue;
    if (!d.disabled && d.object.values == here->values) continue;  // the very same
    const bool off = d.disabled || !is_on(d);
    const ObjectView now(*d.table, d.object);
    if (!off && !accepts(now) && in_force(d) && refuses_as_much(now, policy)) continue;
    d.leave_out(
        d.source->at,
        fmt::format("{}, and that of this number which is here refuses: it stays (delete it first, to take this one)",
                    !off         ? std::string("doesn't refuse as much")
                    : d.disabled ? fmt::format("would be off here ({})", d.why_disabled)
                                 : std::string("is off")));
    any = true;
  }
  return any;
}

/// Policies stand in the source's order. Those that are here already keep their places where that is their order, and none
/// that is new stands in front of them; new ones come behind all that is here.
void Assembly::keep_places() {
  places_kept_.clear();
  for (const auto& table : base_->schema().root().tables) {
    if (!table.ordered) continue;
    std::map<std::string, std::size_t> places;
    for (const auto& key : keys_of(*base_, table)) places.emplace(key, places.size());
    std::size_t next = 0;
    bool kept = true, is_new = false;
    for (const Draft* d : alive_in(table)) {
      const auto place = places.find(d->object.key);
      if (place == places.end()) {
        is_new = true;
        continue;
      }
      kept = kept && !is_new && place->second >= next;
      next = place->second + 1;
    }
    if (kept) places_kept_.insert(table.name);
  }
}

/// Which policies stand behind or in front of others than before.
void Assembly::note_moves(const Transaction& t) {
  for (const auto& table : base_->schema().root().tables) {
    if (!table.ordered) continue;
    auto before = keys_of(*base_, table), after = keys_of(t.tree(), table);
    const std::set<std::string> were(before.begin(), before.end());
    std::erase_if(after, [&](const std::string& key) { return !were.contains(key); });  // those that are new
    std::size_t first = 0, last = after.size();
    while (first < last && before[first] == after[first]) ++first;
    while (last > first && before[last - 1] == after[last - 1]) --last;
    const std::set<std::string> between(after.begin() + static_cast<std::ptrdiff_t>(first),
                                        after.begin() + static_cast<std::ptrdiff_t>(last));
    for (const Draft* d : alive_in(table)) {
      if (between.contains(d->object.key)) moved_.insert(d);
    }
  }
}

/// A refusal that is in force here doesn't come to stand behind what is here, accepts, and isn't in the text. Says whether
/// one was left out for that.
bool Assembly::keep_refusals_in_front() {
  bool any = false;
  for (const auto& table : base_->schema().root().tables) {
    if (!table.ordered || places_kept_.contains(table.name)) continue;
    const auto here = keys_of(*base_, table);
    for (auto& d : drafts_) {
      const Object* before = d.alive() && d.table == &table ? base_->find({{table.name, d.object.key}}) : nullptr;
      if (before == nullptr) continue;
      const ObjectView was(table, *before);
      if (!is_in_force(was) || accepts(was)) continue;
      const auto passed =
          std::find_if(std::find(here.begin(), here.end(), d.object.key), here.end(), [&](const std::string& key) {
            const auto at = by_name_.find({table.name, key});
            if (at != by_name_.end() && drafts_[at->second].alive()) return false;  // stands as the source has it
            const ObjectView policy(table, *base_->find({{table.name, key}}));
            return is_in_force(policy) && accepts(policy);
          });
      if (passed == here.end()) continue;
      d.leave_out(
          d.source->at,
          fmt::format("would move behind {}, which is here and lets something through: that of this number which "
                      "is here stays in its place (import the whole table, or move them by hand)",
                      *passed));
      any = true;
    }
  }
  return any;
}

}  // namespace postern::gateway::config::fortios
