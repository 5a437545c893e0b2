#include "cli/yaml_scalar.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>

#include "base/text.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

constexpr std::string_view kDigits = "0123456789";

bool one_of(std::string_view text, std::initializer_list<std::string_view> list) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

bool is_null(std::string_view text) { return one_of(text, {"", "~", "null", "Null", "NULL"}); }
std::optional<bool> boolean(std::string_view text) {
  if (one_of(text, {"true", "True", "TRUE"})) return true;
  if (one_of(text, {"false", "False", "FALSE"})) return false;
  return std::nullopt;
}

/// How many characters of `text` are digits.
std::size_t digits_at(std::string_view text) { return std::min(text.find_first_not_of(kDigits), text.size()); }

std::string_view without_sign(std::string_view text) {
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
  return text;
}

struct Digits {
  std::string_view text;
  int base = 10;
};
/// The digits of a whole number, its sign left out; none: it is no whole number.
std::optional<Digits> whole(std::string_view text) {
  for (const auto& [prefix, base, digits] : {std::tuple("0o", 8, std::string_view("01234567")),
                                             std::tuple("0x", 16, std::string_view("0123456789abcdefABCDEF"))}) {
    if (text.starts_with(prefix)) {
      const std::string_view rest = text.substr(2);
      if (!rest.empty() && rest.find_first_not_of(digits) == rest.npos) return Digits{rest, base};
    }
  }
  const std::string_view rest = without_sign(text);
  if (!rest.empty() && digits_at(rest) == rest.size()) return Digits{rest, 10};
  return std::nullopt;
}

/// [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
bool is_fraction(std::string_view text) {
  text = without_sign(text);
  const std::size_t before = digits_at(text);
  text.remove_prefix(before);
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    const std::size_t behind = digits_at(text);
    if (before + behind == 0) return false;
    text.remove_prefix(behind);
  } else if (before == 0) {
    return false;
  }
  if (text.empty()) return true;
  if (text.front() != 'e' && text.front() != 'E') return false;
  text = without_sign(text.substr(1));
  return !text.empty() && digits_at(text) == text.size();
}

bool is_not_finite(std::string_view text) {
  return one_of(without_sign(text), {".inf", ".Inf", ".INF"}) || one_of(text, {".nan", ".NaN", ".NAN"});
}

Result<json::value> number_value(std::string_view text, const Digits& digits) {
  std::int64_t out = 0;
  const std::string signed_digits = (text.front() == '-' ? "-" : "") + std::string(digits.text);
  const auto end = signed_digits.data() + signed_digits.size();
  const auto read = std::from_chars(signed_digits.data(), end, out, digits.base);
  if (read.ec != std::errc() || read.ptr != end) {
    return invalid(fmt::format("the number {} is too large; a text has to be in quotes", one_line(text.substr(0, 40))));
  }
  return json::value(out);
}

Result<json::value> plain_value(std::string_view text) {
  if (is_null(text)) return json::value(nullptr);
  if (const auto flag = boolean(text)) return json::value(*flag);
  if (const auto digits = whole(text)) return number_value(text, *digits);
  if (is_not_finite(text)) return invalid(std::string(text) + " can't be told in JSON; a text has to be in quotes");
  if (is_fraction(text)) {
    const double number = std::strtod(std::string(text).c_str(), nullptr);
    if (!std::isfinite(number)) return invalid("the number is too large; a text has to be in quotes");
    return json::value(number);
  }
  return json::value(json::string(text.data(), text.size()));
}

}  // namespace

Result<json::value> scalar_value(std::string_view text, std::string_view tag) {
  if (tag == "?" || tag.empty()) return plain_value(text);
  constexpr std::string_view kCore = "tag:yaml.org,2002:";
  if (tag == "!" || tag == "tag:yaml.org,2002:str") return json::value(json::string(text.data(), text.size()));
  if (tag.starts_with(kCore) && one_of(tag.substr(kCore.size()), {"int", "float", "bool", "null"})) {
    auto value = plain_value(text);
    if (value && value->is_string()) return invalid(fmt::format("this is no {}", tag.substr(kCore.size())));
    return value;
  }
  return invalid(fmt::format("the tag \"{}\" is not taken", one_line(tag.substr(0, 60))));
}

bool plain_is_text(std::string_view text) {
  if (text.empty() || text.front() == ' ' || text.back() == ' ') return false;
  if (is_null(text) || boolean(text) || whole(text) || is_fraction(text) || is_not_finite(text)) return false;
  const std::string lower = to_lower(text);
  if (one_of(lower, {"yes", "no", "on", "off", "y", "n", "true", "false", "null"})) return false;
  // Old readers know numbers of more forms: 1_000, 12:30, 0b1, and dates.
  if (kDigits.find(text.front()) != kDigits.npos || text.front() == '+' || text.front() == '.') return false;
  constexpr std::string_view kSafe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./()@+-,;=$ ";
  constexpr std::string_view kStart = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_/(";
  return kStart.find(text.front()) != kStart.npos && text.find_first_not_of(kSafe) == text.npos;
}

}  // namespace postern::cli
