#include "ems/api/input.h"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/form.h"
#include "base/text.h"
#include "net/strict_json.h"

namespace postern::ems::api {
namespace {

namespace json = boost::json;

tl::unexpected<Error> invalid(std::string message) { return fail(ErrorCode::kInvalidArgument, std::move(message)); }

/// What came from outside, short and quoted, for an error message.
std::string shown(std::string_view text) {
  if (!clean_text(text)) return "(a name with control characters or broken UTF-8)";
  if (text.size() <= 64) return fmt::format("\"{}\"", text);
  std::size_t cut = 64;  // never inside a character
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
  return fmt::format("\"{}…\"", text.substr(0, cut));
}

std::string names_of(const std::vector<Field>& fields) {
  std::vector<std::string> names;
  for (const Field& f : fields) names.push_back(f.name);
  return names.empty() ? "it takes none" : "known are: " + join(names, ", ");
}

const Field* find_field(const std::vector<Field>& fields, std::string_view name) {
  for (const Field& f : fields) {
    if (f.name == name) return &f;
  }
  return nullptr;
}

Status check_text(const Field& field, std::string_view text) {
  if (!field.values.empty()) {
    if (std::find(field.values.begin(), field.values.end(), text) != field.values.end()) return {};
    return invalid(fmt::format("{}: must be one of {}, not {}", field.name, join(field.values, ", "), shown(text)));
  }
  const auto size = static_cast<std::int64_t>(text.size());
  if (size < field.min || size > field.max) {
    return invalid(fmt::format("{}: must be {} to {} bytes long, not {}", field.name, field.min, field.max, size));
  }
  if (!clean_text(text, field.multiline)) {
    return invalid(fmt::format("{}: must be UTF-8 text without control characters", field.name));
  }
  return {};
}

Status check_integer(const Field& field, std::int64_t value) {
  if (value >= field.min && value <= field.max) return {};
  return invalid(fmt::format("{}: must be {} to {}, not {}", field.name, field.min, field.max, value));
}

Status check_value(const Field& field, const json::value& value) {
  switch (field.type) {
    case FieldType::kText: {
      const json::string* text = value.if_string();
      if (text == nullptr) return invalid(field.name + ": must be a text");
      return check_text(field, *text);
    }
    case FieldType::kInteger: {
      if (const std::int64_t* number = value.if_int64()) return check_integer(field, *number);
      return invalid(fmt::format("{}: must be a whole number from {} to {}", field.name, field.min, field.max));
    }
    case FieldType::kBoolean:
      if (value.is_bool()) return {};
      return invalid(field.name + ": must be true or false");
    case FieldType::kScalar:
      if (value.is_bool() || value.is_int64()) return {};
      if (const json::string* text = value.if_string()) return check_text(field, *text);
      return invalid(field.name + ": must be a text, a whole number, or true or false");
    case FieldType::kTexts: {
      const json::array* list = value.if_array();
      if (list == nullptr) return invalid(field.name + ": must be a list of texts");
      if (static_cast<std::int64_t>(list->size()) < field.min || static_cast<std::int64_t>(list->size()) > field.max) {
        return invalid(fmt::format("{}: must hold {} to {} texts, not {}", field.name, field.min, field.max,
                                   list->size()));
      }
      const Field item{.name = field.name, .min = 1, .max = 255, .values = field.values};
      for (const json::value& v : *list) {
        const json::string* text = v.if_string();
        if (text == nullptr) return invalid(field.name + ": must be a list of texts");
        if (Status ok = check_text(item, *text); !ok) return ok;
      }
      return {};
    }
  }
  return invalid(field.name + ": of a type that is not known");
}

/// `count` decimal digits at the front of `text`, taken off it; nullopt when they aren't there.
std::optional<int> take_digits(std::string_view& text, std::size_t count) {
  int value = 0;
  if (text.size() < count) return std::nullopt;
  for (std::size_t i = 0; i < count; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

/// "Z", "+01:00"; nothing after it.
std::optional<std::chrono::minutes> read_offset(std::string_view text) {
  if (text == "Z") return std::chrono::minutes(0);
  const bool minus = text.starts_with('-');
  if (!minus && !text.starts_with('+')) return std::nullopt;
  text.remove_prefix(1);
  const auto hours = take_digits(text, 2);
  if (!hours || !take(text, ':')) return std::nullopt;
  const auto minutes = take_digits(text, 2);
  if (!minutes || *hours > 23 || *minutes > 59 || !text.empty()) return std::nullopt;
  const std::chrono::minutes offset(*hours * 60 + *minutes);
  return minus ? -offset : offset;
}

std::optional<WallTime> read_time(std::string_view text) {
  const auto year = take_digits(text, 4);
  if (!year || !take(text, '-')) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!day || !take(text, 'T')) return std::nullopt;
  const auto hour = take_digits(text, 2);
  if (!hour || !take(text, ':')) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute || !take(text, ':')) return std::nullopt;
  const auto second = take_digits(text, 2);
  if (!second || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  int millis = 0;
  if (take(text, '.')) {
    int digits = 0;
    for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1), ++digits) {
      if (digits < 3) millis = millis * 10 + (text.front() - '0');
    }
    if (digits == 0) return std::nullopt;
    for (; digits < 3; ++digits) millis *= 10;
  }
  const auto offset = read_offset(text);
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!offset || !date.ok()) return std::nullopt;
  const WallTime time = std::chrono::sys_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
                        Seconds(*second) + Millis(millis) - *offset;
  return time < WallTime{} ? std::nullopt : std::optional(time);
}

}  // namespace

