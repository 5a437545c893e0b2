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

bool reads_tags_alone(const posture::RuleType& type) {
  return !type.facts.empty() &&
         std::ranges::all_of(type.facts, [](std::string_view key) { return key.starts_with(keys::kTagPrefix); });
}

/// How old the list of packages may be for the rule itself.
std::optional<Seconds> scan_age(const posture::RuleSpec& rule) {
  if (rule.type != "vulnerability-scan-age") return {};
  for (const auto& [name, unit] : {std::pair("max_hours", Seconds(3600)), std::pair("max_days", Seconds(24 * 3600))}) {
    const auto it = rule.parameters.find(name);
    const auto* count = it == rule.parameters.end() ? nullptr : std::get_if<std::int64_t>(&it->second);
    if (count != nullptr) return *count * unit;
  }
  return {};
}

/// Of those whose agents tell their packages no sooner than after `limit`, the one that waits longest.
const Profile* slower_than(Seconds limit, const Table<std::string, Profile>& profiles) {
  const Profile* slowest = nullptr;
  for (const auto& [name, profile] : profiles.all()) {
    if (!profile.vulnerability_scan || profile.inventory_interval < limit) continue;
    if (slowest == nullptr || profile.inventory_interval > slowest->inventory_interval) slowest = &profile;
  }
  return slowest;
}

}  // namespace

std::vector<std::string> EmsCore::Impl::tag_warnings(const posture::TagDefinition& definition) const {
  std::vector<std::string> out;
  for (const auto& rule : definition.rules) {
    const auto* type = posture::find_rule_type(rule.type);
    if (type == nullptr) continue;
    const auto packages_anew = [](const Profile& profile) {
      return fmt::format("after which agents with the endpoint profile {} tell their packages anew", profile.name);
    };
    if (const auto limit = scan_age(rule)) {
      if (const auto* slow = slower_than(*limit, registry_.profiles)) {
        out.push_back(fmt::format("rule {} ({}): {} seconds are no longer than the {} seconds {}: in between it doesn't hold. Make it "
                                  "longer, or that interval shorter",
                                  rule.id, rule.type, limit->count(), slow->inventory_interval.count(), packages_anew(*slow)));
      }
    }
    if (!rule.max_age) continue;
    if (reads_tags_alone(*type)) {
      out.push_back(fmt::format("rule {} ({}): its max_age says nothing: tags are judged at every moment. Give it to the rules of those tags",
                                rule.id, rule.type));
    }
    const auto warn = [&](Seconds interval, std::string_view between) {
      out.push_back(fmt::format("rule {} ({}): its max_age of {} seconds is no longer than the {} seconds {}: in between nobody "
                                "knows. Make it longer, or leave it out",
                                rule.id, rule.type, rule.max_age->count(), interval.count(), between));
    };
    if (reads_vulnerabilities(*type)) {
      if (const auto* slow = slower_than(*rule.max_age, registry_.profiles)) warn(slow->inventory_interval, packages_anew(*slow));
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
