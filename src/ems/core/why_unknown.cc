// Why something that the EMS adds to an endpoint's facts is not known. A rule sees only that there is no value, as if its
// agent had not told it; but attributes come from people and other systems, and vulnerabilities take feeds.
#include <algorithm>

#include <fmt/format.h>

#include "ems/core/impl.h"
#include "ems/core/why_words.h"
#include "ems/registry/query.h"
#include "posture/fact_keys.h"
#include "posture/quote.h"
#include "posture/tag_reference.h"
#include "vuln/feed_kind.h"

namespace postern::ems {
namespace {

namespace keys = posture::keys;
using vuln::FeedKind;

struct AttributeText {
  std::string operator()(bool flag) const { return flag ? "true" : "false"; }
  std::string operator()(std::int64_t number) const { return fmt::to_string(number); }
  std::string operator()(const std::string& text) const { return posture::quoted(text); }
};

WhyUnknown unknown_attribute(const Endpoint& e, const std::string& name, WallTime now) {
  const auto it = e.attributes.find(name);
  if (it == e.attributes.end()) return {"attribute_unset", "nobody has set the attribute " + name + " of this endpoint", "not set"};
  const auto& attribute = it->second;
  const auto value = std::visit(AttributeText{}, attribute.value);
  const auto set = fmt::format("set by {} on {}", attribute.set_by, to_iso8601(attribute.set_at));
  if (attribute.expires_at && *attribute.expires_at <= now) {
    return {"attribute_expired",
            fmt::format("the attribute {} expired on {}; it was {}, {}", name, to_iso8601(*attribute.expires_at), value, set),
            "expired; it was " + value};
  }
  return {"attribute_too_old", fmt::format("the attribute {} is {}, {}: longer ago than the rule takes", name, value, set), ""};
}

bool in_force(const Table<std::string, Feed>& feeds, std::initializer_list<FeedKind> kinds) {
  return std::ranges::any_of(feeds.all(), [&](const auto& row) {
    const auto kind = vuln::parse_feed_kind(row.second.kind);
    return row.second.in_use() && kind && std::ranges::find(kinds, *kind) != kinds.end();
  });
}

/// "no feed of vulnerabilities is in force", and of those that there are what is wrong.
std::string none_in_force(const Table<std::string, Feed>& feeds) {
  std::string out = "no feed of vulnerabilities is in force";
  for (const auto& [name, feed] : feeds.all()) {
    if (!feed.in_use() && !feed.error.empty()) return out + fmt::format(" (the feed {} failed: {})", name, feed.error);
  }
  return out;
}

/// "the set Office holds: an address is in 10.0.1.0/24": the first set and, in it, the first rule of that verdict.
std::string deciding_set(const std::vector<posture::DetectionSetExplanation>& sets, posture::Verdict verdict) {
  constexpr std::size_t kSetsTold = 3;
  const bool match = verdict == posture::Verdict::kMatch;
  std::string out;
  std::size_t told = 0, left = 0;
  for (const auto& set : sets) {
    if (set.verdict != verdict) continue;
    if (told == (match ? 1 : kSetsTold)) {
      ++left;
      continue;
    }
    ++told;
    out += fmt::format("{}the set {} {}", out.empty() ? "" : "; ", set.name,
                       match ? "holds" : verdict == posture::Verdict::kUnknown ? "is unknown" : "fails");
    std::size_t rules = 0;
    for (const auto& rule : set.rules) {
      if (rule.verdict != verdict || (!match && rules > 0)) continue;
      out += fmt::format("{}{} ({})", rules++ == 0 ? ": " : ", ", rule.type, rule.condition);
      if (verdict == posture::Verdict::kUnknown) out += ": " + rule.text;
    }
  }
  if (left > 0 && !match) out += fmt::format("; and {} more", left);
  return out;
}

std::string system_of(const Endpoint& e) {
  const auto name = fact_text(e, keys::kOsName), version = fact_text(e, keys::kOsVersionId);
  if (name.empty()) return "this system";
  return fmt::format("this system ({}{}{})", name, version.empty() ? "" : " ", version);
}

}  // namespace

WhyUnknown EmsCore::Impl::unknown_vulnerabilities(const Endpoint& e, std::string_view key,
                                                  const posture::RuleExplanation& rule) const {
  const auto& profile = profile_of(e);
  if (rule.reason == "stale") {
    const auto told = to_iso8601(e.inventory_received_at);
    if (rule.max_age && profile.inventory_interval >= *rule.max_age) {
      return {"max_age_too_short",
              fmt::format("the packages were told on {}, and agents with the profile {} tell them every {} seconds: the rule "
                          "takes nothing older than {} seconds, so in between nobody knows",
                          told, profile.name, profile.inventory_interval.count(), rule.max_age->count()),
              ""};
    }
    return {"inventory_too_old", "the packages were last told on " + told + ", longer ago than the rule takes", ""};
  }
  if (!profile.vulnerability_scan) {
    return {"scan_off", "vulnerability scan is off in its endpoint profile " + profile.name, "vulnerability scan is off"};
  }
  if (!e.inventory) return {"no_inventory", "its agent has not told which packages it has", "no packages told"};
  if (!matching_set_) return {"feeds_being_read", "the EMS is still reading its feeds of vulnerabilities", "feeds are being read"};
  if (!matching_ || !in_force(registry_.feeds, {FeedKind::kOsv, FeedKind::kDebianTracker})) {
    return {"no_feed", none_in_force(registry_.feeds), "no feed in force"};
  }
  if (!e.vulnerabilities) {
    const auto result = match_result(e);
    if (result == nullptr) {
      return {"inventory_unreadable", "what its agent told of its packages can't be read here", "packages can't be read"};
    }
    if (result->covered && !result->unjudged.empty()) {
      return {"package_unjudged", unjudged_words(result->unjudged), "a package that can't be judged"};
    }
    return {"no_feed_for_system", "no feed of vulnerabilities that is in force covers " + system_of(e), "no feed covers this system"};
  }
  if (key == keys::kEmsVulnExploited && !kev_in_use_) {
    return {"no_kev", "no catalogue of exploited vulnerabilities (KEV) is in force", "no KEV feed in force"};
  }
  if (key == keys::kEmsVulnMaxEpss && !in_force(registry_.feeds, {FeedKind::kEpss})) {
    return {"no_epss", "no feed of EPSS probabilities is in force", "no EPSS feed in force"};
  }
  if (key == keys::kEmsVulnMaxEpss || key == keys::kEmsVulnMaxCvss) {
    return {"no_score", "none of its open vulnerabilities has such a score", "no score"};
  }
  return {};
}

std::string EmsCore::Impl::silence_of(const Endpoint& e) const {
  if (e.confirmed) {
    return "its agent is connected anew and has reported nothing yet, and what was known held until " + to_iso8601(*e.confirmed);
  }
  if (e.online) return "";
  const auto until = confirmation_of(e).until;
  auto out = "nothing was heard of it since " + to_iso8601(e.last_seen);
  if (until > e.last_seen) {
    out += fmt::format(" ({} seconds in which this EMS could hear nobody don't count)",
                       std::chrono::duration_cast<Seconds>(until - e.last_seen).count());
  }
  return out;
}

void EmsCore::Impl::say_on_fabric(posture::TagExplanation& why, const Endpoint& e, Now now) const {
  for (auto& rule : why.rules) {
    if (rule.facts.empty() || rule.facts.front().key != keys::kEmsOnFabric) continue;
    const auto& detection = detection_of(e);
    if (detection.sets().empty()) {
      if (rule.verdict != posture::Verdict::kUnknown) continue;
      rule.reason = "no_detection_sets";
      rule.text = fmt::format("its endpoint profile {} has no detection sets: nobody said where on-fabric is", profile_of(e).name);
      rule.facts.front().text = "no detection sets";
      continue;
    }
    const EndpointFacts facts(e.in_table);
    const auto view = facts_of(e, facts, now);
    const auto verdict = detection.judge(view).verdict;
    const auto* said = rule.facts.front().fact ? rule.facts.front().fact->as<bool>() : nullptr;
    if (verdict != (said == nullptr ? posture::Verdict::kUnknown : posture::verdict_of(*said))) continue;
    const auto set = deciding_set(detection.explain(view), verdict);
    if (set.empty()) continue;
    if (verdict == posture::Verdict::kUnknown) {
      rule.reason = "detection_unknown";
      rule.text = fmt::format("no detection set of its endpoint profile {} decides; {}", profile_of(e).name, set);
    } else {
      rule.text += fmt::format(" by its endpoint profile {}: {}", profile_of(e).name, set);
    }
  }
}

WhyUnknown EmsCore::Impl::missing_tag(const posture::TagReference& reference) const {
  const std::string name(reference.name);
  const Tag* tag = tag_by_id(engine_.id_of(name));
  if (tag == nullptr) return {"tag_missing", "there is no tag " + name, "there is no such tag"};
  if (!tag->definition.enabled) return {"tag_disabled", "the tag " + name + " is disabled", "disabled"};
  const std::string kind(posture::tag_kind_name(tag->definition.kind));
  return {"tag_of_other_kind", "the tag " + name + " is of the kind " + kind, "of the kind " + kind};
}

void EmsCore::Impl::say_why_unknown(posture::TagExplanation& why, const Endpoint& e, Now now) const {
  constexpr std::string_view kNoValue[] = {"not_reported", "unsupported", "stale", "tag_missing", "classification_missing"};
  for (auto& rule : why.rules) {
    if (rule.verdict != posture::Verdict::kUnknown || std::ranges::find(kNoValue, rule.reason) == std::end(kNoValue)) continue;
    for (auto& reading : rule.facts) {
      const bool known = reading.fact && reading.fact->known();
      if (known && rule.reason != "stale") continue;
      WhyUnknown told;
      if (const auto name = keys::argument_of(reading.key, keys::kEmsAttributePrefix); !name.empty()) {
        told = unknown_attribute(e, std::string(name), now.wall);
      } else if (reading.key.starts_with(keys::kEmsVulnPrefix)) {
        told = unknown_vulnerabilities(e, reading.key, rule);
      } else if (const auto other = posture::referred_tag(reading.key); other && !reading.fact) {
        told = missing_tag(*other);
      }
      if (told.code.empty()) continue;
      rule.reason = told.code;
      rule.text = std::move(told.text);
      if (!told.fact.empty()) reading.text = std::move(told.fact);
      break;
    }
  }
}

}  // namespace postern::ems
