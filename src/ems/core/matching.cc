// What vulnerability feeds make of inventories, and when that is worked out anew.
#include <algorithm>

#include "base/sort_unique.h"
#include "ems/core/impl.h"
#include "posture/fact_keys.h"
#include "proto/deflate.h"

namespace postern::ems {
namespace {

namespace keys = posture::keys;

constexpr std::size_t kMaxMatches = 256;     // with all findings: for people who look at one, and where a risk is accepted
constexpr std::size_t kMaxNumbers = 16'384;  // fleets share images, and kernels

std::vector<std::string> asked_cves(const posture::TagEngine& engine) {
  std::vector<std::string> out;
  for (const auto& key : engine.keys_with_prefix(keys::kEmsVulnCve)) {
    out.emplace_back(keys::argument_of(key, keys::kEmsVulnCve));
  }
  return out;
}

bool same_but_for_time(const std::optional<VulnerabilityState>& a, const std::optional<VulnerabilityState>& b) {
  if (!a || !b) return !a && !b;
  auto other = *a;
  other.scanned_at = b->scanned_at;
  return other == *b;
}

}  // namespace

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
  ++matches_made_;
  auto result = matching_->match(*text, release);
  if (!result) return nullptr;
  if (matches_.size() >= kMaxMatches) matches_.erase(matches_.begin());
  auto shared = std::make_shared<const MatchResult>(std::move(*result));
  matches_.emplace(key, shared);
  return without_accepted(e, std::move(shared));
}

const EmsCore::Impl::RisksInForce& EmsCore::Impl::risks_in_force() const {
  if (risks_in_force_) return *risks_in_force_;
  RisksInForce out;
  for (const auto& [id, risk] : registry_.risks.all()) {
    if (risk.expired) continue;
    auto& cves = risk.endpoint.empty() ? out.everywhere : out.of_endpoint[EndpointUid(risk.endpoint)];
    cves.push_back(risk.cve);
  }
  sort_unique(out.everywhere);
  return risks_in_force_.emplace(std::move(out));
}

void EmsCore::Impl::forget_numbers() const {
  numbers_.clear();
  risks_in_force_.reset();
}

std::optional<VulnerabilityState> EmsCore::Impl::numbers_of(const Endpoint& e, const std::string& release) const {
  auto summary = matching_->summary(*e.inventory, release);
  std::shared_ptr<const MatchResult> result;
  if (!summary) {
    result = match_result(e);
    if (!result) return std::nullopt;
    summary = matching_->summary(*e.inventory, release);  // by now it is known
  }
  const bool judged = summary ? summary->covered && summary->unjudged.empty() : result->covered && result->unjudged.empty();
  if (!judged) return std::nullopt;
  const auto open_among = [&](const std::vector<std::string>& cves) -> std::optional<std::vector<std::string>> {
    if (cves.empty()) return std::vector<std::string>();
    return matching_->open_among(cves, *e.inventory, release);
  };
  VulnerabilityState state;
  // Without the catalogue nobody knows what is exploited.
  const auto exploited = [this](std::uint32_t count) {
    return kev_in_use_ || count > 0 ? std::optional(count) : std::nullopt;
  };
  const auto asked = asked_cves(engine_);
  for (const auto& cve : asked) state.asked_cves[cve] = false;
  std::optional<std::vector<std::string>> open, accepted;
  if (summary) {
    auto cves = risks_in_force().everywhere;
    if (const auto own = risks_in_force().of_endpoint.find(e.uid); own != risks_in_force().of_endpoint.end())
      cves.insert(cves.end(), own->second.begin(), own->second.end());
    open = open_among(asked);
    accepted = open_among(cves);
  }
  if (open && accepted && accepted->empty()) {
    state.counts = summary->counts;
    state.total = summary->total;
    state.exploited = exploited(summary->kev);
    if (summary->max_cvss_tenths) state.max_cvss = *summary->max_cvss_tenths;
    if (summary->max_epss) state.max_epss = *summary->max_epss;
    for (const auto& cve : *open) state.asked_cves[cve] = true;
    return state;
  }
  // A risk may be accepted in some package or version only: that takes the findings.
  if (!result) result = match_result(e);
  if (!result) return std::nullopt;
  state.counts = result->counts;
  state.total = result->total;
  state.exploited = exploited(result->kev);
  if (result->max_cvss_tenths) state.max_cvss = *result->max_cvss_tenths;
  if (result->max_epss) state.max_epss = *result->max_epss;
  for (auto& [cve, is_open] : state.asked_cves) is_open = std::ranges::binary_search(result->cves, cve);
  return state;
}

