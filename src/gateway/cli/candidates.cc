#include "gateway/cli/candidates.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "gateway/cli/commands/command.h"
#include "gateway/cli/completion.h"
#include "gateway/cli/one_line.h"
#include "gateway/config/text.h"

namespace postern::gateway::cli {
namespace {

/// What the first words of tables and commands have in common.
std::string_view group_help(std::string_view word) {
  constexpr std::pair<std::string_view, std::string_view> kGroups[] = {
      {"system", "The gateway itself, its administrators and interfaces."},
      {"certificate", "Certificates and keys."},
      {"clear", "End them."},
      {"user", "Users and groups of users, for policies."},
      {"endpoint-control", "Connectors to endpoint management servers."},
      {"firewall", "Addresses, access proxies and policies."},
      {"service", "Services for policies."},
      {"schedule", "When policies hold."},
      {"log", "What is logged."},
      {"fctems", "Endpoint management servers."},
      {"api-user", "Programs that use the REST API."},
      {"import", "Configurations of other makes."},
      {"endpoint", "Endpoints and the servers that know them."},
      {"ec-shm", "Endpoint records in shared memory."},
      {"record", "Every endpoint record that this gateway holds."},
      {"ztna", "Access proxies."},
      {"json", "What is told to an EMS."},
      {"lls-comm", "What the fabric connectors know."},
      {"send", "Ask them."},
      {"wad", "What access proxies decide by."},
      {"dev", "Endpoints."},
      {"query-by", "Look one up."},
      {"dynamic", "Addresses of tags."},
      {"test", "The gateway's parts."},
      {"application", "A part of the gateway."},
      {"revision", "The configurations of before."},
      {"list", "All of them."},
      {"show", "One of them, as it can be typed."},
      {"diff", "What changed."},
      {"rollback", "Back to one of them."},
      {"comment", "A note on one of them."},
      {"delete", "One of them, for good."},
      {"backup", "Keep the configuration elsewhere."},
      {"restore", "Replace the whole configuration."},
  };
  for (const auto& [name, help] : kGroups) {
    if (name == word) return help;
  }
  return {};
}

class Candidates {
 public:
  Candidates(const TypingPlace& place, const std::vector<std::string>& words) : place_(place), words_(words) {}

  std::vector<Candidate> find() {
    if (words_.size() == 1) {
      for (const auto& v : place_.verbs) add(v.name, v.help);
      return std::move(out_);
    }
    std::vector<std::string_view> names;
    for (const auto& v : place_.verbs) names.push_back(v.name);
    const auto at = config::match_word(words_[0], names);
    if (!at) return {};
    const std::string_view verb = names[*at];
    if (verb == "config") {
      for (const auto& t : place_.editor.tables()) phrase(t.name, t.help, 1);
    } else if (verb == "show" || verb == "get" || verb == "tree") {
      shown(verb);
    } else if (verb == "execute" || verb == "diagnose") {
      command();
    } else if (!place_.editor.at_top()) {
      const config::Table& table = *place_.editor.levels().back().table;
      if (verb == "edit" || verb == "delete" || verb == "rename" || verb == "move") {
        entry(verb, table);
      } else if (verb == "set" || verb == "append" || verb == "unselect" || verb == "unset") {
        attribute(verb, table);
      }
    }
    return std::move(out_);
  }

 private:
  void add(std::string_view word, std::string_view help) { out_.push_back({std::string(word), std::string(help)}); }

  /// Names of several words: those whose first words fit, then their next word.
  void phrase(std::string_view name, std::string_view help, std::size_t first) {
    const auto parts = split(name, ' ');
    const std::size_t depth = words_.size() - 1 - first;
    if (depth >= parts.size()) return;
    for (std::size_t i = 0; i < depth; ++i) {
      if (!parts[i].starts_with(words_[first + i])) return;
    }
    const std::string word(parts[depth]);
    const bool last = depth + 1 == parts.size();
    for (auto& c : out_) {
      if (c.word == word) {
        if (last) c.help = std::string(help);
        return;
      }
    }
    add(word, last ? help : group_help(word));
  }

