#include "gateway/cli/show.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/hex.h"
#include "base/text.h"
#include "gateway/cli/one_line.h"
#include "gateway/cli/schema_tree.h"
#include "gateway/config/text.h"

namespace postern::gateway::cli {
namespace {

using config::ObjectPath;

/// What `show` and `get` at the top may name: a table, or an entry of it (the last key is empty: the table).
Result<ObjectPath> named(const ShowPlace& place, const std::vector<std::string>& words, std::size_t first) {
  const auto& tables = place.tree.schema().root().tables;
  std::vector<std::string_view> names;
  for (const auto& t : tables) names.push_back(t.name);
  const auto match = config::match_phrase(names, words, first);
  if (!match) return fail(match.error());
  const config::Table& table = tables[match->first];
  const std::size_t rest = first + match->second;
  if (rest == words.size()) return ObjectPath{{table.name, ""}};
  if (rest + 1 != words.size() || table.single()) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("\"{}\" is too much behind {}", words[rest + (table.single() ? 0 : 1)].substr(0, 80), table.name));
  }
  return ObjectPath{{table.name, words[rest]}};
}

std::string value_text(const config::Value& value) {
  std::string out;
  for (const auto& word : value) {
    if (!out.empty()) out += ' ';
    out += config::quote_word(word);
  }
  return out;
}

std::string get_object(const ShowPlace& place, const config::Table& table, const ObjectPath& path,
                       const config::Object& object) {
  const auto live = place.operations.live_values(path);
  std::string out;
  const auto line = [&](std::string_view name, std::string_view value) {
    out += value.empty() ? fmt::format("{:<24}:\n", name) : fmt::format("{:<24}: {}\n", name, value);
  };
  if (!table.single()) line(table.key.name, object.key);
  for (const auto& a : table.attributes) {
    const auto it = live.find(a.name);
    const config::Value& value = it != live.end() ? it->second : config::ObjectView(table, object).values(a.name);
    line(a.name, a.type == config::Type::kSecret ? (value.empty() ? "" : "*") : value_text(value));
  }
  for (const auto& nested : table.tables) {
    std::string keys;
    if (const auto it = object.tables.find(nested.name); it != object.tables.end()) {
      for (const auto& o : it->second) keys += (keys.empty() ? "" : " ") + config::quote_word(o.key);
    }
    line(nested.name, keys);
  }
  return out;
}

Result<std::string> get_path(const ShowPlace& place, ObjectPath path) {
  const config::Table* table = config::find_table(place.tree.schema(), path);
  if (!table) return fail(ErrorCode::kNotFound, "there is no such table");
  const bool interfaces = table->name == "system interface";
  if (table->single() || !path.back().key.empty()) {
    const config::Object* object = place.tree.find(path);
    if (object) return get_object(place, *table, path, *object);
    const auto names = interfaces ? place.operations.interface_names() : std::vector<std::string>();
    if (std::find(names.begin(), names.end(), path.back().key) == names.end()) {
      return fail(ErrorCode::kNotFound, config::describe(path) + ": does not exist");
    }
    config::Object found;
    found.key = path.back().key;
    return get_object(place, *table, path, found);
  }
  const ObjectPath above(path.begin(), path.end() - 1);
  const config::Object* parent = above.empty() ? &place.tree.root() : place.tree.find(above);
  std::vector<std::string> keys;
  for (const auto& o : table->built_in) keys.push_back(o.key);
  if (parent) {
    if (const auto it = parent->tables.find(table->name); it != parent->tables.end()) {
      for (const auto& o : it->second) {
        std::erase(keys, o.key);  // one of an earlier version stands for what is built in since
        keys.push_back(o.key);
      }
    }
  }
  if (interfaces) {
    for (const auto& name : place.operations.interface_names()) {
      if (std::find(keys.begin(), keys.end(), name) == keys.end()) keys.push_back(name);
    }
  }
  std::string out;
  for (const auto& key : keys) {
    path.back().key = key;
    out += fmt::format("== [ {} ]\n", key);
    const auto one = get_path(place, path);
    if (!one) return one;
    out += *one;
  }
  return out;
}

