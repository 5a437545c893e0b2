#pragma once
// Of each access proxy's policies, in their order, what shows in one cache line that a policy does not match: nearly all
// that a decision looks at do not. Whether one does match, and what follows, is read from the policy itself.
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "policy/blob.h"
#include "policy/tag_set.h"

namespace postern::policy {

/// One policy. `plain`: it hangs on tags of one group alone, in few words; only of such ones anything is said here.
struct alignas(64) Step {
  static constexpr std::size_t kWords = 6;

  std::uint32_t policy = 0;  ///< Index into the table's policies.
  bool plain = false;
  bool accepts = false;
  bool all = false;  ///< Every tag is asked for, not any.
  bool negate = false;
  std::uint8_t reserved[2] = {};
  std::array<std::uint8_t, kWords> word{};   ///< Of the tag set; those that are not used have no bits below.
  std::array<std::uint64_t, kWords> bits{};

  /// Does it surely not match an endpoint in good standing? False: look at the policy.
  bool passes_over(const TagSet& tags, const TagSet& unknown) const {
    if (!plain) return false;
    std::uint64_t some = 0, lacks = 0, unclear = 0;
    for (std::size_t i = 0; i < kWords; ++i) {
      const auto has = tags.words[word[i]];
      some |= has & bits[i];
      lacks |= bits[i] & ~has;
      unclear |= unknown.words[word[i]] & bits[i];
    }
    const bool holds = all ? lacks == 0 : some != 0;
    // Unknown counts where having the tag works against the endpoint.
    return holds == negate && (accepts != negate || unclear == 0);
  }
};
static_assert(sizeof(Step) == 64);

/// Thread: any; nothing changes after it was made. Copies share.
class Steps {
 public:
  /// More than these are not kept (16 MiB): the access proxies behind them go without.
  static constexpr std::size_t kMost = 262'144;

  Steps() = default;
  /// `policies_of[p]`: of access proxy number p in the table, checked indices into `policies`.
  Steps(std::span<const blob::Policy> policies, std::span<const std::span<const std::uint32_t>> policies_of);
  /// One for each of its policies, or none.
  std::span<const Step> of(std::size_t proxy) const;

 private:
  struct Place {
    std::uint32_t begin = 0, count = 0;
  };
  struct All {
    std::vector<Step> steps;
    std::vector<Place> of;
  };
  std::shared_ptr<const All> all_;
};

}  // namespace postern::policy