Result<WallTime> parse_time(std::string_view text) {
  const auto time = read_time(text);
  if (!time) return invalid(shown(text) + " is not a time; write it as 2026-11-24T14:02:03Z");
  return *time;
}

bool clean_text(std::string_view text, bool multiline) {
  std::size_t i = 0;
  while (i < text.size()) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x80) {
      const bool breaks = c == '\n' || c == '\r' || c == '\t';
      if ((c < 0x20 || c == 0x7F) && !(multiline && breaks)) return false;
      ++i;
      continue;
    }
    const int extra = c >= 0xF0 && c <= 0xF4 ? 3 : c >= 0xE0 && c < 0xF0 ? 2 : c >= 0xC2 && c < 0xE0 ? 1 : 0;
    if (extra == 0 || i + extra >= text.size()) return false;
    std::uint32_t point = c & (0x3F >> extra);
    for (int k = 1; k <= extra; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xC0) != 0x80) return false;
      point = point << 6 | (next & 0x3F);
    }
    const bool overlong = (extra == 2 && point < 0x800) || (extra == 3 && point < 0x10000);
    const bool surrogate = point >= 0xD800 && point < 0xE000;
    if (overlong || surrogate || point > 0x10FFFF || point < 0xA0) return false;  // 0x80..0x9F are controls too
    i += extra + 1;
  }
  return true;
}

Result<json::value> parse_json(std::string_view text) { return net::parse_strict_json(text, kMaxJsonDepth); }

Status check_fields(const std::vector<Field>& fields, const json::object& object) {
  for (const auto& [name, value] : object) {
    const Field* field = find_field(fields, name);
    if (field == nullptr) return invalid(fmt::format("unknown field {}; {}", shown(name), names_of(fields)));
    if (Status ok = check_value(*field, value); !ok) return ok;
  }
  for (const Field& field : fields) {
    if (field.required && !object.contains(field.name)) return invalid(field.name + ": is missing");
  }
  return {};
}

Result<json::object> read_fields(const std::vector<Field>& fields, std::string_view body) {
  json::object object;
  if (!trim(body).empty()) {
    Result<json::value> value = parse_json(body);
    if (!value) return fail(value.error());
    if (!value->is_object()) return invalid("the body must be a JSON object");
    object = std::move(value->as_object());
  }
  if (Status ok = check_fields(fields, object); !ok) return fail(ok.error());
  return object;
}

Status check_query(const std::vector<Field>& fields, const std::map<std::string, std::string>& query) {
  for (const auto& [name, text] : query) {
    const Field* field = find_field(fields, name);
    if (field == nullptr) {
      return invalid(fmt::format("unknown query parameter {}; {}", shown(name), names_of(fields)));
    }
    Status ok;
    if (field->type == FieldType::kInteger) {
      const auto number = parse_u64(text);
      const bool fits = number && *number <= static_cast<std::uint64_t>(INT64_MAX);
      ok = fits
               ? check_integer(*field, static_cast<std::int64_t>(*number))
               : Status(invalid(fmt::format("{}: must be a whole number from {} to {}", name, field->min, field->max)));
    } else if (field->type == FieldType::kBoolean) {
      if (text != "true" && text != "false") ok = invalid(name + ": must be true or false");
    } else {
      ok = check_text(*field, text);
    }
    if (!ok) return ok;
  }
  for (const Field& field : fields) {
    if (field.required && !query.contains(field.name)) {
      return invalid("query parameter " + field.name + " is missing");
    }
  }
  return {};
}

Result<std::map<std::string, std::string>> read_form(const std::vector<Field>& fields, std::string_view body) {
  auto form = parse_form(body);
  if (!form) return fail(form.error());
  if (Status ok = check_query(fields, *form); !ok) return fail(ok.error());
  return form;
}

}  // namespace postern::ems::api
