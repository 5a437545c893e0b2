#include "gateway/config/text.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"

namespace postern::gateway::config {
namespace {

bool in_quotes(Type type) {
  switch (type) {
    case Type::kInteger:
    case Type::kOption:
    case Type::kAddress:
    case Type::kSubnet:
    case Type::kPortRange:
    case Type::kTime:
    case Type::kMoment:
    case Type::kFingerprint: return false;
    default: return true;
  }
}

void print_entry(std::string& out, const Table& table, const Object& object, ShowMode mode, std::size_t depth);

void print_tables(std::string& out, const Table& parent, const Object& object, ShowMode mode, std::size_t depth) {
  const std::string indent(depth * 4, ' ');
  for (const auto& table : parent.tables) {
    const auto it = object.tables.find(table.name);
    if (it == object.tables.end()) continue;
    out += indent + "config " + table.name + "\n";
    for (const auto& entry : it->second) print_entry(out, table, entry, mode, depth + 1);
    out += indent + "end\n";
  }
}

void print_attributes(std::string& out, const Table& table, const Object& object, ShowMode mode, std::size_t depth) {
  const std::string indent(depth * 4, ' ');
  for (const auto& attribute : table.attributes) {
    const auto it = object.values.find(attribute.name);
    const bool set = it != object.values.end();
    if (!set && (mode == ShowMode::kChanged || attribute.read_only)) continue;
    out += indent + "set " + attribute.name + ' ' + shown_words(attribute, set ? it->second : attribute.default_value) + '\n';
  }
}

void print_entry(std::string& out, const Table& table, const Object& object, ShowMode mode, std::size_t depth) {
  if (table.single()) {
    print_attributes(out, table, object, mode, depth);
    print_tables(out, table, object, mode, depth);
    return;
  }
  const std::string indent(depth * 4, ' ');
  out += indent + "edit " + (table.key.type == Type::kInteger ? object.key : config::quoted(object.key)) + "\n";
  print_attributes(out, table, object, mode, depth + 1);
  print_tables(out, table, object, mode, depth + 1);
  out += indent + "next\n";
}

}  // namespace

void WordSplitter::feed(std::string_view line) {
  if (quote_) word_ += '\n';
  size_ += line.size() + 1;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote_) {
      const bool escape =
          quote_ == '"' && c == '\\' && i + 1 < line.size() && (line[i + 1] == '"' || line[i + 1] == '\\');
      if (c == quote_) {
        quote_ = 0;
      } else {
        word_ += escape ? line[++i] : c;
      }
    } else if (c == '"' || c == '\'') {
      quote_ = c;
      in_word_ = true;
    } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      if (in_word_) words_.words.push_back(std::move(word_));
      word_.clear();
      in_word_ = false;
    } else {
      word_ += c;
      in_word_ = true;
    }
  }
  words_.open = quote_ != 0;
  words_.ends_in_space = !in_word_;
  if (in_word_ && !quote_) {
    words_.words.push_back(std::move(word_));
    word_.clear();
    in_word_ = false;
  }
}

Words split_words(std::string_view line) {
  WordSplitter splitter;
  splitter.feed(line);
  return splitter.words();
}

std::string quoted(std::string_view word) {
  std::string out = "\"";
  for (const char c : word) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string quote_word(std::string_view word) {
  const bool plain = !word.empty() && word.find_first_of(" \t\r\n\"'\\#?") == word.npos;
  return plain ? std::string(word) : config::quoted(word);
}

std::string shown_words(const Attribute& attribute, const Value& value) {
  if (value.empty()) return "\"\"";
  std::string out;
  for (const auto& word : value) {
    if (!out.empty()) out += ' ';
    // A subnet in a list would fall into two words.
    const bool quotes = in_quotes(attribute.type) || (attribute.many && word.find(' ') != word.npos);
    out += quotes ? config::quoted(word) : word;
  }
  return out;
}

std::string print_tree(const ConfigTree& tree, ShowMode mode) {
  std::string out;
  if (mode == ShowMode::kChanged) {
    for (const auto& table : tree.schema().root().tables) {
      std::string body;
      const auto it = tree.root().tables.find(table.name);
      if (it == tree.root().tables.end()) continue;
      for (const auto& entry : it->second) print_entry(body, table, entry, mode, 1);
      if (!body.empty()) out += "config " + table.name + "\n" + body + "end\n";
    }
    return out;
  }
  for (const auto& table : tree.schema().root().tables) out += print_table(tree, {{table.name, ""}}, mode);
  return out;
}

std::string print_table(const ConfigTree& tree, const ObjectPath& path, ShowMode mode) {
  const Table* table = find_table(tree.schema(), path);
  if (!table) return {};
  std::string out = "config " + table->name + "\n";
  if (table->single() || !path.back().key.empty()) {
    const Object* object = tree.find(path);
    if (!object) return {};
    print_entry(out, *table, *object, mode, 1);
  } else {
    const ObjectPath above(path.begin(), path.end() - 1);
    const Object* parent = above.empty() ? &tree.root() : tree.find(above);
    if (parent) {
      if (const auto it = parent->tables.find(table->name); it != parent->tables.end()) {
        for (const auto& entry : it->second) print_entry(out, *table, entry, mode, 1);
      }
    }
  }
  return out + "end\n";
}

}  // namespace postern::gateway::config