std::string system_status(const ShowPlace& place) {
  const auto s = place.operations.system_status();
  std::string out = fmt::format(
      "Version: Postern v{}\nSerial-Number: {}\nHostname: {}\nDevice key (SHA-256): {}\nLive sessions: {}\n", s.version,
      s.serial.str(), s.hostname, to_hex_colons(s.device_key), s.live_sessions);
  if (s.dropped_events > 0) {
    out += fmt::format(
        "Events dropped: {} (nginx's workers reported faster than the gateway read: the traffic log lacks them)\n",
        s.dropped_events);
  }
  if (s.lost_log_lines > 0) {
    out += fmt::format(
        "Traffic log lines lost: {} (the disk did not take them: make room in the gateway's data directory)\n",
        s.lost_log_lines);
  }
  for (const auto& part : place.operations.health()) {
    out += fmt::format("{}: {}{}{}\n", part.part, health_word(part.state), part.text.empty() ? "" : ": ",
                       one_line(part.text));
  }
  return out;
}

}  // namespace

Result<std::string> show(const ShowPlace& place, const std::vector<std::string>& words) {
  std::size_t first = 1;
  auto mode = config::ShowMode::kChanged;
  if (words.size() > 1 && words[1].size() > 1 && std::string_view("full-configuration").starts_with(words[1])) {
    mode = config::ShowMode::kFull;
    first = 2;
  }
  ObjectPath path;
  if (!place.editor.at_top()) {
    if (words.size() > first) {
      return fail(ErrorCode::kInvalidArgument, "show: inside a table it shows where you are, and takes no name");
    }
    path = place.editor.path();
  } else if (words.size() == first) {
    return config::print_tree(place.tree, mode);
  } else {
    const auto found = named(place, words, first);
    if (!found) return fail(found.error());
    path = *found;
    const config::Table* table = config::find_table(place.tree.schema(), path);
    if (!path.back().key.empty()) {
      const auto* object = place.tree.find(path);
      if (object != nullptr && object == table->find_built_in(path.back().key)) {
        return fail(ErrorCode::kInvalidArgument, config::describe(path) + ": is built in (get prints it)");
      }
      if (object == nullptr) return fail(ErrorCode::kNotFound, config::describe(path) + ": does not exist");
    }
  }
  return config::print_table(place.tree, path, mode);
}

Result<std::string> get(const ShowPlace& place, const std::vector<std::string>& words) {
  if (!place.editor.at_top()) {
    if (words.size() > 1) {
      return fail(ErrorCode::kInvalidArgument, "get: inside a table it shows where you are, and takes no name");
    }
    return get_path(place, place.editor.path());
  }
  if (words.size() == 1) {
    std::string all = "get system status\n";
    for (const auto& t : place.tree.schema().root().tables) all += "get " + t.name + "\n";
    return all;
  }
  if (words.size() == 3 && std::string_view("system").starts_with(words[1]) && words[2].size() > 1 &&
      std::string_view("status").starts_with(words[2])) {
    return system_status(place);
  }
  const auto path = named(place, words, 1);
  if (!path) return fail(path.error());
  return get_path(place, *path);
}

Result<std::string> show_tree(const ShowPlace& place, const std::vector<std::string>& words) {
  const auto& schema = place.tree.schema();
  if (!place.editor.at_top()) {
    if (words.size() > 1) {
      return fail(ErrorCode::kInvalidArgument, "tree: inside a table it shows that table, and takes no name");
    }
    return print_schema(*place.editor.levels().back().table);
  }
  if (words.size() == 1) return print_schema(schema);
  std::vector<std::string_view> names;
  for (const auto& t : schema.root().tables) names.push_back(t.name);
  const auto match = config::match_phrase(names, words, 1);
  if (!match) return fail(match.error());
  if (1 + match->second != words.size()) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("\"{}\" is too much behind {}",
                                                         words[1 + match->second].substr(0, 80), names[match->first]));
  }
  return print_schema(schema.root().tables[match->first]);
}

}  // namespace postern::gateway::cli
