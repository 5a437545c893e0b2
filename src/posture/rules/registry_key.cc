// registry-key {"path","key","comparator","value","is_dword"}: Windows' registry has a key or a value, and what it is.
#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <variant>

#include "base/text.h"
#include "posture/fact_keys.h"
#include "posture/quote.h"
#include "posture/rules/comparing.h"
#include "posture/rules/conditions.h"
#include "posture/rules/version_number.h"

namespace postern::posture::rules {
namespace registry_key_rule {
namespace {

constexpr Reason kExists{"registry_exists", "the registry has what must be there"};
constexpr Reason kMissing{"registry_missing", "the registry has no such key or value"};
constexpr Reason kHolds{"registry_value_matches", "the registry's value is as demanded"};
constexpr Reason kDiffers{"registry_value_differs", "the registry's value is not as demanded"};
constexpr Reason kNotComparable{"registry_value_not_comparable",
                                "the registry's value can't be ordered: it begins with no number"};

/// What a value is held against: a DWORD as a number, a text as it stands, by < and > as a version.
using Wanted = std::variant<std::int64_t, std::string, VersionNumber>;

class ValueIs final : public Condition {
 public:
  ValueIs(std::string_view path, Comparison comparison, Wanted wanted, std::string text)
      : comparison_(comparison), wanted_(std::move(wanted)), text_(std::move(text)) {
    keys_ = {keys::with(keys::kRegistryValue, path)};
  }

  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    if (const auto* number = std::get_if<std::int64_t>(&wanted_)) {
      const auto* found = read<std::int64_t>(facts, keys_.front(), why);
      if (found == nullptr) return {Verdict::kUnknown, why};
      const bool dword = *found >= 0 && *found <= std::numeric_limits<std::uint32_t>::max();
      return dword ? judged(*found <=> *number) : Judgement{Verdict::kUnknown, &unknown_reason(facts.find(keys_.front()))};
    }
    const auto* found = read<std::string>(facts, keys_.front(), why);
    if (found == nullptr) return {Verdict::kUnknown, why};
    if (const auto* text = std::get_if<std::string>(&wanted_)) return judged(found->compare(*text) <=> 0);
    const auto order = std::get<VersionNumber>(wanted_).compare_to_release(*found);
    return order ? judged(*order) : Judgement{Verdict::kUnknown, &kNotComparable};
  }

  std::string describe() const override { return text_; }

 private:
  Judgement judged(std::strong_ordering order) const {
    return satisfies(comparison_, order) ? Judgement{Verdict::kMatch, &kHolds}
                                         : Judgement{Verdict::kNoMatch, &kDiffers};
  }

