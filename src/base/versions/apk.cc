#include "base/versions/apk.h"

#include <array>

#include "base/versions/chars.h"

namespace postern::versions {
namespace {

/// A suffix is its place here; what begins with none of these is no suffix. "p" is last because "pre" begins with it.
constexpr std::array<std::string_view, 10> kApkSuffixes = {"alpha", "beta", "pre", "rc", "",
                                                           "cvs",   "svn",  "git", "hg", "p"};
constexpr std::size_t kNoSuffix = 4;

/// Reads a version from its beginning, a part at a time.
class ApkReader {
 public:
  explicit ApkReader(std::string_view text) : text_(text) {}

  bool at_number() const { return number_ == 0 || at('.'); }
  /// The digits of the next number, maybe none.
  std::string_view number() {
    if (number_++ > 0) ++at_;
    return take_run(text_, at_, is_digit);
  }
  /// A lower-case letter, or NUL where there is none.
  char letter() { return at_ < text_.size() && text_[at_] >= 'a' && text_[at_] <= 'z' ? text_[at_++] : '\0'; }
  /// The next suffix's place in kApkSuffixes, and its digits.
  std::size_t suffix(std::string_view& digits) {
    digits = {};
    if (!at('_')) return kNoSuffix;
    const auto rest = text_.substr(at_ + 1);
    for (std::size_t i = 0; i < kApkSuffixes.size(); ++i) {
      if (i == kNoSuffix || !rest.starts_with(kApkSuffixes[i])) continue;
      const auto behind = kApkSuffixes[i].size();
      if (behind < rest.size() && is_letter(rest[behind])) continue;
      at_ += 1 + behind;
      digits = take_run(text_, at_, is_digit);
      return i;
    }
    return kNoSuffix;
  }
  /// "~" and hexadecimal digits, or nothing.
  std::string_view hash() {
    if (!at('~')) return {};
    const auto begin = at_++;
    take_run(text_, at_, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
    return text_.substr(begin, at_ - begin);
  }
  /// What fits no part, up to a hyphen.
  std::string_view misfit() {
    return take_run(text_, at_, [](char c) { return c != '-'; });
  }
  /// "-r" and digits, maybe none, at the end or before another hyphen.
  bool revision(std::string_view& digits) {
    digits = {};
    if (!text_.substr(at_).starts_with("-r")) return false;
    auto behind = at_ + 2;
    const auto run = take_run(text_, behind, is_digit);
    if (behind < text_.size() && text_[behind] != '-') return false;
    at_ = behind;
    digits = run;
    return true;
  }
  bool at_end() const { return at_ == text_.size(); }

 private:
  bool at(char c) const { return at_ < text_.size() && text_[at_] == c; }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t number_ = 0;  // Numbers read.
};

std::strong_ordering compare_apk_numbers(ApkReader& a, ApkReader& b) {
  for (bool first = true; a.at_number() || b.at_number(); first = false) {
    // A number that is there but empty ("1..2") comes before none at all.
    if (!a.at_number()) return b.number().empty() ? std::strong_ordering::greater : std::strong_ordering::less;
    if (!b.at_number()) return a.number().empty() ? std::strong_ordering::less : std::strong_ordering::greater;
    const auto x = a.number();
    const auto y = b.number();
    const bool as_text = x.empty() || y.empty() || (!first && (x.front() == '0' || y.front() == '0'));
    if (const auto c = as_text ? x <=> y : compare_numbers(x, y); c != 0) return c;
  }
  return std::strong_ordering::equal;
}

std::strong_ordering compare_apk_suffixes(ApkReader& a, ApkReader& b) {
  for (;;) {
    std::string_view m;
    std::string_view n;
    const auto x = a.suffix(m);
    const auto y = b.suffix(n);
    if (x != y) return x <=> y;
    if (x == kNoSuffix) return std::strong_ordering::equal;
    if (m.empty() != n.empty()) return n.empty() <=> m.empty();
    if (const auto c = compare_numbers(m, n); c != 0) return c;
  }
}

}  // namespace

std::weak_ordering compare_apk(std::string_view a, std::string_view b) {
  ApkReader x(a);
  ApkReader y(b);
  if (const auto c = compare_apk_numbers(x, y); c != 0) return c;
  if (const auto c = x.letter() <=> y.letter(); c != 0) return c;
  if (const auto c = compare_apk_suffixes(x, y); c != 0) return c;
  if (const auto c = x.hash() <=> y.hash(); c != 0) return c;
  const auto misfit_a = x.misfit();
  const auto misfit_b = y.misfit();
  if (misfit_a.empty() != misfit_b.empty()) return misfit_a.empty() <=> misfit_b.empty();
  if (const auto c = misfit_a <=> misfit_b; c != 0) return c;
  std::string_view m;
  std::string_view n;
  const bool revision_a = x.revision(m);
  const bool revision_b = y.revision(n);
  if (revision_a != revision_b) return revision_a <=> revision_b;
  if (const auto c = compare_numbers(m, n); c != 0) return c;
  return x.at_end() <=> y.at_end();
}

}  // namespace postern::versions
