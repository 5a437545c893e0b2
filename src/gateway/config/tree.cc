#include "gateway/config/tree.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"

namespace postern::gateway::config {
namespace {

const Object& nothing() {
  static const Object object;
  return object;
}

/// Where an entry stands, or would: tables whose order has no meaning are sorted by their keys (key_less).
template <class Objects>
auto place_of(const Table& table, Objects& objects, std::string_view key) {
  return std::lower_bound(objects.begin(), objects.end(), key,
                          [&](const Object& o, std::string_view wanted) { return key_less(table, o.key, wanted); });
}

template <class Objects>
auto find_key(const Table& table, Objects& objects, std::string_view key) {
  if (!table.ordered) {
    const auto at = place_of(table, objects, key);
    return at != objects.end() && at->key == key ? at : objects.end();
  }
  // Most often the one that was made last.
  if (!objects.empty() && objects.back().key == key) return objects.end() - 1;
  return std::find_if(objects.begin(), objects.end(), [&](const Object& o) { return o.key == key; });
}

tl::unexpected<Error> wrong(const ObjectPath& path, std::string_view what) {
  return fail(ErrorCode::kInvalidArgument, fmt::format("{}: {}", describe(path), what));
}

/// Calls `visit(path, table, object)` for every object below `parent`, in order; stops at the first error.
template <class Visit>
Status walk(const Table& parent_table, const Object& parent, ObjectPath& path, const Visit& visit) {
  for (const auto& table : parent_table.tables) {
    const auto it = parent.tables.find(table.name);
    if (it == parent.tables.end()) continue;
    for (const auto& object : it->second) {
      path.push_back({table.name, object.key});
      if (auto s = visit(path, table, object); !s) return s;
      if (auto s = walk(table, object, path, visit); !s) return s;
      path.pop_back();
    }
  }
  return {};
}

Status check_object(const ObjectPath& path, const Table& table, const Object& object) {
  for (const auto& attribute : table.attributes) {
    if (attribute.required && object.values.find(attribute.name) == object.values.end()) {
      return wrong(path, fmt::format("{}: is missing; allowed: {}", attribute.name, attribute.allowed()));
    }
  }
  if (!table.check) return {};
  if (auto s = table.check(ObjectView(table, object)); !s) return wrong(path, s.error().message);
  return {};
}

}  // namespace

bool key_less(const Table& table, std::string_view a, std::string_view b) {
  if (table.key.type != Type::kInteger) return a < b;
  return a.size() != b.size() ? a.size() < b.size() : a < b;  // normal form: no leading zeros
}

std::string describe(const ObjectPath& path) {
  std::string out;
  for (const auto& step : path) {
    if (!out.empty()) out += ", ";
    out += step.table;
    if (!step.key.empty()) out += ' ' + step.key;
  }
  return out;
}

Result<std::string> next_key(const Table& table, const std::vector<Object>* entries) {
  if (table.key.type != Type::kInteger) return fail(ErrorCode::kInvalidArgument, table.key.name + ": is missing");
  std::int64_t next = table.key.min;
  if (entries) {
    for (const auto& o : *entries) next = std::max<std::int64_t>(next, std::stoll(o.key) + 1);
  }
  if (next <= table.key.max) return std::to_string(next);
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("{}: none is free behind the largest; name one ({})", table.key.name, table.key.allowed()));
}

const Table* find_table(const Schema& schema, const ObjectPath& path) {
  const Table* table = &schema.root();
  for (const auto& step : path) {
    table = table->table(step.table);
    if (!table) return nullptr;
  }
  return path.empty() ? nullptr : table;
}

const Object* ConfigTree::find(const ObjectPath& path) const {
  const Object* object = &root_;
  const Table* table = &schema_->root();
  for (const auto& step : path) {
    table = table->table(step.table);
    if (!table) return nullptr;
    const Object* next = nullptr;
    if (const auto it = object->tables.find(step.table); it != object->tables.end()) {
      if (const auto at = find_key(*table, it->second, step.key); at != it->second.end()) next = &*at;
    }
    if (!next) next = table->find_built_in(step.key);
    if (!next) {
      if (!table->single() || !step.key.empty()) return nullptr;
      next = &nothing();
    }
    object = next;
  }
  return object;
}

std::vector<ObjectView> ConfigTree::entries(std::string_view name) const {
  const Table* table = schema_->table(name);
  std::vector<ObjectView> out;
  if (!table) return out;
  const auto it = root_.tables.find(name);
  const auto none = it == root_.tables.end();
  for (const auto& object : table->built_in) {
    if (none || find_key(*table, it->second, object.key) == it->second.end()) out.emplace_back(*table, object);
  }
  if (!none) {
    for (const auto& object : it->second) out.emplace_back(*table, object);
  }
  if (table->single() && out.empty()) out.emplace_back(*table, nothing());
  return out;
}

