#include "gateway/syslog/parse_lab.h"

#include <algorithm>

#include "base/text.h"
#include "base/utf8.h"

namespace postern::gateway::syslog {
namespace {

bool printable(std::string_view text, std::size_t max) {
  return !text.empty() && text.size() <= max &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= 33 && c <= 126; });
}

bool is_sd_name(std::string_view text) {
  return printable(text, 32) && text.find_first_of("= ]\"") == text.npos;
}

/// What stands before `end`, which is taken, too.
std::optional<std::string_view> until(std::string_view& rest, char end) {
  const auto at = rest.find(end);
  if (at == rest.npos) return std::nullopt;
  const auto out = rest.substr(0, at);
  rest.remove_prefix(at + 1);
  return out;
}

/// RFC 3339 as section 6.2.3 restricts it, in UTC.
bool is_time(std::string_view t) {
  constexpr std::string_view kForm = "0000-00-00T00:00:00.000Z";
  if (t.size() != kForm.size()) return false;
  for (std::size_t i = 0; i < t.size(); ++i) {
    if (kForm[i] == '0' ? (t[i] < '0' || t[i] > '9') : t[i] != kForm[i]) return false;
  }
  return true;
}

bool is_clean(std::string_view text) {
  while (!text.empty()) {
    const auto c = first_character(text);
    if (c.length == 0 || is_control(c.point)) return false;
    text.remove_prefix(c.length);
  }
  return true;
}

/// Behind the opening quote, up to and with the closing one.
std::optional<std::string> quoted(std::string_view& rest) {
  std::string out;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    const char c = rest[i];
    if (c == '"') {
      rest.remove_prefix(i + 1);
      return out;
    }
    if (c == ']') return std::nullopt;  // must be escaped
    if (c == '\\') {
      if (i + 1 == rest.size()) return std::nullopt;
      const char next = rest[i + 1];
      if (next != '"' && next != '\\' && next != ']') return std::nullopt;  // allowed, but nothing of ours
      out += next;
      ++i;
    } else {
      out += c;
    }
  }
  return std::nullopt;
}

}  // namespace

std::string ParsedMessage::get(std::string_view name) const {
  for (const auto& [n, value] : parameters) {
    if (n == name) return value;
  }
  return {};
}

std::vector<std::string> ParsedMessage::all(std::string_view name) const {
  std::vector<std::string> out;
  for (const auto& [n, value] : parameters) {
    if (n == name) out.push_back(value);
  }
  return out;
}

std::optional<ParsedMessage> parse_message(std::string_view rest) {
  ParsedMessage out;
  if (!rest.starts_with('<')) return std::nullopt;
  rest.remove_prefix(1);
  const auto priority = until(rest, '>');
  if (!priority || priority->empty() || priority->size() > 3) return std::nullopt;
  const auto number = parse_u64(*priority);
  if (!number || *number > 191 || std::to_string(*number) != *priority) return std::nullopt;
  out.priority = static_cast<unsigned>(*number);
  if (until(rest, ' ') != "1") return std::nullopt;
  const std::pair<std::string*, std::size_t> fields[] = {
      {&out.time, 64}, {&out.host, 255}, {&out.application, 48}, {&out.process, 128}, {&out.id, 32}};
  for (const auto& [field, max] : fields) {
    const auto text = until(rest, ' ');
    if (!text || !printable(*text, max)) return std::nullopt;
    *field = *text;
  }
  if (!is_time(out.time) || !rest.starts_with('[')) return std::nullopt;
  rest.remove_prefix(1);
  const auto element = until(rest, ' ');
  if (!element || !is_sd_name(*element)) return std::nullopt;
  out.element = *element;
  for (;;) {
    const auto name = until(rest, '=');
    if (!name || !is_sd_name(*name) || !rest.starts_with('"')) return std::nullopt;
    rest.remove_prefix(1);
    auto value = quoted(rest);
    if (!value || !is_clean(*value)) return std::nullopt;
    out.parameters.emplace_back(*name, std::move(*value));
    if (rest.empty()) return std::nullopt;
    const char next = rest.front();
    rest.remove_prefix(1);
    if (next == ']') break;
    if (next != ' ') return std::nullopt;
  }
  if (!rest.starts_with(' ')) return std::nullopt;
  out.text = rest.substr(1);
  return is_clean(out.text) ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace postern::gateway::syslog