  void entries_of(std::string_view table) {
    for (const auto& e : place_.tree.entries(table)) {
      if (!e.key().empty()) add(config::quote_word(e.key()), e.table().key.help);
    }
  }

  void shown(std::string_view verb) {
    std::size_t first = 1;
    if (verb == "show") {
      phrase("full-configuration", "Defaults included.", 1);
      const std::string_view full = "full-configuration";
      if (words_.size() > 2 && full.starts_with(words_[1]) && words_[1].size() > 1) first = 2;
    }
    if (!place_.editor.at_top()) return;
    if (verb == "get") phrase("system status", "Version, serial number and name of this gateway.", 1);
    std::vector<std::string_view> tables;
    for (const auto& t : place_.tree.schema().root().tables) {
      phrase(t.name, t.help, first);
      tables.push_back(t.name);
    }
    if (verb == "tree") return;
    const std::vector<std::string> known(words_.begin(), words_.end() - 1);
    const auto match = config::match_phrase(tables, known, first);
    if (match && first + match->second == known.size()) entries_of(tables[match->first]);
  }

  void command() {
    std::vector<std::string_view> phrases;
    for (const auto& c : all_commands()) {
      phrase(c.words, c.help, 0);
      phrases.push_back(c.words);
    }
    const std::vector<std::string> known(words_.begin(), words_.end() - 1);
    const auto match = config::match_phrase(phrases, known, 0);
    if (!match) return;
    const Command& command = all_commands()[match->first];
    const std::size_t position = known.size() - match->second;
    if (position >= command.arguments.size()) return;
    if (position == 0 && !command.first_argument_of.empty()) entries_of(command.first_argument_of);
    out_.push_back(command.arguments[position]);
  }

  /// Entries where the editor stands.
  void keys(const config::Table& table) {
    auto above = place_.editor.path();
    above.pop_back();
    const config::Object* parent = above.empty() ? &place_.tree.root() : place_.tree.find(above);
    if (!parent) return;
    if (const auto it = parent->tables.find(table.name); it != parent->tables.end()) {
      for (const auto& o : it->second) add(config::quote_word(o.key), table.key.help);
    }
  }

  void entry(std::string_view verb, const config::Table& table) {
    if (words_.size() == 2) {
      keys(table);
      if (verb == "edit") add("<" + table.key.name + ">", table.key.help + " " + table.key.allowed());
    } else if (words_.size() == 3 && verb == "rename") {
      add("to", "The new name follows.");
    } else if (words_.size() == 4 && verb == "rename") {
      add("<" + table.key.name + ">", "The new name: " + table.key.allowed());
    } else if (words_.size() == 3 && verb == "move") {
      add("before", "The other entry follows.");
      add("after", "The other entry follows.");
    } else if (words_.size() == 4 && verb == "move") {
      keys(table);
    }
  }

  config::Value now(const config::Table& table, const config::Attribute& attribute) const {
    const config::Object* object = place_.tree.find(place_.editor.path());
    return object ? config::ObjectView(table, *object).values(attribute.name) : attribute.default_value;
  }

  /// "; now 443, the default".
  static std::string state(const config::Attribute& attribute, const config::Value& now) {
    if (attribute.type == config::Type::kSecret || attribute.type == config::Type::kPem) {
      return now.empty() ? "" : "; one is set";
    }
    const auto print = [](const config::Value& value) {
      std::string text;
      for (const auto& word : value) text += (text.empty() ? "" : " ") + config::quote_word(word);
      return one_line(text.size() > 100 ? text.substr(0, 100) + "…" : text);
    };
    if (now == attribute.default_value) return now.empty() ? "" : fmt::format("; now {}, the default", print(now));
    std::string out = fmt::format("; now {}", print(now));
    if (!attribute.default_value.empty()) out += fmt::format("; default {}", print(attribute.default_value));
    return out;
  }

