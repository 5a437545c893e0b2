#pragma once
// Several versions at once: a package for two architectures, a program that was updated while it runs. What is old
// decides.
#include <optional>
#include <string>
#include <vector>

#include "posture/rules/comparing.h"

namespace postern::posture::rules {

/// Whether a list of versions satisfies a comparison: < <= > >= by the oldest of them, = if one is, != if none is. So
/// >= is always what < is not. `order_of` gives the order of one to the version wanted, or none if it can't. REQUIRES:
/// not empty. Unknown if one that could decide can't be compared.
template <class OrderOf>
Verdict compare_versions(const std::vector<std::string>& found, Comparison comparison, OrderOf&& order_of) {
  const bool turned = comparison == Comparison::kNotEqual || comparison == Comparison::kGreater ||
                      comparison == Comparison::kGreaterOrEqual;
  // What these say of all is what no one denies; what the others say of any, that one says.
  Verdict verdict = verdict_of(turned);
  for (const std::string& version : found) {
    const auto order = order_of(version);
    const Verdict one = order ? verdict_of(satisfies(comparison, *order)) : Verdict::kUnknown;
    verdict = turned ? verdict_and(verdict, one) : verdict_or(verdict, one);
  }
  return verdict;
}

}  // namespace postern::posture::rules
