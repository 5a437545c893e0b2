#include "gateway/api/cmdb_json.h"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "gateway/api/input.h"

namespace postern::gateway::api {
namespace {

namespace json = boost::json;
using config::Attribute;
using config::Object;
using config::ObjectPath;
using config::ObjectView;
using config::Table;
using config::Type;
using config::Value;

/// What GETs add for clients that know it; taken back and left alone.
constexpr std::string_view kOriginKey = "q_origin_key";
constexpr std::size_t kMaxEntries = 10'000;

/// Ports that are a text in the vendor's answers, because a range may stand there: clients that compare what they want with
/// what is (Ansible's check mode) compare texts.
bool text_for_clients(const Attribute& a) { return a.name == "extport" || a.name == "mappedport"; }

bool may_be_masked(const Attribute& a) { return a.type == Type::kSecret || a.type == Type::kPem; }
bool is_masked(const Attribute& a, const Value& value) {
  return may_be_masked(a) && value.size() == 1 && value.front() == kMask;
}

json::value key_json(const Attribute& key, const std::string& text) {
  if (key.type == Type::kInteger) return std::stoll(text);  // normal form
  return json::value(text);
}

json::value value_json(const Attribute& a, const Value& value) {
  if (is_list_of_names(a)) return members_json(value);
  if (a.many) return json::value(join(value, " "));
  if (value.empty()) return json::value("");
  if (a.type == Type::kInteger && !text_for_clients(a)) return json::value(std::stoll(value.front()));
  const bool secret =
      a.type == Type::kSecret || (a.type == Type::kPem && value.front().find("PRIVATE KEY-----") != std::string::npos);
  return json::value(secret ? std::string(kMask) : value.front());
}

/// A text or a whole number, as a word.
std::optional<std::string> word_of(const json::value& value) {
  if (const auto* text = value.if_string()) return std::string(*text);
  if (const auto* number = value.if_int64()) return std::to_string(*number);
  if (const auto* number = value.if_uint64()) return std::to_string(*number);
  return std::nullopt;
}

/// The word that {"name": …} holds; nullopt: no word stands there. Errors: kInvalidArgument, for other members.
Result<std::optional<std::string>> name_of(const Attribute& a, const json::object& object) {
  for (const auto& [member, inner] : object) {
    if (member != "name" && member != kOriginKey && !inner.is_null()) {
      return invalid(fmt::format("{}: unknown member {}; entries are {{\"name\": …}}", a.name, shown(member)));
    }
  }
  const auto* name = object.if_contains("name");
  return name != nullptr ? word_of(*name) : std::nullopt;
}

Result<Value> words_of(const Attribute& a, const json::value& value) {
  if (const auto* list = value.if_array()) {
    if (!a.many) return invalid(fmt::format("{}: takes one value, not a list", a.name));
    if (list->size() > kMaxEntries) return invalid(fmt::format("{}: the list is too long", a.name));
    Value words;
    for (const auto& item : *list) {
      std::optional<std::string> word;
      if (const auto* object = item.if_object()) {
        auto name = name_of(a, *object);
        if (!name) return fail(name.error());
        word = std::move(*name);
      } else {
        word = word_of(item);
      }
      if (!word || word->empty()) return invalid(fmt::format("{}: entries must be {{\"name\": …}} or texts", a.name));
      words.push_back(std::move(*word));
    }
    if (words.empty()) words.emplace_back();  // nothing
    return words;
  }
  auto word = word_of(value);
  if (!word) {
    return invalid(fmt::format("{}: must be {}; allowed: {}", a.name,
                               is_list_of_names(a) ? "a list of {\"name\": …}" : "a text or a whole number", a.allowed()));
  }
  if (!a.many || is_list_of_names(a)) return Value{std::move(*word)};
  Value words;
  for (const auto part : split(*word, ' ')) {
    if (!part.empty()) words.emplace_back(part);
  }
  if (words.empty()) words.emplace_back();
  return words;
}

std::string known_members(const Table& table) {
  std::vector<std::string> names;
  if (!table.single()) names.push_back(table.key.name);
  for (const auto& a : table.attributes) names.push_back(a.name);
  for (const auto& t : table.tables) names.push_back(t.name);
  return join(names, ", ");
}

Result<std::optional<std::string>> read_key(const Table& table, const json::value& value) {
  const auto word = word_of(value);
  if (!word) return invalid(fmt::format("{}: must be a text or a whole number", table.key.name));
  if (table.key.type == Type::kInteger && (*word == "0" || word->empty())) return std::optional<std::string>();
  auto normal = table.key.normalise({*word});
  if (!normal) return fail(normal.error());
  return std::optional<std::string>(normal->front());
}

const std::vector<Object>* entries_of(const config::ConfigTree& tree, const ObjectPath& parent, const Table& table) {
  const Object* object = tree.find(parent);
  if (object == nullptr) return nullptr;
  const auto it = object->tables.find(table.name);
  return it == object->tables.end() ? nullptr : &it->second;
}

Status replace_table(config::Transaction& t, const ObjectPath& parent, const Table& table,
                     const std::vector<Draft>& drafts) {
  std::vector<std::string> old;
  if (const auto* entries = entries_of(t.tree(), parent, table)) {
    for (const auto& o : *entries) old.push_back(o.key);
  }
  for (const auto& key : old) {
    ObjectPath path = parent;
    path.push_back({table.name, key});
    if (auto removed = t.remove(path); !removed) return removed;
  }
  // Those that name their key first: numbers drawn for the others must not take one of theirs.
  for (const bool named : {true, false}) {
    for (const auto& draft : drafts) {
      if (draft.key.has_value() != named) continue;
      std::string key;
      if (named) {
        key = *draft.key;
      } else {
        auto free = config::next_key(table, entries_of(t.tree(), parent, table));
        if (!free) return fail(free.error());
        key = std::move(*free);
      }
      ObjectPath path = parent;
      path.push_back({table.name, key});
      if (t.tree().find(path) != nullptr) return invalid(config::describe(path) + ": is there twice");
      if (auto applied = apply_draft(t, path, draft, {}); !applied) return applied;
    }
  }
  return {};
}

std::string_view type_name(const Attribute& a) {
  switch (a.type) {
    case Type::kInteger:
      return "integer";
    case Type::kOption:
      return "option";
    case Type::kAddress:
      return "ip-address";
    case Type::kSubnet:
      return "subnet";
    case Type::kHost:
      return "host";
    case Type::kInterface:
      return "interface";
    case Type::kTag:
      return "tag";
    case Type::kPortRange:
      return "port-range";
    case Type::kReference:
      return "reference";
    case Type::kTime:
      return "time";
    case Type::kMoment:
      return "datetime";
    case Type::kFingerprint:
      return "fingerprint";
    case Type::kPem:
      return "pem";
    case Type::kSecret:
      return "password";
    case Type::kText:
      break;
  }
  return "string";
}

json::object attribute_schema(const Attribute& a) {
  json::object o = {
      {"name", a.name}, {"category", "unitary"}, {"type", type_name(a)}, {"help", a.help}, {"allowed", a.allowed()}};
  if (!a.default_value.empty() || !a.required) o["default"] = value_json(a, a.default_value);
  if (a.type == Type::kText) o["size"] = a.max;
  if (a.type == Type::kInteger) {
    o["min-value"] = a.min;
    o["max-value"] = a.max;
  }
  if (!a.options.empty()) {
    json::array options;
    for (const auto& option : a.options) options.push_back({{"name", option.name}, {"help", option.help}});
    o["options"] = std::move(options);
  }
  if (!a.references.empty()) o["datasource"] = json::value_from(a.references);
  o["multiple_values"] = a.many;
  o["required"] = a.required;
  o["readonly"] = a.read_only;
  o["enforced"] = a.enforced;
  return o;
}

}  // namespace

bool is_list_of_names(const Attribute& a) {
  return a.many && (a.type == Type::kReference || a.type == Type::kInterface || a.type == Type::kTag);
}

json::array members_json(const Value& members) {
  json::array list;
  for (const auto& name : members) list.push_back({{"name", name}, {kOriginKey, name}});
  return list;
}

Result<std::string> read_member(const Attribute& list, const json::object& body) {
  auto name = name_of(list, body);
  if (!name) return fail(name.error());
  if (!*name || (*name)->empty()) return invalid(fmt::format("{}: the body must be {{\"name\": …}}", list.name));
  auto normal = list.normalise({**name});
  if (!normal) return fail(normal.error());
  if (normal->size() != 1) return invalid(fmt::format("{}: the body must be {{\"name\": …}}", list.name));
  return std::move(normal->front());
}

json::object to_json(const ObjectView& object, const Live& live) {
  const Table& table = object.table();
  json::object out;
  if (!table.single()) {
    out[table.key.name] = key_json(table.key, object.key());
    out[kOriginKey] = key_json(table.key, object.key());
  }
  for (const auto& a : table.attributes) {
    const auto it = live.find(a.name);
    out[a.name] = value_json(a, it != live.end() ? it->second : object.values(a.name));
  }
  for (const auto& nested : table.tables) {
    json::array entries;
    for (const auto& entry : object.entries(nested.name)) entries.push_back(to_json(entry, {}));
    out[nested.name] = std::move(entries);
  }
  return out;
}

Result<Draft> read_draft(const Table& table, const json::object& body) {
  Draft draft;
  for (const auto& [name, value] : body) {
    // Some clients name everything that they know, with null for what they do not mean.
    if (name == kOriginKey || value.is_null()) continue;
    if (!table.single() && name == table.key.name) {
      auto key = read_key(table, value);
      if (!key) return fail(key.error());
      draft.key = std::move(*key);
    } else if (const Attribute* a = table.attribute(name)) {
      auto words = words_of(*a, value);
      if (!words) return fail(words.error());
      draft.values.emplace_back(a, std::move(*words));
    } else if (const Table* nested = table.table(name)) {
      const auto* list = value.if_array();
      if (list == nullptr || list->size() > kMaxEntries) {
        return invalid(fmt::format("{}: must be a list of objects, of at most {}", nested->name, kMaxEntries));
      }
      std::vector<Draft> drafts;
      for (const auto& item : *list) {
        const auto* object = item.if_object();
        if (object == nullptr) return invalid(fmt::format("{}: must be a list of objects", nested->name));
        auto inner = read_draft(*nested, *object);
        if (!inner) return fail(inner.error().context(nested->name));
        drafts.push_back(std::move(*inner));
      }
      draft.tables.emplace_back(nested, std::move(drafts));
    } else {
      return invalid(fmt::format("unknown member {}; known are: {}", shown(name), known_members(table)));
    }
  }
  return draft;
}

std::string ClearSecret::hashed() const {
  if (!known_hash.empty() && config::verify_secret(known_hash, clear)) return known_hash;
  return config::hash_password(clear, salt);
}

std::vector<ClearSecret> clear_secrets(Draft& draft, const Object* current, Random& random) {
  std::vector<ClearSecret> out;
  for (auto& [attribute, value] : draft.values) {
    if (attribute->type != Type::kSecret || value.size() != 1) continue;
    const std::string& text = value.front();
    // Too long, or hashed already: judged as it stands.
    if (text == kMask || !config::is_clear_secret(text)) continue;
    ClearSecret secret{&value, text, {}, config::draw_salt(random)};
    if (current != nullptr) {
      const auto it = current->values.find(attribute->name);
      if (it != current->values.end() && !it->second.empty()) secret.known_hash = it->second.front();
    }
    out.push_back(std::move(secret));
  }
  for (auto& [table, drafts] : draft.tables) {
    for (auto& inner : drafts) {
      for (auto& secret : clear_secrets(inner, nullptr, random)) out.push_back(std::move(secret));
    }
  }
  return out;
}

Status check_secrets(const Draft& draft, std::string_view key) {
  for (const auto& [attribute, value] : draft.values) {
    if (attribute->type != Type::kSecret || value.size() != 1) continue;
    const std::string& text = value.front();
    if (text == kMask || !config::is_clear_secret(text)) continue;
    if (auto good = attribute->check_secret(text, key); !good) return good;
  }
  for (const auto& [table, drafts] : draft.tables) {
    for (const auto& inner : drafts) {
      if (auto good = check_secrets(inner, inner.key.value_or("")); !good) return good;
    }
  }
  return {};
}

Status apply_draft(config::Transaction& t, const ObjectPath& path, const Draft& draft, const Live& live) {
  const Table* table = config::find_table(t.tree().schema(), path);
  if (table == nullptr) return fail(ErrorCode::kNotFound, config::describe(path) + ": there is no such table");
  if (auto made = t.edit(path); !made) return made;
  for (const auto& [attribute, value] : draft.values) {
    const Object* object = t.tree().find(path);
    const Value& now = ObjectView(*table, *object).values(attribute->name);
    if (is_masked(*attribute, value)) {
      if (!now.empty()) continue;
      return invalid(fmt::format("{}: {}: \"{}\" stands for what is kept, and nothing is", config::describe(path),
                                 attribute->name, kMask));
    }
    if (attribute->read_only) {
      // What a GET showed may come back; it changes nothing.
      const auto it = live.find(attribute->name);
      const bool nothing = value.size() == 1 && value.front().empty();
      if (nothing || value == now ||
          (it != live.end() && (value == it->second || value == Value{join(it->second, " ")}))) {
        continue;
      }
    }
    if (auto set = t.set(path, attribute->name, value); !set) return set;
  }
  for (const auto& [nested, drafts] : draft.tables) {
    if (auto replaced = replace_table(t, path, *nested, drafts); !replaced) return replaced;
  }
  return {};
}

json::object schema_json(const Table& table) {
  json::object children;
  if (!table.single()) children[table.key.name] = attribute_schema(table.key);
  for (const auto& a : table.attributes) children[a.name] = attribute_schema(a);
  for (const auto& nested : table.tables) children[nested.name] = schema_json(nested);
  json::object out = {{"name", table.name}, {"category", table.single() ? "complex" : "table"}, {"help", table.help}};
  if (!table.single()) {
    out["mkey"] = table.key.name;
    out["mkey_type"] = type_name(table.key);
    out["ordered"] = table.ordered;
  }
  out["children"] = std::move(children);
  return out;
}

}  // namespace postern::gateway::api
