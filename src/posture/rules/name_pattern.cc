#include "posture/rules/name_pattern.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>

#include "posture/quote.h"
#include "posture/rules/checks.h"

namespace postern::posture::rules {
namespace {

bool same_byte(char a, char b, bool any_case) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return a == b || (any_case && lower(a) == lower(b));
}

/// Greedy with one way back: to the last "*", which then takes one byte more.
bool wildcard_matches(std::string_view pattern, std::string_view name, bool any_case) {
  std::size_t p = 0, n = 0, star = pattern.npos, taken = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      taken = n;
      continue;
    }
    const bool same = p < pattern.size() && (pattern[p] == '?' || same_byte(pattern[p], name[n], any_case));
    if (same) {
      ++p;
      ++n;
    } else if (star != pattern.npos) {
      p = star + 1;
      n = ++taken;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace

NamePattern::NamePattern() = default;
NamePattern::NamePattern(NamePattern&&) noexcept = default;
NamePattern& NamePattern::operator=(NamePattern&&) noexcept = default;
NamePattern::~NamePattern() = default;

Result<NamePattern> NamePattern::compile(std::string_view where, std::string_view pattern, Kind kind, bool any_case) {
  NamePattern out;
  out.text_ = pattern;
  out.kind_ = kind;
  out.any_case_ = any_case;
  if (kind == Kind::kWildcard) {
    const auto wildcards = std::count_if(pattern.begin(), pattern.end(), [](char c) { return c == '*' || c == '?'; });
    if (static_cast<std::size_t>(wildcards) > kMaxWildcards) {
      return invalid(fmt::format("{}: {} has {} wildcards, allowed are {}", where, posture::quoted(pattern), wildcards,
                                 kMaxWildcards));
    }
  }
  if (kind == Kind::kRegex) {
    if (Status ok = check_regex(where, pattern, any_case); !ok) return fail(ok.error());
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(static_cast<std::int64_t>(kMaxRegexMemory));
    options.set_case_sensitive(!any_case);
    out.regex_ = std::make_unique<re2::RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
  }
  return out;
}

bool NamePattern::matches(std::string_view name) const {
  switch (kind_) {
    case Kind::kRegex:
      return re2::RE2::FullMatch(re2::StringPiece(name.data(), name.size()), *regex_);
    case Kind::kWildcard:
      return wildcard_matches(text_, name, any_case_);
    case Kind::kExact:
      break;
  }
  return std::equal(name.begin(), name.end(), text_.begin(), text_.end(),
                    [this](char a, char b) { return same_byte(a, b, any_case_); });
}

}  // namespace postern::posture::rules
