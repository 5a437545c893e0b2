#pragma once
// Versions of systems and programs: numbers separated by dots, compared at the precision that somebody wrote.
#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace postern::posture::rules {

class VersionNumber {
 public:
  /// "12", "22.04", "10.0.19045": 1 to 8 numbers of at most 9 digits. Nullopt for anything else.
  static std::optional<VersionNumber> parse(std::string_view text);

  /// How `actual` compares to this one, looking only at as many numbers as this one has: to "12",
  /// "12.4" is equal; missing numbers of `actual` are 0. Nullopt when letters in `actual`
  /// ("3.21_alpha") leave it open.
  std::optional<std::strong_ordering> compare_to(std::string_view actual) const;

  /// The same for what programs and kernels call themselves: `actual` is read as the numbers that it begins with,
  /// separated by . - _ + ~ or :, up to the first letter. To "6.1.0.37", "6.1.0-37-amd64" is equal; to "115.9",
  /// "115.9.1esr" is. What is equal but says that it comes before the release (rc, alpha, beta, pre, dev right behind
  /// its numbers) is less. Nullopt if it begins with no number, or with one of more than 9 digits that counts.
  std::optional<std::strong_ordering> compare_to_release(std::string_view actual) const;

 private:
  std::vector<std::uint32_t> parts_;
};

}  // namespace postern::posture::rules