ObjectView ConfigTree::single(std::string_view name) const { return entries(name).front(); }

Transaction::Transaction(Snapshot base, Actor actor)
    : base_(std::move(base)), tree_(std::make_shared<ConfigTree>(*base_)), actor_(actor) {}

Result<const Table*> Transaction::table_of(const ObjectPath& path) const {
  const Table* table = find_table(tree_->schema(), path);
  if (!table) return fail(ErrorCode::kNotFound, fmt::format("{}: there is no such table", describe(path)));
  return table;
}

Result<const Attribute*> Transaction::attribute_of(const ObjectPath& path, std::string_view name) const {
  const auto table = table_of(path);
  if (!table) return fail(table.error());
  const Attribute* attribute = (*table)->attribute(name);
  if (!attribute) {
    if (name == (*table)->key.name && !name.empty()) {
      return wrong(path, fmt::format("{}: is the entry's name (rename changes it)", name));
    }
    return wrong(path, fmt::format("\"{}\" is not an attribute of it", name.substr(0, 80)));
  }
  return attribute;
}

Object* Transaction::writable(const ObjectPath& path) {
  Object* object = &tree_->root_;
  const Table* table = &tree_->schema().root();
  for (const auto& step : path) {
    table = table->table(step.table);
    if (!table) return nullptr;
    const auto it = object->tables.find(step.table);
    if (it == object->tables.end()) return nullptr;
    const auto at = find_key(*table, it->second, step.key);
    if (at == it->second.end()) return nullptr;
    object = &*at;
  }
  return object;
}

Status Transaction::edit(const ObjectPath& path) {
  const auto table = table_of(path);
  if (!table) return fail(table.error());
  const Step& last = path.back();
  if ((*table)->single()) {
    if (!last.key.empty()) return wrong(path, "the table has no entries");
  } else {
    if (last.key.empty()) return wrong(path, "the name of an entry is missing");
    const auto normal = (*table)->key.normalise({last.key});
    if (!normal) return wrong(path, normal.error().message);
    if (normal->front() != last.key) {
      ObjectPath same = path;
      same.back().key = normal->front();
      return edit(same);
    }
  }
  if (writable(path)) return {};
  // The file of an earlier version may have what is built in since: that goes on meaning what it meant there.
  if ((*table)->find_built_in(last.key) && (actor_ != Actor::kGateway || !(*table)->built_in_grows)) {
    return wrong(path, "is built in and can't be changed");
  }
  // Entries are addressed by their keys in the REST API. The file may have one of an earlier version.
  if (actor_ == Actor::kAdministrator && (last.key == "." || last.key == "..")) {
    return wrong(path, "\".\" and \"..\" mean another place in an address; choose another name");
  }
  if (actor_ == Actor::kAdministrator && (*table)->key.type == Type::kText) {
    if (auto readable = (*table)->key.check_readable(last.key); !readable) return wrong(path, readable.error().message);
  }
  Object* parent = &tree_->root_;
  if (path.size() > 1) {
    const ObjectPath above(path.begin(), path.end() - 1);
    parent = writable(above);
    if (!parent) return fail(ErrorCode::kNotFound, fmt::format("{}: does not exist", describe(above)));
  }
  auto& objects = parent->tables[last.table];
  Object object;
  object.key = last.key;
  const auto place = (*table)->ordered ? objects.end() : place_of(**table, objects, last.key);
  objects.insert(place, std::move(object));
  touched_.insert(path.front().table);
  return {};
}

Status Transaction::set_normal(const ObjectPath& path, const Attribute& attribute, Value value) {
  if (attribute.read_only && actor_ != Actor::kGateway) {
    return wrong(path, fmt::format("{}: is what the gateway finds, and can't be set", attribute.name));
  }
  if (!attribute.enforced && value != attribute.default_value) {
    const std::string only = attribute.default_value.empty() ? "nothing" : join(attribute.default_value, " ");
    return wrong(path, fmt::format("{}: \"{}\" would have no effect in this version; allowed: {}", attribute.name,
                                   join(value, " "), only));
  }
  Object* object = writable(path);
  if (!object) return fail(ErrorCode::kNotFound, fmt::format("{}: does not exist", describe(path)));
  if (value == attribute.default_value) {
    object->values.erase(attribute.name);
  } else {
    object->values[attribute.name] = std::move(value);
  }
  touched_.insert(path.front().table);
  return {};
}

