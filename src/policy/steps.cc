#include "policy/steps.h"

#include "policy/table.h"

namespace postern::policy {
namespace {

Step step_of(const blob::Policy& policy, std::uint32_t index) {
  Step out;
  out.policy = index;
  out.accepts = static_cast<Action>(policy.action) == Action::kAccept;
  out.all = static_cast<Match>(policy.match) == Match::kAll;
  out.negate = policy.negate != 0;
  if (policy.has_tags == 0 || policy.has_secondary != 0 || policy.has_users != 0 || policy.has_destinations != 0 ||
      policy.sources.count != 0 || policy.interfaces.count != 0) {
    return out;
  }
  std::size_t used = 0;
  for (std::size_t i = 0; i < kTagWords; ++i) {
    if (policy.primary.words[i] == 0) continue;
    if (used == Step::kWords) return out;
    out.word[used] = static_cast<std::uint8_t>(i);
    out.bits[used++] = policy.primary.words[i];
  }
  out.plain = true;
  return out;
}

}  // namespace

Steps::Steps(std::span<const blob::Policy> policies, std::span<const std::span<const std::uint32_t>> policies_of) {
  auto all = std::make_shared<All>();
  all->of.resize(policies_of.size());
  for (std::size_t p = 0; p < policies_of.size(); ++p) {
    if (policies_of[p].size() > kMost - all->steps.size()) continue;
    all->of[p] = {static_cast<std::uint32_t>(all->steps.size()), static_cast<std::uint32_t>(policies_of[p].size())};
    for (const auto index : policies_of[p]) all->steps.push_back(step_of(policies[index], index));
  }
  all_ = std::move(all);
}

std::span<const Step> Steps::of(std::size_t proxy) const {
  if (!all_ || proxy >= all_->of.size()) return {};
  const auto& place = all_->of[proxy];
  return std::span(all_->steps).subspan(place.begin, place.count);
}

}  // namespace postern::policy
