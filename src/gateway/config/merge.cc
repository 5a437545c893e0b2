#include "gateway/config/merge.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/text.h"
#include "gateway/config/difference.h"
#include "gateway/config/entries.h"

namespace postern::gateway::config {
namespace {

bool has_word(const Value& value, const std::string& word) {
  return std::find(value.begin(), value.end(), word) != value.end();
}

/// Names whose order means nothing, joined; nothing where that could mean what neither of them wants: a list that is
/// empty means "any" in some tables, and one in which nothing is left of before is another list.
std::optional<Value> join_lists(const Attribute& attribute, const Value* base, const Value* theirs, const Value* mine) {
  const bool names =
      attribute.type == Type::kReference || attribute.type == Type::kTag || attribute.type == Type::kInterface;
  if (!attribute.many || !names || !base || !theirs || !mine) return std::nullopt;
  const auto left_of_base = [&](const Value& value) {
    return std::any_of(base->begin(), base->end(), [&](const std::string& word) { return has_word(value, word); });
  };
  Value out;
  for (const auto& word : *theirs) {
    if (has_word(*mine, word) || !has_word(*base, word)) out.push_back(word);
  }
  for (const auto& word : *mine) {
    if (!has_word(*base, word) && !has_word(out, word)) out.push_back(word);
  }
  if (!left_of_base(*theirs) || !left_of_base(*mine) || !left_of_base(out)) return std::nullopt;
  auto normal = attribute.normalise(out);
  if (!normal) return std::nullopt;
  return std::move(*normal);
}

std::vector<std::string> common_order(const std::vector<Object>& entries, const EntryIndex& a, const EntryIndex& b) {
  std::vector<std::string> out;
  for (const auto& o : entries) {
    if (a.has(o.key) && b.has(o.key)) out.push_back(o.key);
  }
  return out;
}

class Merger {
 public:
  std::vector<Clash> clashes;

  /// Attributes and tables of one object; nullptr: it is not there.
  Object objects(const Table& table, const Object* base, const Object* theirs, const Object* mine, ObjectPath& path) {
    Object out;
    out.key = (mine ? mine : theirs)->key;
    for (const auto& attribute : table.attributes) {
      const auto value = [&](const Object* o) -> const Value* {
        if (o == nullptr) return nullptr;
        const auto it = o->values.find(attribute.name);
        return it == o->values.end() ? nullptr : &it->second;
      };
      const auto same = [](const Value* a, const Value* b) { return a == b || (a && b && *a == *b); };
      const Value *before = value(base), *their = value(theirs), *my = value(mine);
      const Value* taken = my;
      std::optional<Value> joined;
      if (same(my, before)) {
        taken = their;
      } else if (!same(their, before) && !same(their, my)) {
        joined = join_lists(attribute, before, their, my);
        if (joined) {
          taken = &*joined;
        } else {
          clashes.push_back({Clash::Kind::kValue, path, attribute.name, their ? masked_value(attribute, *their) : "",
                             my ? masked_value(attribute, *my) : ""});
        }
      }
      if (taken) out.values[attribute.name] = *taken;
    }
    tables(table, base, theirs, mine, out, path);
    return out;
  }

  void tables(const Table& parent, const Object* base, const Object* theirs, const Object* mine, Object& out,
              ObjectPath& path) {
    for (const auto& table : parent.tables) {
      const auto& before = entries_of(base, table.name);
      const auto& their = entries_of(theirs, table.name);
      const auto& my = entries_of(mine, table.name);
      path.push_back({table.name, ""});
      auto merged = table.single() ? single(table, before, their, my, path) : entries(table, before, their, my, path);
      path.pop_back();
      if (!merged.empty()) out.tables[table.name] = std::move(merged);
    }
  }

 private:
  std::vector<Object> single(const Table& table, const std::vector<Object>& base, const std::vector<Object>& theirs,
                             const std::vector<Object>& mine, ObjectPath& path) {
    if (theirs.empty() && mine.empty()) return {};
    const auto only = [](const std::vector<Object>& entries) { return entries.empty() ? nullptr : &entries.front(); };
    auto merged = objects(table, only(base), only(theirs), only(mine), path);
    // Somebody may stand in mine, even while it says nothing.
    if (mine.empty() && says_nothing(merged)) return {};
    return {std::move(merged)};
  }

