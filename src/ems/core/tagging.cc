#include <algorithm>

#include "ems/core/impl.h"
#include "posture/fact_keys.h"
#include "proto/deflate.h"

namespace postern::ems {
namespace {

namespace keys = posture::keys;

constexpr std::size_t kMaxMatches = 256;           // results kept: fleets share images
constexpr std::size_t kEvaluationsPerFlush = 20'000;
constexpr std::size_t kMatchesPerFlush = 8;        // some ten milliseconds each

/// Sets one of the EMS's own facts; its key is added to `changed` if it became another.
void put(Endpoint& e, std::string_view key, posture::FactValue value, WallTime at, std::vector<std::string>& changed) {
  const auto it = e.facts.find(key);
  if (it != e.facts.end() && it->second.value == value) return;
  e.facts.insert_or_assign(std::string(key), posture::Fact{std::move(value), at, "ems"});
  changed.emplace_back(key);
}

posture::FactValue unknown(posture::UnknownReason reason) { return posture::Unknown{reason}; }

void put_ems_facts(Endpoint& e, Now now, std::vector<std::string>& changed) {
  using posture::UnknownReason;
  put(e, keys::kEmsRegistered, e.registered(), now.wall, changed);
  put(e, keys::kEmsOnline, e.online, now.wall, changed);
  put(e, keys::kEmsPublicIp,
      e.public_ip.valid() ? posture::FactValue(e.public_ip.str()) : unknown(UnknownReason::kUnsupported), now.wall, changed);
  if (e.vulnerabilities) {
    const auto& v = *e.vulnerabilities;
    put(e, keys::kEmsVulnerabilities, v.counts, v.scanned_at, changed);
    put(e, keys::kEmsVulnScannedAt, to_unix_ms(v.scanned_at), v.scanned_at, changed);
  } else {
    for (const auto key : {keys::kEmsVulnerabilities, keys::kEmsVulnScannedAt}) {
      put(e, key, unknown(UnknownReason::kUnsupported), now.wall, changed);
    }
  }
  const auto received = e.inventory_received_at;
  put(e, keys::kEmsVulnReceivedAt,
      received == WallTime() ? unknown(UnknownReason::kUnsupported) : posture::FactValue(to_unix_ms(received)),
      received == WallTime() ? now.wall : received, changed);
}

}  // namespace

void EmsCore::Impl::settle(Now now, Endpoint& e, std::vector<std::string> changed) {
  const auto touches = [&](std::string_view key) { return std::ranges::find(changed, key) != changed.end(); };
  if (touches(keys::kKernelRelease)) match(now, e, changed);
  const bool device =
      touches(keys::kMachineId) || touches(keys::kHardwareUuid) || touches(keys::kMacs) || touches(keys::kInterfaces);
  if (device && names_new_device(e)) follow_quarantine(now, e);
  put_ems_facts(e, now, changed);
  if (changed.empty()) return;
  engine_.reevaluate(engine_.affected_by(changed), facts_of(e, now), e.tags);
}

std::shared_ptr<const MatchResult> EmsCore::Impl::match_result(const Endpoint& e) const {
  if (!matching_ || !e.inventory) return nullptr;
  const auto hash = to_hex_lower(*e.inventory);
  const auto release = fact_text(e, keys::kKernelRelease);
  const auto key = hash + '\n' + release;
  if (const auto it = matches_.find(key); it != matches_.end()) return it->second;
  std::string deflated;
  if (const auto* fresh = registry_.inventories.find(hash)) {
    deflated = *fresh;
  } else {
    auto row = store_.get(TableId::kInventories, hash);
    if (!row || !row->has_value()) return nullptr;
    deflated = std::move(**row);
  }
  const auto text = proto::inflate_text(deflated, proto::telemetry::kMaxInventory);
  if (!text) return nullptr;
  auto result = matching_->match(*text, release);
  if (!result) return nullptr;
  if (matches_.size() >= kMaxMatches) matches_.erase(matches_.begin());
  auto shared = std::make_shared<const MatchResult>(std::move(*result));
  matches_.emplace(key, shared);
  return shared;
}

void EmsCore::Impl::match(Now now, Endpoint& e, std::vector<std::string>& changed) {
  // Feeds are still being read after a start: what was found before stands until they are.
  if (!matching_set_) return;
  const auto result = profile_of(e).vulnerability_scan ? match_result(e) : nullptr;
  if (!result || !result->covered) {
    e.vulnerabilities.reset();
  } else {
    VulnerabilityState state;
    state.counts = result->counts;
    state.scanned_at = now.wall;
    e.vulnerabilities = state;
  }
  put_ems_facts(e, now, changed);
}

void EmsCore::Impl::reevaluate_later(std::vector<posture::TagId> tags) {
  jobs_.push_back({false, engine_.with_dependants(std::move(tags)), {}});
}

void EmsCore::Impl::rematch_later() {
  matches_.clear();
  std::erase_if(jobs_, [](const Job& job) { return job.match; });
  jobs_.push_back({true, {}, {}});
}

void EmsCore::Impl::run_jobs(Now now) {
  std::size_t evaluations = 0;
  std::size_t matched = 0;
  while (!jobs_.empty()) {
    auto& job = jobs_.front();
    auto it = registry_.endpoints.all().lower_bound(job.from);
    for (; it != registry_.endpoints.all().end(); ++it) {
      if (registry_.touched() >= options_.batch || evaluations >= kEvaluationsPerFlush || matched >= kMatchesPerFlush) {
        job.from = it->first;
        return;
      }
      const Endpoint& e = it->second;
      if (job.match) {
        if (!e.inventory || !e.registered()) continue;
        ++matched;
        auto& edited = registry_.endpoints.edit(it->first);
        std::vector<std::string> changed;
        match(now, edited, changed);
        settle(now, edited, std::move(changed));
      } else {
        ++evaluations;
        auto sets = e.tags;
        const bool other = job.tags.empty() ? (sets = engine_.evaluate_all(facts_of(e, now))) != e.tags
                                            : !engine_.reevaluate(job.tags, facts_of(e, now), sets).empty();
        if (other) registry_.endpoints.edit(it->first).tags = std::move(sets);
      }
    }
    jobs_.pop_front();
  }
}

Status EmsCore::Impl::rebuild_engine() {
  engine_ = posture::TagEngine();
  for (const auto& [id, tag] : registry_.tags.all()) {
    if (auto ok = engine_.set(id, tag.definition); !ok) {
      return fail(ErrorCode::kDataLoss, "the stored tag " + tag.definition.name.str() + ": " + ok.error().message);
    }
  }
  return {};
}

const Tag* EmsCore::Impl::tag_by_id(posture::TagId id) const {
  return id == built_in_.id ? &built_in_ : registry_.tags.find(id);
}

std::string EmsCore::Impl::tag_name(posture::TagId id) const {
  const auto* tag = tag_by_id(id);
  return tag == nullptr ? std::string() : tag->definition.name.str();
}

}  // namespace postern::ems