  void attribute(std::string_view verb, const config::Table& table) {
    if (words_.size() == 2) {
      for (const auto& a : table.attributes) {
        const bool takes = verb == "set" || verb == "unset" || a.many;
        if (!a.read_only && takes) add(a.name, a.help);
      }
      return;
    }
    std::vector<std::string_view> names;
    for (const auto& a : table.attributes) names.push_back(a.name);
    const auto at = config::match_word(words_[1], names);
    if (verb == "unset" || !at) return;
    const auto& attribute = table.attributes[*at];
    const bool several = attribute.many || attribute.type == config::Type::kSubnet;
    if (words_.size() > 3 && !several) return;
    if (attribute.read_only) return add("<value>", "The gateway gives it its values: it can't be set.");
    const auto value = now(table, attribute);
    if (verb == "unselect") {
      for (const auto& word : value) add(config::quote_word(word), "Is in it now.");
      return;
    }
    for (const auto& o : attribute.options) {
      const bool set = std::find(value.begin(), value.end(), o.name) != value.end();
      const auto& def = attribute.default_value;
      const bool by_default = std::find(def.begin(), def.end(), o.name) != def.end();
      add(o.name, o.help + (set && by_default ? " (now, the default)" : set ? " (now)" : by_default ? " (default)" : ""));
    }
    for (const auto& target : attribute.references) {
      for (const auto& entry : place_.tree.entries(target)) add(config::quote_word(entry.key()), target);
    }
    if (attribute.type == config::Type::kTag) {
      for (const auto& tag : place_.operations.dynamic_addresses()) add(config::quote_word(tag.name), tag.tag);
    }
    if (attribute.type == config::Type::kInterface) {
      for (const auto& name : place_.operations.interface_names()) add(config::quote_word(name), "Interface.");
    }
    if (attribute.options.empty()) add("<value>", attribute.allowed() + state(attribute, value));
  }

  const TypingPlace& place_;
  const std::vector<std::string>& words_;
  std::vector<Candidate> out_;
};

void keep_those_that_begin(std::vector<Candidate>& all, const std::string& partial) {
  std::erase_if(all, [&](const Candidate& c) { return !is_placeholder(c) && !bare_word(c).starts_with(partial); });
}

}  // namespace

std::vector<Candidate> candidates(const TypingPlace& place, const std::vector<std::string>& words) {
  auto out = Candidates(place, words).find();
  keep_those_that_begin(out, words.back());
  return out;
}

std::vector<Candidate> filter_candidates(const std::vector<std::string>& words) {
  std::vector<Candidate> out;
  if (words.size() == 1) {
    out = {{"grep", "Print lines that hold a text."}};
  } else if (std::string_view("grep") == words[0]) {
    out = {{"-i", "Upper and lower case are the same."},
           {"-v", "Lines that do not hold it."},
           {"-n", "With their numbers."},
           {"-c", "How many lines, instead of them."},
           {"-f", "Of a configuration, whole entries that hold it."},
           {"<text>", "What a line must hold."}};
  }
  keep_those_that_begin(out, words.back());
  return out;
}

std::string format_help(const std::vector<Candidate>& candidates, std::size_t columns) {
  std::size_t width = 0;
  for (const auto& c : candidates) width = std::max(width, std::min<std::size_t>(c.word.size(), 40));
  const std::string indent(width + 2, ' ');
  std::string out;
  for (const auto& c : candidates) {
    if (c.help.empty()) {
      out += c.word + '\n';
      continue;
    }
    out += fmt::format("{:<{}}  ", c.word, width);
    std::string_view help = c.help;
    const std::size_t room = columns > indent.size() + 20 ? columns - indent.size() : help.size();
    while (help.size() > room) {
      const auto blank = help.substr(0, room + 1).rfind(' ');
      if (blank == help.npos || blank == 0) break;
      out += fmt::format("{}\n{}", help.substr(0, blank), indent);
      help.remove_prefix(blank + 1);
    }
    out += fmt::format("{}\n", help);
  }
  return out;
}

}  // namespace postern::gateway::cli
