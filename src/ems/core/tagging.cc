#include <algorithm>
#include <array>

#include "ems/core/impl.h"
#include "posture/fact_keys.h"

namespace postern::ems {
namespace {

namespace keys = posture::keys;

/// By what a device is recognised.
constexpr std::array<std::string_view, 4> kOfDevice{keys::kMachineId, keys::kHardwareUuid, keys::kMacs, keys::kInterfaces};

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

void EmsCore::Impl::put_vulnerabilities(Endpoint& e, Now now, std::vector<std::string>& changed) {
  using posture::UnknownReason;
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
}

void EmsCore::Impl::put_ems_facts(Endpoint& e, Now now, std::vector<std::string>& changed) {
  put_attributes(e, now, changed);
  std::vector<std::string> classifications;
  for (const auto id : e.classifications) {
    if (auto name = tag_name(id); !name.empty()) classifications.push_back(std::move(name));
  }
  put(e, keys::kEmsClassifications, std::move(classifications), now.wall, changed);
  put(e, keys::kEmsRegistered, e.registered(), now.wall, changed);
  put(e, keys::kEmsOnline, e.online, now.wall, changed);
  put(e, keys::kEmsQuarantined, e.quarantined, now.wall, changed);
  auto public_ip = e.public_ip.valid() ? posture::FactValue(e.public_ip.str()) : unknown(posture::UnknownReason::kUnsupported);
  put(e, keys::kEmsPublicIp, std::move(public_ip), now.wall, changed);
  put_vulnerabilities(e, now, changed);
  put(e, keys::kEmsOnFabric, on_fabric(e, now), now.wall, changed);
}

void EmsCore::Impl::settle(Now now, Endpoint& e, std::vector<std::string> changed) {
  const auto touches = [&](std::string_view key) { return std::ranges::find(changed, key) != changed.end(); };
  if (touches(keys::kKernelRelease)) match(now, e, changed);
  if (std::ranges::any_of(kOfDevice, touches) && names_new_device(e)) follow_quarantine(now, e);
  put_ems_facts(e, now, changed);
  judge_changed(now, e, changed);
}

void EmsCore::Impl::settle_reported(Now now, Endpoint& e, std::vector<std::string> changed) {
  const auto& read = detection_of(e).keys();
  const bool concerned = std::ranges::any_of(changed, [&](const std::string& key) {
    return key == keys::kKernelRelease || std::ranges::find(kOfDevice, key) != kOfDevice.end() ||
           std::ranges::binary_search(read, key);
  });
  if (concerned) return settle(now, e, std::move(changed));
  judge_changed(now, e, changed);
}

void EmsCore::Impl::judge_changed(Now now, Endpoint& e, const std::vector<std::string>& changed) {
  if (changed.empty()) return;
  const auto tags = engine_.affected_by(changed);
  if (!tags.empty()) rejudge(now, e, tags);
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