  Comparison comparison_;
  Wanted wanted_;
  std::string text_;
};

/// One place has one spelling: the hive's long name, in capitals as Windows prints it. Empty: no such hive.
std::string spelled(std::string_view path) {
  constexpr std::pair<std::string_view, std::string_view> kHives[] = {{"hklm", "HKEY_LOCAL_MACHINE"},
                                                                      {"hkcu", "HKEY_CURRENT_USER"},
                                                                      {"hkcr", "HKEY_CLASSES_ROOT"},
                                                                      {"hku", "HKEY_USERS"},
                                                                      {"hkcc", "HKEY_CURRENT_CONFIG"}};
  const std::size_t slash = path.find('\\');
  if (slash == path.npos || slash + 1 == path.size() || path.find("\\\\") != path.npos) return {};
  const std::string hive = to_lower(path.substr(0, slash));
  for (const auto& [shorter, longer] : kHives) {
    if (hive == shorter || hive == to_lower(longer)) return std::string(longer).append(path.substr(slash));
  }
  return {};
}

Result<std::int64_t> dword(std::string_view text) {
  const bool hex = text.starts_with("0x") || text.starts_with("0X");
  const std::string_view digits = hex ? text.substr(2) : text;
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, hex ? 16 : 10);
  if (error == std::errc() && end == digits.data() + digits.size()) return static_cast<std::int64_t>(value);
  return invalid(fmt::format("value: {} must be a number from 0 to {}, or 0x and hex digits, because is_dword is true",
                             posture::quoted(text), std::numeric_limits<std::uint32_t>::max()));
}

Result<Wanted> wanted_of(std::string_view value, Comparison comparison, bool is_dword) {
  if (is_dword) {
    auto number = dword(value);
    return number ? Result<Wanted>(*number) : fail(number.error());
  }
  if (comparison == Comparison::kEqual || comparison == Comparison::kNotEqual) return Wanted(std::string(value));
  auto version = VersionNumber::parse(value);
  if (version) return Wanted(std::move(*version));
  return invalid(
      fmt::format("value: {} must be numbers separated by dots, because the comparator orders; = and != take any "
                  "text, is_dword makes it a number",
                  posture::quoted(value)));
}

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  const std::string_view given = text_of(parameters, "path"), key = text_of(parameters, "key");
  std::string path = spelled(given);
  if (path.empty()) {
    return invalid(fmt::format(
        R"(path: {} must begin with a hive, such as HKLM\SOFTWARE\x (or HKCU, HKCR, HKU, HKCC), and hold no \\)",
        posture::quoted(given)));
  }
  if (!key.empty()) path.append(path.ends_with('\\') ? "" : "\\").append(key);
  const std::string_view comparator = text_of(parameters, "comparator"), value = text_of(parameters, "value");
  if (comparator.empty() != !parameters.contains("value")) {
    return invalid(fmt::format("{}: is missing; a condition needs comparator and value",
                               comparator.empty() ? "comparator" : "value"));
  }
  Conditions parts;
  parts.push_back(flag(keys::with(keys::kRegistryExists, path), kExists, kMissing, path + " exists"));
  if (comparator.empty()) {
    if (parameters.contains("is_dword")) return invalid("is_dword: belongs to comparator and value; give them");
    return joined(Match::kAll, std::move(parts));
  }
  if (path.ends_with('\\')) {
    return invalid(fmt::format("path: {} names a key, which has no value; add a value's name to it or give it as key",
                               posture::quoted(given)));
  }
  const Comparison comparison = *parse_comparison(comparator);
  auto wanted = wanted_of(value, comparison, flag_of(parameters, "is_dword", false));
  if (!wanted) return fail(wanted.error());
  std::string text = fmt::format("{} is {} {}", path, comparator, value);
  parts.push_back(std::make_unique<ValueIs>(path, comparison, std::move(*wanted), text));
  return joined(Match::kAll, std::move(parts), std::move(text));
}

}  // namespace
}  // namespace registry_key_rule

const RuleType& registry_key() {
  static const RuleType kType{
      .name = "registry-key",
      .title = "Registry Key",
      .help =
          "Windows' registry has this key or value and, as asked, its value compares so. A value that isn't there "
          "compares to nothing: no match.",
      .systems = {OsFamily::kWindows},
      .parameters = {{.name = "path",
                      .required = true,
                      .help =
                          R"(Such as HKLM\SOFTWARE\x\ for a key (with \ at the end), HKLM\SOFTWARE\x for a value.)"},
                     {.name = "key", .max_bytes = 200, .help = "A value's name, if path is the key that holds it."},
                     {.name = "comparator",
                      .choices = {kComparisons.begin(), kComparisons.end()},
                      .help = "How the value compares. Texts are ordered as versions."},
                     {.name = "value",
                      .help = "What it is held against, as a text: 1, 0x1F, 10.4.2, or any text by = and !=."},
                     {.name = "is_dword",
                      .type = ParameterSpec::Type::kBoolean,
                      .help = "The value is a DWORD, compared as a number; false if not given."}},
      .facts = {"registry.exists:<path>", "registry.value:<path>"},
      .unknown =
          "Also where the value is of the other type (text or DWORD), or begins with no number where it must be "
          "ordered. What is "
          "known to be missing is no match.",
      .compile = registry_key_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