  std::optional<Object> entry(const Table& table, const Object* base, const Object* theirs, const Object* mine,
                              ObjectPath& path) {
    const auto clash = [&](Clash::Kind kind) { clashes.push_back({kind, path, {}, {}, {}}); };
    if (theirs && mine) {
      if (base || *theirs == *mine) return objects(table, base, theirs, mine, path);
      clash(Clash::Kind::kBothMade);
      return *mine;
    }
    if (theirs) {
      if (!base) return *theirs;
      if (!(*theirs == *base)) clash(Clash::Kind::kIDelete);
      return std::nullopt;
    }
    if (!base) return *mine;
    if (*mine == *base) return std::nullopt;
    clash(Clash::Kind::kTheyDelete);
    return *mine;
  }

  std::vector<Object> entries(const Table& table, const std::vector<Object>& base, const std::vector<Object>& theirs,
                              const std::vector<Object>& mine, ObjectPath& path) {
    if (theirs == mine || mine == base) return theirs;
    if (theirs == base) return mine;
    const EntryIndex in_base(base), in_theirs(theirs), in_mine(mine);
    // Whose order holds: of who changed it. The other's new entries go behind the one that they stood behind.
    const auto order = common_order(base, in_theirs, in_mine);
    const auto common_of_base = [&](const std::vector<Object>& list) {
      auto out = common_order(list, in_theirs, in_mine);
      std::erase_if(out, [&](const std::string& key) { return !in_base.has(key); });
      return out;
    };
    const auto their_order = common_of_base(theirs), my_order = common_of_base(mine);
    const bool they_moved = their_order != order, i_moved = my_order != order;
    if (table.ordered && they_moved && i_moved && their_order != my_order) {
      clashes.push_back({Clash::Kind::kOrder, path, {}, {}, {}});
    }
    const bool in_my_order = table.ordered && i_moved;
    const auto& first = in_my_order ? mine : theirs;
    const auto& second = in_my_order ? theirs : mine;
    const EntryIndex& in_first = in_my_order ? in_mine : in_theirs;
    std::vector<std::string> keys;
    for (const auto& o : first) keys.push_back(o.key);
    for (std::size_t i = 0; i < second.size(); ++i) {
      if (in_first.has(second[i].key)) continue;
      auto at = table.ordered ? keys.begin() : std::find_if(keys.begin(), keys.end(), [&](const std::string& key) {
        return table.key.type == Type::kInteger && key.size() != second[i].key.size() ? second[i].key.size() < key.size()
                                                                                      : second[i].key < key;
      });
      if (table.ordered && i > 0) at = std::find(keys.begin(), keys.end(), second[i - 1].key) + 1;
      // What somebody else put there before is in force already: what is new now comes behind it.
      while (table.ordered && !in_my_order && at != keys.end() && in_first.has(*at) && !in_base.has(*at)) ++at;
      keys.insert(at, second[i].key);
    }
    std::vector<Object> out;
    for (const auto& key : keys) {
      path.back().key = key;
      auto merged = entry(table, in_base.find(key), in_theirs.find(key), in_mine.find(key), path);
      if (merged) out.push_back(std::move(*merged));
    }
    path.back().key.clear();
    return out;
  }
};

}  // namespace

std::string describe(const Clash& clash, std::string_view they) {
  const std::string where = describe(clash.path);
  const auto value = [](const std::string& text) { return text.empty() ? std::string("the default") : text; };
  switch (clash.kind) {
    case Clash::Kind::kValue:
      return fmt::format("{}: {}: {} has set {}, you {}: end takes yours", where, clash.attribute, they,
                         value(clash.theirs), value(clash.mine));
    case Clash::Kind::kTheyDelete:
      return fmt::format("{}: {} has deleted it, you change it: end makes it again, as you have it", where, they);
    case Clash::Kind::kIDelete:
      return fmt::format("{}: {} has changed it, you delete it: end deletes it", where, they);
    case Clash::Kind::kBothMade:
      return fmt::format("{}: {} has made one of this name, and you another: end puts yours in its place; to keep both, "
                         "abort and make yours under another name", where, they);
    case Clash::Kind::kOrder:
      return fmt::format("{}: {} has moved entries, and so do you: end takes your order", where, they);
  }
  return where;
}

Merge merge(const Schema& schema, const Object& base, const Object& theirs, const Object& mine) {
  Merger merger;
  Merge out;
  ObjectPath path;
  merger.tables(schema.root(), &base, &theirs, &mine, out.root, path);
  out.clashes = std::move(merger.clashes);
  return out;
}

}  // namespace postern::gateway::config
