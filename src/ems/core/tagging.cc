#include <algorithm>
#include <array>
#include <utility>

#include "base/sort_unique.h"
#include "ems/core/impl.h"
#include "posture/fact_keys.h"

namespace postern::ems {
namespace {

namespace keys = posture::keys;

/// By what a device is recognised.
constexpr std::array<std::string_view, 4> kOfDevice{keys::kMachineId, keys::kHardwareUuid, keys::kMacs, keys::kInterfaces};

using Edits = std::vector<PostureTable::Edit>;

/// One of the EMS's own facts becomes that, if it is another.
void put(const Endpoint& e, std::string_view key, posture::FactValue value, WallTime at, Edits& edits,
         std::string source = "ems") {
  const auto was = e.fact(key);
  if (was && was->value == value) {
    // Of most facts the time says since when they hold; these are as old as what they were made of.
    if (!key.starts_with(keys::kEmsVulnPrefix) && !key.starts_with(keys::kEmsAttributePrefix)) return;
    if (was->collected_at == at) return;
    source = was->source;
  }
  edits.push_back({std::string(key), posture::Fact{std::move(value), at, std::move(source)}});
}

posture::FactValue unknown(posture::UnknownReason reason) { return posture::Unknown{reason}; }

/// Takes away what begins so and isn't among `kept`.
void drop_others(const Endpoint& e, const PostureTable& postures, std::string_view prefix, const std::set<std::string>& kept,
                 Edits& edits) {
  for (const auto key : postures.keys(e.slot())) {
    std::string name(key);
    if (key.starts_with(prefix) && !kept.contains(name)) edits.push_back({std::move(name), std::nullopt});
  }
}

}  // namespace

void EmsCore::Impl::put_attributes(const Endpoint& e, Now now, std::vector<PostureTable::Edit>& edits) {
  std::set<std::string> kept;
  for (const auto& [name, attribute] : e.attributes) {
    const auto key = keys::with(keys::kEmsAttributePrefix, name);
    kept.insert(key);
    const bool expired = attribute.expires_at && *attribute.expires_at <= now.wall;
    auto value = expired ? unknown(posture::UnknownReason::kStale)
                         : std::visit([](const auto& v) { return posture::FactValue(v); }, attribute.value);
    put(e, key, std::move(value), attribute.set_at, edits, attribute.set_by);
    if (attribute.expires_at && !expired) judge_at(e.uid, *attribute.expires_at);
  }
  drop_others(e, registry_.postures, keys::kEmsAttributePrefix, kept, edits);
}

void EmsCore::Impl::put_vulnerabilities(const Endpoint& e, Now now, std::vector<PostureTable::Edit>& edits) {
  using posture::UnknownReason;
  if (e.vulnerabilities) {
    const auto& v = *e.vulnerabilities;
    const auto as_of = e.inventory_received_at == WallTime() ? v.scanned_at : e.inventory_received_at;
    put(e, keys::kEmsVulnerabilities, v.counts, as_of, edits);
    put(e, keys::kEmsVulnScannedAt, to_unix_ms(v.scanned_at), as_of, edits);
    put(e, keys::kEmsVulnTotal, std::int64_t{v.total}, as_of, edits);
    // Nothing open: nothing is exploitable. Something open that nobody scored is not the same as a score of 0.
    const auto told = [&](std::optional<std::uint32_t> number) {
      if (number) return posture::FactValue(std::int64_t{*number});
      return v.total == 0 ? posture::FactValue(std::int64_t{0}) : unknown(UnknownReason::kUnsupported);
    };
    put(e, keys::kEmsVulnExploited, told(v.exploited), as_of, edits);
    put(e, keys::kEmsVulnMaxCvss, told(v.max_cvss), as_of, edits);
    put(e, keys::kEmsVulnMaxEpss, told(v.max_epss), as_of, edits);
    std::set<std::string> asked;
    for (const auto& [cve, open] : v.asked_cves) {
      put(e, *asked.insert(keys::with(keys::kEmsVulnCve, cve)).first, open, as_of, edits);
    }
    drop_others(e, registry_.postures, keys::kEmsVulnCve, asked, edits);
  } else {
    for (const auto key : {keys::kEmsVulnerabilities, keys::kEmsVulnScannedAt, keys::kEmsVulnTotal,
                           keys::kEmsVulnExploited, keys::kEmsVulnMaxCvss, keys::kEmsVulnMaxEpss}) {
      if (const auto was = e.fact(key); was && !was->known()) continue;
      put(e, key, unknown(UnknownReason::kUnsupported), now.wall, edits);
    }
    drop_others(e, registry_.postures, keys::kEmsVulnCve, {}, edits);
  }
  // What nobody can read tells of no packages.
  const bool unreadable = !e.vulnerabilities && e.inventory && matching_ && match_result(e) == nullptr;
  const auto received = unreadable ? WallTime() : e.inventory_received_at;
  put(e, keys::kEmsVulnReceivedAt,
      received == WallTime() ? unknown(UnknownReason::kUnsupported) : posture::FactValue(to_unix_ms(received)),
      received == WallTime() ? now.wall : received, edits);
}

void EmsCore::Impl::put_ems_facts(const Endpoint& e, Now now, std::vector<PostureTable::Edit>& edits) {
  put_attributes(e, now, edits);
  std::vector<std::string> classifications;
  for (const auto id : e.classifications) {
    if (auto name = tag_name(id); !name.empty()) classifications.push_back(std::move(name));
  }
  put(e, keys::kEmsClassifications, std::move(classifications), now.wall, edits);
  put(e, keys::kEmsRegistered, e.registered(), now.wall, edits);
  put(e, keys::kEmsOnline, e.online, now.wall, edits);
  put(e, keys::kEmsQuarantined, e.quarantined, now.wall, edits);
  auto public_ip = e.public_ip.valid() ? posture::FactValue(e.public_ip.str()) : unknown(posture::UnknownReason::kUnsupported);
  put(e, keys::kEmsPublicIp, std::move(public_ip), now.wall, edits);
  put_vulnerabilities(e, now, edits);
  put(e, keys::kEmsOnFabric, on_fabric(e, now), now.wall, edits);
}

void EmsCore::Impl::settle(Now now, Endpoint& e, std::vector<std::string> changed) {
  const auto touches = [&](std::string_view key) { return std::ranges::find(changed, key) != changed.end(); };
  if (touches(keys::kKernelRelease)) match(now, e);
  if (std::ranges::any_of(kOfDevice, touches) && names_new_device(e)) follow_quarantine(now, e);
  confirm(now, e);
  std::vector<PostureTable::Edit> edits;
  put_ems_facts(e, now, edits);
  registry_.postures.change(e.slot(), edits, now);
  rejudge(now, e);
}

void EmsCore::Impl::settle_reported(Now now, Endpoint& e, std::vector<std::string> changed) {
  const auto& read = detection_of(e).keys();
  const bool concerned = std::ranges::any_of(changed, [&](const std::string& key) {
    return key == keys::kKernelRelease || std::ranges::find(kOfDevice, key) != kOfDevice.end() ||
           std::ranges::binary_search(read, key);
  });
  if (concerned) return settle(now, e, std::move(changed));
  rejudge(now, e);
}

Status EmsCore::Impl::set_tags(std::span<const posture::TagId> ids, Now now) {
  std::vector<PostureTable::TagEdit> edits;
  for (const auto id : ids) {
    auto tag = engine_.share(id);
    if (tag != nullptr || registry_.postures.has_tag(id)) edits.push_back({id, std::move(tag)});
  }
  return registry_.postures.change_tags(edits, now);
}

Status EmsCore::Impl::rebuild_engine(Now now, const std::vector<posture::TagId>& others) {
  const auto before = std::exchange(engine_, posture::TagEngine());
  forget_required_facts();
  std::vector<posture::TagId> changed = others;
  for (const auto& [id, tag] : registry_.tags.all()) {
    const auto& name = tag.definition.name.str();
    const auto why = engine_.load(id, tag.definition);
    if (!why) return fail(ErrorCode::kDataLoss, "the stored tag " + name + ": " + why.error().message);
    const auto* was = before.find(id);
    if (was != nullptr && !was->in_force()) {
      changed.push_back(id);  // it may be in force again, because another isn't what it was
    } else if (!why->empty()) {
      hold_free(act::Alert{"tag.not_in_force", "the stored tag " + name + " is not in force, and unknown for every endpoint, until it "
                                               "is saved again without what is wrong with it: " + *why});
    }
  }
  sort_unique(changed);
  return set_tags(changed, now);
}

const Tag* EmsCore::Impl::tag_by_id(posture::TagId id) const {
  return id == built_in_.id ? &built_in_ : registry_.tags.find(id);
}

std::string EmsCore::Impl::tag_name(posture::TagId id) const {
  const auto* tag = tag_by_id(id);
  return tag == nullptr ? std::string() : tag->definition.name.str();
}

}  // namespace postern::ems
