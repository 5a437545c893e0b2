#include "agent/collectors/os/key_values.h"

#include "base/text.h"

namespace postern::agent {
namespace {

std::string unquote(std::string_view text) {
  if (text.empty() || (text.front() != '"' && text.front() != '\'')) return std::string(text);
  const char quote = text.front();
  std::string out;
  for (std::size_t i = 1; i < text.size() && text[i] != quote; ++i) {
    if (quote == '"' && text[i] == '\\' && i + 1 < text.size()) ++i;
    out += text[i];
  }
  return out;
}

}  // namespace

std::map<std::string, std::string, std::less<>> parse_key_values(std::string_view text) {
  std::map<std::string, std::string, std::less<>> out;
  while (!text.empty() && out.size() < kMaxKeyValues) {
    const auto end = text.find('\n');
    const auto line = trim(text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    const auto equals = line.find('=');
    if (line.empty() || line.front() == '#' || line.front() == ';' || line.front() == '[' || equals == line.npos)
      continue;
    const auto key = trim(line.substr(0, equals));
    if (!key.empty()) out.emplace(std::string(key), unquote(trim(line.substr(equals + 1))));
  }
  return out;
}

std::string value_of(const std::map<std::string, std::string, std::less<>>& values, std::string_view key) {
  const auto it = values.find(key);
  return it == values.end() ? std::string() : it->second;
}

}  // namespace postern::agent
