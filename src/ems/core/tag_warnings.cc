// What of a tag may be saved and is probably not meant.
#include <algorithm>

#include <fmt/format.h>

#include "ems/core/impl.h"
#include "posture/fact_keys.h"
#include "posture/rules/registry.h"

namespace postern::ems {
namespace {

namespace keys = posture::keys;

bool reads_vulnerabilities(const posture::RuleType& type) {
  return std::ranges::any_of(type.facts, [](std::string_view key) { return key.starts_with(keys::kEmsVulnPrefix); });
}

bool reads_reported(const posture::RuleType& type) {
  return std::ranges::any_of(type.facts, [](std::string_view key) {
    return !key.starts_with(keys::kEmsPrefix) && !key.starts_with(keys::kTagPrefix);
  });
}

}  // namespace

std::vector<std::string> EmsCore::Impl::tag_warnings(const posture::TagDefinition& definition) const {
  std::vector<std::string> out;
  for (const auto& rule : definition.rules) {
    const auto* type = rule.max_age ? posture::find_rule_type(rule.type) : nullptr;
    if (type == nullptr) continue;
    const auto warn = [&](Seconds interval, std::string_view between) {
      out.push_back(fmt::format("rule {} ({}): its max_age of {} seconds is no longer than the {} seconds {}: in between nobody "
                                "knows. Make it longer, or leave it out",
                                rule.id, rule.type, rule.max_age->count(), interval.count(), between));
    };
    if (reads_vulnerabilities(*type)) {
      const Profile* slowest = nullptr;
      for (const auto& [name, profile] : registry_.profiles.all()) {
        if (!profile.vulnerability_scan || profile.inventory_interval < *rule.max_age) continue;
        if (slowest == nullptr || profile.inventory_interval > slowest->inventory_interval) slowest = &profile;
      }
      if (slowest != nullptr) {
        warn(slowest->inventory_interval,
             fmt::format("after which agents with the endpoint profile {} tell their packages anew", slowest->name));
      }
    }
    if (reads_reported(*type) && options_.keepalive >= *rule.max_age) {
      warn(options_.keepalive, "between two signs of life of an agent");
    }
  }
  return out;
}

std::vector<std::string> EmsCore::tag_warnings(const posture::TagDefinition& definition) const {
  return impl_->tag_warnings(definition);
}

}  // namespace postern::ems