std::optional<VulnerabilityState> EmsCore::Impl::matched(Now now, const Endpoint& e) const {
  if (!matching_ || !e.inventory || !profile_of(e).vulnerability_scan) return std::nullopt;
  const bool own_risk = risks_in_force().of_endpoint.contains(e.uid);
  NumbersKey key{*e.inventory, fact_text(e, keys::kKernelRelease), own_risk ? e.uid : EndpointUid()};
  auto it = numbers_.find(key);
  if (it == numbers_.end()) {
    ++numbers_made_;
    const auto made = numbers_of(e, std::get<std::string>(key));
    if (!made) return std::nullopt;
    if (numbers_.size() >= kMaxNumbers) numbers_.clear();
    it = numbers_.emplace(std::move(key), *made).first;
  }
  auto state = it->second;
  state.scanned_at = now.wall;
  return state;
}

void EmsCore::Impl::match(Now now, Endpoint& e) {
  // Feeds are still being read after a start: what was found before stands until they are.
  if (!matching_set_) return;
  e.vulnerabilities = matched(now, e);
}

void EmsCore::Impl::match_again(Now now, const Job& job, const Endpoint& e) {
  if (!job.cve.empty() && !has_finding(e, job.cve)) return;
  const bool same = e.vulnerabilities && job.before && matching_ && matching_->says_the_same(*job.before, *e.inventory);
  auto state = same ? e.vulnerabilities : matched(now, e);
  if (same) state->scanned_at = now.wall;
  // Nothing but the time is another: that moves in memory at once, and is stored with what is stored of the endpoint next.
  const std::string scanned_at(keys::kEmsVulnScannedAt);
  if (same_but_for_time(state, e.vulnerabilities) && e.inventory_received_at != WallTime() &&
      engine_.affected_by({&scanned_at, 1}).empty()) {
    auto* quiet = registry_.endpoints.quietly(e.uid);
    std::vector<PostureTable::Edit> edits;
    quiet->vulnerabilities = std::move(state);
    put_vulnerabilities(*quiet, now, edits);
    registry_.postures.change_quietly(quiet->slot(), edits, now);
    return;
  }
  auto& edited = registry_.endpoints.edit(e.uid);
  edited.vulnerabilities = std::move(state);
  settle(now, edited, {});
}

void EmsCore::Impl::rematch_later() {
  matches_.clear();
  forget_numbers();
  std::erase_if(jobs_, [](const Job& job) { return job.what == Job::What::kMatch; });
  jobs_.push_back({.what = Job::What::kMatch});
}

void EmsCore::Impl::rematch_what_differs_later(const std::shared_ptr<const Matching>& before) {
  if (!before || !matching_) return rematch_later();
  matches_.clear();  // their findings would keep in memory what was read before
  std::erase_if(numbers_, [&](const auto& row) { return !matching_->says_the_same(*before, std::get<Sha256>(row.first)); });
  Job job{.what = Job::What::kMatch};
  job.before = before;
  // Whom an unfinished one has not reached, the matching before it judged last; or nobody can tell which did.
  const auto unfinished = [](const Job& j) { return j.what == Job::What::kMatch && j.cve.empty(); };
  if (const auto first = std::ranges::find_if(jobs_, unfinished); first != jobs_.end()) job.before = first->before;
  if (std::ranges::any_of(jobs_, [&](const Job& j) { return unfinished(j) && !j.before; })) job.before = nullptr;
  std::erase_if(jobs_, unfinished);
  jobs_.push_back(std::move(job));
}

void EmsCore::Impl::rematch_finding_later(const std::string& cve) { jobs_.push_back({.what = Job::What::kMatch, .cve = cve}); }

void EmsCore::Impl::answer_cves_later() {
  forget_numbers();
  std::erase_if(jobs_, [](const Job& job) { return job.what == Job::What::kMatch; });
  jobs_.push_back({.what = Job::What::kMatch});
}

void EmsCore::Impl::forget_inventories(const std::set<Sha256>& left) {
  for (const auto& hash : left) {
    if (registry_.has_inventory(hash)) continue;
    if (matching_) matching_->forget(hash);
    std::erase_if(numbers_, [&](const auto& row) { return std::get<Sha256>(row.first) == hash; });
    std::erase_if(matches_, [hex = to_hex_lower(hash)](const auto& row) { return row.first.starts_with(hex); });
  }
}

}  // namespace postern::ems