Status Transaction::set(const ObjectPath& path, std::string_view name, const Value& words) {
  const auto attribute = attribute_of(path, name);
  if (!attribute) return fail(attribute.error());
  auto value = (*attribute)->normalise(words);
  if (!value) return wrong(path, value.error().message);
  if (actor_ == Actor::kAdministrator && (*attribute)->type == Type::kText) {
    const Object* object = tree_->find(path);
    const auto before = object == nullptr ? Value() : ObjectView(**table_of(path), *object).values(name);
    for (const auto& word : *value) {
      if (std::find(before.begin(), before.end(), word) != before.end()) continue;
      if (auto readable = (*attribute)->check_readable(word); !readable) return wrong(path, readable.error().message);
    }
  }
  return set_normal(path, **attribute, std::move(*value));
}

Status Transaction::append(const ObjectPath& path, std::string_view name, const Value& words) {
  const auto attribute = attribute_of(path, name);
  if (!attribute) return fail(attribute.error());
  if (!(*attribute)->many) return wrong(path, fmt::format("{}: takes one value; use set", name));
  Value all;  // what it has from the start, included: "all" and another one are no less than "all"
  const auto table = table_of(path);
  if (const Object* object = tree_->find(path); object && table) all = ObjectView(**table, *object).values(name);
  all.insert(all.end(), words.begin(), words.end());
  return set(path, name, all);
}

Status Transaction::unset(const ObjectPath& path, std::string_view name) {
  const auto attribute = attribute_of(path, name);
  if (!attribute) return fail(attribute.error());
  return set_normal(path, **attribute, (*attribute)->default_value);
}

Status Transaction::remove(const ObjectPath& path) {
  const auto table = table_of(path);
  if (!table) return fail(table.error());
  if ((*table)->find_built_in(path.back().key) && !writable(path)) return wrong(path, "is built in and can't be deleted");
  const ObjectPath above(path.begin(), path.end() - 1);
  Object* parent = above.empty() ? &tree_->root_ : writable(above);
  const auto gone = fail(ErrorCode::kNotFound, fmt::format("{}: does not exist", describe(path)));
  if (!parent) return gone;
  const auto it = parent->tables.find(path.back().table);
  if (it == parent->tables.end()) return gone;
  const auto at = find_key(**table, it->second, path.back().key);
  if (at == it->second.end()) return gone;
  it->second.erase(at);
  if (it->second.empty()) parent->tables.erase(it);
  touched_.insert(path.front().table);
  return {};
}

Status Transaction::rename(const ObjectPath& path, std::string_view new_key) {
  const auto table = table_of(path);
  if (!table) return fail(table.error());
  const Object* object = writable(path);
  if (!object || (*table)->single()) {
    return fail(ErrorCode::kNotFound, fmt::format("{}: does not exist, or has no name of its own", describe(path)));
  }
  const auto normal = (*table)->key.normalise({std::string(new_key)});
  if (!normal) return wrong(path, normal.error().message);
  ObjectPath other = path;
  other.back().key = normal->front();
  if (tree_->find(other)) return fail(ErrorCode::kAlreadyExists, fmt::format("{}: exists already", describe(other)));
  Object renamed = *object;
  renamed.key = normal->front();
  if (auto s = edit(other); !s) return s;
  *writable(other) = std::move(renamed);
  if ((*table)->ordered) {
    if (auto s = move(other, true, path.back().key); !s) return s;
  }
  refer_by(path, other.back().key);
  return remove(path);
}

void Transaction::refer_by(const ObjectPath& path, const std::string& new_key) {
  if (path.size() != 1) return;  // nothing refers to entries inside others
  std::vector<std::pair<ObjectPath, const Attribute*>> users;
  const auto visit = [&](const ObjectPath& at, const Table& table, const Object& object) -> Status {
    for (const auto& attribute : table.attributes) {
      if (attribute.type != Type::kReference || std::find(attribute.references.begin(), attribute.references.end(),
                                                          path.front().table) == attribute.references.end()) {
        continue;
      }
      const auto it = object.values.find(attribute.name);
      if (it == object.values.end()) continue;  // defaults are built in
      if (std::find(it->second.begin(), it->second.end(), path.front().key) != it->second.end()) {
        users.emplace_back(at, &attribute);
      }
    }
    return {};
  };
  ObjectPath at;
  (void)walk(tree_->schema().root(), tree_->root(), at, visit);
  for (const auto& [user, attribute] : users) {
    auto& value = writable(user)->values[attribute->name];
    std::replace(value.begin(), value.end(), path.front().key, new_key);
    touched_.insert(user.front().table);
  }
}

