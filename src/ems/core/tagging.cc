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
void put(Endpoint& e, std::string_view key, posture::FactValue value, WallTime at, std::vector<std::string>& changed,
         std::string source = "ems") {
  const auto it = e.facts.find(key);
  if (it != e.facts.end() && it->second.value == value) {
    // Of most facts the time says since when they hold; these are as old as what they were made of.
    if (!key.starts_with(keys::kEmsVulnPrefix) && !key.starts_with(keys::kEmsAttributePrefix)) return;
    if (it->second.collected_at == at) return;
    it->second.collected_at = at;
    changed.emplace_back(key);
    return;
  }
  e.facts.insert_or_assign(std::string(key), posture::Fact{std::move(value), at, std::move(source)});
  changed.emplace_back(key);
}

posture::FactValue unknown(posture::UnknownReason reason) { return posture::Unknown{reason}; }

/// Takes away what begins so and isn't among `kept`.
void drop_others(Endpoint& e, std::string_view prefix, const std::set<std::string>& kept, std::vector<std::string>& changed) {
  for (auto it = e.facts.lower_bound(prefix); it != e.facts.end() && it->first.starts_with(prefix);) {
    if (kept.contains(it->first)) {
      ++it;
      continue;
    }
    changed.push_back(it->first);
    it = e.facts.erase(it);
  }
}

}  // namespace

void EmsCore::Impl::put_attributes(Endpoint& e, Now now, std::vector<std::string>& changed) {
  std::set<std::string> kept;
  for (const auto& [name, attribute] : e.attributes) {
    const auto key = keys::with(keys::kEmsAttributePrefix, name);
    kept.insert(key);
    const bool expired = attribute.expires_at && *attribute.expires_at <= now.wall;
    auto value = expired ? unknown(posture::UnknownReason::kStale)
                         : std::visit([](const auto& v) { return posture::FactValue(v); }, attribute.value);
    put(e, key, std::move(value), attribute.set_at, changed, attribute.set_by);
    if (attribute.expires_at && !expired) judge_at(e.uid, *attribute.expires_at);
  }
  drop_others(e, keys::kEmsAttributePrefix, kept, changed);
}

void EmsCore::Impl::put_ems_facts(Endpoint& e, Now now, std::vector<std::string>& changed) {
  using posture::UnknownReason;
  put_attributes(e, now, changed);
  std::vector<std::string> classifications;
  for (const auto id : e.classifications) {
    if (auto name = tag_name(id); !name.empty()) classifications.push_back(std::move(name));
  }
  put(e, keys::kEmsClassifications, std::move(classifications), now.wall, changed);
  put(e, keys::kEmsRegistered, e.registered(), now.wall, changed);
  put(e, keys::kEmsOnline, e.online, now.wall, changed);
  put(e, keys::kEmsQuarantined, e.quarantined, now.wall, changed);
  put(e, keys::kEmsPublicIp,
      e.public_ip.valid() ? posture::FactValue(e.public_ip.str()) : unknown(UnknownReason::kUnsupported), now.wall, changed);
  if (e.vulnerabilities) {
    const auto& v = *e.vulnerabilities;
    const auto as_of = e.inventory_received_at == WallTime() ? v.scanned_at : e.inventory_received_at;
    put(e, keys::kEmsVulnerabilities, v.counts, as_of, changed);
    put(e, keys::kEmsVulnScannedAt, to_unix_ms(v.scanned_at), as_of, changed);
    put(e, keys::kEmsVulnTotal, std::int64_t{v.total}, as_of, changed);
    put(e, keys::kEmsVulnExploited, std::int64_t{v.exploited}, as_of, changed);
    // Nothing open: nothing is exploitable. Something open that nobody scored is not the same as a score of 0.
    const auto highest = [&](std::optional<std::uint32_t> score) {
      if (score) return posture::FactValue(std::int64_t{*score});
      return v.total == 0 ? posture::FactValue(std::int64_t{0}) : unknown(UnknownReason::kUnsupported);
    };
    put(e, keys::kEmsVulnMaxCvss, highest(v.max_cvss), as_of, changed);
    put(e, keys::kEmsVulnMaxEpss, highest(v.max_epss), as_of, changed);
    std::set<std::string> asked;
    for (const auto& [cve, open] : v.asked_cves) {
      put(e, *asked.insert(keys::with(keys::kEmsVulnCve, cve)).first, open, as_of, changed);
    }
    drop_others(e, keys::kEmsVulnCve, asked, changed);
  } else {
    for (const auto key : {keys::kEmsVulnerabilities, keys::kEmsVulnScannedAt, keys::kEmsVulnTotal,
                           keys::kEmsVulnExploited, keys::kEmsVulnMaxCvss, keys::kEmsVulnMaxEpss}) {
      const auto it = e.facts.find(key);
      if (it != e.facts.end() && !it->second.known()) continue;
      put(e, key, unknown(UnknownReason::kUnsupported), now.wall, changed);
    }
    drop_others(e, keys::kEmsVulnCve, {}, changed);
  }
  const auto received = e.inventory_received_at;
  put(e, keys::kEmsVulnReceivedAt,
      received == WallTime() ? unknown(UnknownReason::kUnsupported) : posture::FactValue(to_unix_ms(received)),
      received == WallTime() ? now.wall : received, changed);
  put(e, keys::kEmsOnFabric, on_fabric(e, now), now.wall, changed);
}

