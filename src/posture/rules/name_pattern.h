#pragma once
// Names that an administrator may write exactly, with wildcards or as a regular expression.
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace re2 {
class RE2;
}

namespace postern::posture::rules {

/// Immutable. Thread: any.
class NamePattern {
 public:
  enum class Kind { kExact, kWildcard, kRegex };
  static constexpr std::size_t kMaxWildcards = 16;  ///< Of "*" and "?" together.

  /// Wildcards: "*" is any text, "?" one byte. A regular expression (RE2's syntax) must match the whole name. Case of
  /// ASCII letters doesn't count if `any_case`. Error: kInvalidArgument with `where` in front.
  static Result<NamePattern> compile(std::string_view where, std::string_view pattern, Kind kind, bool any_case);

  /// In time linear in the name's length for a regular expression (posture/regex_limits.h), and in both lengths' product for
  /// wildcards.
  bool matches(std::string_view name) const;
  bool is_regex() const { return kind_ == Kind::kRegex; }

  NamePattern(NamePattern&&) noexcept;
  NamePattern& operator=(NamePattern&&) noexcept;
  ~NamePattern();

 private:
  NamePattern();
  std::string text_;
  Kind kind_ = Kind::kExact;
  bool any_case_ = false;
  std::unique_ptr<const re2::RE2> regex_;
};

}  // namespace postern::posture::rules