Status Transaction::move(const ObjectPath& path, bool before, std::string_view other_key) {
  const auto table = table_of(path);
  if (!table) return fail(table.error());
  if (!(*table)->ordered) return wrong(path, "the order of this table has no meaning");
  ObjectPath other = path;
  other.back().key = std::string(other_key);
  for (const auto& p : {path, other}) {
    if (!writable(p)) return fail(ErrorCode::kNotFound, fmt::format("{}: does not exist", describe(p)));
  }
  if (path == other) return {};
  const ObjectPath above(path.begin(), path.end() - 1);
  Object* parent = above.empty() ? &tree_->root_ : writable(above);
  auto& objects = parent->tables[path.back().table];
  const auto from = find_key(**table, objects, path.back().key);
  Object moved = std::move(*from);
  objects.erase(from);
  auto to = find_key(**table, objects, other_key);
  objects.insert(before ? to : to + 1, std::move(moved));
  touched_.insert(path.front().table);
  return {};
}

Status Transaction::check(const ObjectPath& path) const {
  const auto table = table_of(path);
  if (!table) return fail(table.error());
  const Object* object = tree_->find(path);
  if (!object) return fail(ErrorCode::kNotFound, fmt::format("{}: does not exist", describe(path)));
  return check_object(path, **table, *object);
}

/// What was taken away, or renamed, although others refer to it: names them.
Status Transaction::still_used(const ObjectPath& gone) const {
  constexpr std::size_t kNamed = 5;
  std::vector<std::string> users;
  const auto visit = [&](const ObjectPath& path, const Table& table, const Object& object) -> Status {
    for (const auto& attribute : table.attributes) {
      if (attribute.type != Type::kReference || std::find(attribute.references.begin(), attribute.references.end(),
                                                          gone.front().table) == attribute.references.end()) {
        continue;
      }
      const auto& values = ObjectView(table, object).values(attribute.name);
      if (std::find(values.begin(), values.end(), gone.front().key) == values.end()) continue;
      users.push_back(fmt::format("{} ({})", describe(path), attribute.name));
    }
    return {};
  };
  ObjectPath path;
  if (auto walked = walk(tree_->schema().root(), tree_->root(), path, visit); !walked) return walked;
  const std::size_t count = users.size();
  if (count > kNamed) {
    users.resize(kNamed);
    users.push_back(fmt::format("{} more", count - kNamed));
  }
  return wrong(gone, fmt::format("is used by {}: change or delete {} first", join(users, "; "),
                                 count == 1 ? "that" : "those"));
}

std::vector<Transaction::Problem> Transaction::problems(std::size_t most) const {
  std::vector<Problem> out;
  const auto full = [&]() -> Status {
    return out.size() < most ? Status() : fail(ErrorCode::kResourceExhausted, "that is enough");
  };
  const auto visit = [&](const ObjectPath& path, const Table& table, const Object& object) -> Status {
    if (auto s = check_object(path, table, object); !s) out.push_back({path, {}, s.error()});
    if (auto enough = full(); !enough) return enough;
    for (const auto& attribute : table.attributes) {
      if (attribute.type != Type::kReference) continue;
      for (const auto& name : ObjectView(table, object).values(attribute.name)) {
        const bool exists = std::any_of(
            attribute.references.begin(), attribute.references.end(),
            [&](const std::string& target) { return tree_->find({{target, name}}) != nullptr; });
        if (exists) continue;
        const auto gone =
            std::find_if(attribute.references.begin(), attribute.references.end(),
                         [&](const std::string& target) { return base_->find({{target, name}}) != nullptr; });
        const auto told = gone != attribute.references.end()
                              ? still_used({{*gone, name}})
                              : Status(wrong(path, fmt::format("{}: there is no \"{}\" in {}", attribute.name, name,
                                                               join(attribute.references, " or "))));
        out.push_back({path, attribute.name, told.error()});
        if (auto enough = full(); !enough) return enough;
      }
    }
    return {};
  };
  ObjectPath path;
  (void)walk(tree_->schema().root(), tree_->root(), path, visit);
  // What no object tells alone is asked of a tree whose references hold.
  if (out.empty()) {
    if (auto sound = tree_->schema().check(*tree_); !sound) out.push_back({{}, {}, sound.error()});
  }
  return out;
}

Status Transaction::validate() const {
  const auto first = problems(1);
  return first.empty() ? Status() : fail(first.front().error);
}

void Transaction::replace(const ConfigTree& other, const std::set<std::string, std::less<>>& kept) {
  for (const auto& table : tree_->schema().root().tables) {
    if (kept.contains(table.name)) continue;
    const auto now = tree_->root_.tables.find(table.name);
    const auto then = other.root_.tables.find(table.name);
    if (now == tree_->root_.tables.end() && then == other.root_.tables.end()) continue;
    touched_.insert(table.name);
    if (then == other.root_.tables.end()) {
      tree_->root_.tables.erase(now);
    } else {
      tree_->root_.tables[table.name] = then->second;
    }
  }
}

}  // namespace postern::gateway::config