void EmsCore::Impl::settle(Now now, Endpoint& e, std::vector<std::string> changed) {
  const auto touches = [&](std::string_view key) { return std::ranges::find(changed, key) != changed.end(); };
  if (touches(keys::kKernelRelease)) match(now, e, changed);
  const bool device =
      touches(keys::kMachineId) || touches(keys::kHardwareUuid) || touches(keys::kMacs) || touches(keys::kInterfaces);
  if (device && names_new_device(e)) follow_quarantine(now, e);
  put_ems_facts(e, now, changed);
  if (changed.empty()) return;
  const auto tags = engine_.affected_by(changed);
  if (!tags.empty()) rejudge(now, e, tags);
}

std::shared_ptr<const MatchResult> EmsCore::Impl::match_result(const Endpoint& e) const {
  if (!matching_ || !e.inventory) return nullptr;
  const auto hash = to_hex_lower(*e.inventory);
  const auto release = fact_text(e, keys::kKernelRelease);
  const auto key = hash + '\n' + release;
  if (const auto it = matches_.find(key); it != matches_.end()) return without_accepted(e, it->second);
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
  return without_accepted(e, std::move(shared));
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
    state.total = result->total;
    state.exploited = result->kev;
    if (result->max_cvss_tenths) state.max_cvss = *result->max_cvss_tenths;
    if (result->max_epss) state.max_epss = *result->max_epss;
    for (const auto& key : engine_.keys_with_prefix(keys::kEmsVulnCve)) {
      const std::string cve(keys::argument_of(key, keys::kEmsVulnCve));
      state.asked_cves[cve] = std::ranges::binary_search(result->cves, cve);
    }
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

void EmsCore::Impl::rematch_finding_later(const std::string& cve) { jobs_.push_back({true, {}, {}, cve}); }

void EmsCore::Impl::settle_later() {
  Job job;
  job.settle = true;
  jobs_.push_back(std::move(job));
}

void EmsCore::Impl::answer_cves_later() {
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
        if (!job.cve.empty() && !has_finding(e, job.cve)) continue;
        auto& edited = registry_.endpoints.edit(it->first);
        std::vector<std::string> changed;
        match(now, edited, changed);
        settle(now, edited, std::move(changed));
      } else if (job.settle) {
        ++evaluations;
        if (on_fabric(e, now) == e.facts.at(std::string(keys::kEmsOnFabric)).value) continue;
        settle(now, registry_.endpoints.edit(it->first), {});
      } else {
        ++evaluations;
        auto judged = judge(now, e, job.tags);
        if (judged.tags == e.tags && judged.held == e.held) continue;
        auto& edited = registry_.endpoints.edit(it->first);
        edited.tags = std::move(judged.tags);
        edited.held = std::move(judged.held);
      }
    }
    jobs_.pop_front();
  }
}

Status EmsCore::Impl::rebuild_engine() {
  engine_ = posture::TagEngine();
  forget_required_facts();
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
