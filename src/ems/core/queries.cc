#include <algorithm>

#include "ems/core/impl.h"
#include "ems/core/why_words.h"
#include "proto/invitation.h"

namespace postern::ems {
namespace {

template <class Map>
auto pointers(const Map& map) {
  std::vector<const typename Map::mapped_type*> out;
  out.reserve(map.size());
  for (const auto& [key, value] : map) out.push_back(&value);
  return out;
}

}  // namespace

EmsStatus EmsCore::status() const { return impl_->status(); }
Revision EmsCore::revision() const { return impl_->revision_; }
const Endpoint* EmsCore::endpoint(const EndpointUid& uid) const { return impl_->registry_.endpoints.find(uid); }
const posture::TagEngine& EmsCore::engine() const { return impl_->engine_; }

EndpointPage EmsCore::endpoints(const EndpointQuery& query) const {
  const auto id_of = [this](std::string_view name) { return impl_->engine_.id_of(name); };
  return find_endpoints(impl_->registry_.endpoints.all(), query, id_of);
}

std::vector<const Tag*> EmsCore::tags() const {
  auto out = pointers(impl_->registry_.tags.all());
  out.push_back(&impl_->built_in_);
  std::ranges::sort(out, {}, [](const Tag* t) { return t->definition.name.str(); });
  return out;
}

const Tag* EmsCore::tag(std::string_view name) const { return impl_->tag_by_id(impl_->engine_.id_of(name)); }

EmsCore::TagCounts EmsCore::tag_counts(posture::TagId id) const {
  const auto counts = impl_->registry_.tag_counts(id);
  return {counts.has, counts.unknown};
}

std::vector<const Invitation*> EmsCore::invitations() const {
  auto out = pointers(impl_->registry_.invitations.all());
  std::ranges::stable_sort(out, std::ranges::greater(), [](const Invitation* i) { return i->created_at; });
  return out;
}

const Invitation* EmsCore::invitation(std::string_view id) const {
  return impl_->registry_.invitations.find(std::string(id));
}

std::optional<FabricDeviceView> EmsCore::fabric_device(const GatewaySerial& serial) const {
  const auto* d = impl_->registry_.devices.find(serial);
  if (d == nullptr) return std::nullopt;
  FabricDeviceView out;
  out.device = *d;
  if (d->pinned_key && d->offered_key != *d->pinned_key) out.device.state = DeviceState::kConflict;
  if (const auto it = impl_->contacts_.find(serial); it != impl_->contacts_.end()) out.last_contact = it->second;
  for (const auto& [id, s] : impl_->gateways_) {
    if (s.serial != serial || !s.helloed || (d->pinned_key && *d->pinned_key != s.key)) continue;
    out.connected = true;
    out.report = s.report;
    out.last_contact = std::max(out.last_contact, s.last_contact);
  }
  if (const auto it = impl_->publishers_.find(serial); it != impl_->publishers_.end()) {
    out.shared_endpoints = it->second.view().entries().size();
  }
  return out;
}

std::vector<FabricDeviceView> EmsCore::fabric_devices() const {
  std::vector<FabricDeviceView> out;
  for (const auto& [serial, d] : impl_->registry_.devices.all()) out.push_back(*fabric_device(serial));
  std::ranges::stable_partition(out, [](const auto& v) { return v.device.state == DeviceState::kPending; });
  return out;
}

std::vector<const Profile*> EmsCore::profiles() const { return pointers(impl_->registry_.profiles.all()); }
const Profile* EmsCore::profile(std::string_view name) const {
  return impl_->registry_.profiles.find(std::string(name));
}
std::vector<const Administrator*> EmsCore::administrators() const {
  return pointers(impl_->registry_.administrators.all());
}
const Administrator* EmsCore::administrator(std::string_view name) const {
  return impl_->registry_.administrators.find(std::string(name));
}
std::vector<const ApiToken*> EmsCore::api_tokens() const { return pointers(impl_->registry_.tokens.all()); }

const ApiToken* EmsCore::api_token(const Sha256& token_sha256, WallTime now) const {
  const ApiToken* found = nullptr;
  for (const auto& [id, token] : impl_->registry_.tokens.all()) {
    if (equal_constant_time(token.token_sha256, token_sha256)) found = &token;
  }
  if (found == nullptr || (found->expires_at && *found->expires_at <= now)) return nullptr;
  return found;
}

std::vector<const ServerCertificate*> EmsCore::server_certificates() const {
  return pointers(impl_->registry_.certificates.all());
}

const ServerCertificate* EmsCore::selected_server_certificate() const {
  for (const auto& [name, c] : impl_->registry_.certificates.all()) {
    if (c.selected) return &c;
  }
  return nullptr;
}

bool EmsCore::reads_feeds() const { return !impl_->matching_set_ || !impl_->feeds_being_read_.empty(); }

Result<std::vector<Finding>> EmsCore::findings(const EndpointUid& uid) const {
  const auto* e = endpoint(uid);
  if (e == nullptr) return fail(ErrorCode::kNotFound, "there is no endpoint " + uid.str());
  if (!impl_->matching_ && reads_feeds()) {
    return fail(ErrorCode::kUnavailable,
                "the EMS is still reading its vulnerability feeds; try again in a few seconds (GET ems shows how far it is)");
  }
  if (!impl_->matching_)
    return fail(ErrorCode::kUnavailable, "no vulnerability feed has been read yet; add one (POST feeds, or postern-ems run --feed)");
  if (!impl_->profile_of(*e).vulnerability_scan) {
    return fail(ErrorCode::kUnavailable, "the endpoint's profile has Vulnerability Scan switched off");
  }
  if (!e->inventory) return fail(ErrorCode::kUnavailable, "the endpoint has not sent its packages yet");
  const auto result = impl_->match_result(*e);
  if (!result) return fail(ErrorCode::kDataLoss, "the endpoint's package inventory can't be read");
  if (!result->covered) {
    return fail(ErrorCode::kUnavailable, "the vulnerability feeds say nothing of this endpoint's distribution");
  }
  if (result->findings.empty() && !result->unjudged.empty())
    return fail(ErrorCode::kUnavailable, unjudged_words(result->unjudged));
  return result->findings;
}

Result<std::vector<Change>> EmsCore::changes(Revision after, std::size_t limit, std::string_view key) const {
  const auto position = impl_->store_.position();
  if (!position) return fail(position.error());
  if (after < position->oldest) {
    return fail(ErrorCode::kNotFound, "the change log does not reach back to revision " + std::to_string(after) +
                                          "; read everything and go on from revision " + std::to_string(revision()));
  }
  auto rows = impl_->store_.changes(after, limit, key);
  if (!rows) return fail(rows.error());
  std::vector<Change> out;
  for (auto& row : *rows) out.push_back(std::move(row.change));
  return out;
}

Result<std::vector<Change>> EmsCore::history(std::string_view key, Revision before, std::size_t limit) const {
  auto rows = impl_->store_.history(key, before, limit);
  if (!rows) return fail(rows.error());
  std::vector<Change> out;
  for (auto& row : *rows) out.push_back(std::move(row.change));
  return out;
}

Result<std::vector<AuditEntry>> EmsCore::audit(std::uint64_t before, std::size_t limit) const {
  return impl_->store_.audit(before, limit);
}

std::uint64_t EmsCore::audit_size() const { return impl_->store_.audit_size(); }

std::uint64_t EmsCore::wait_for_change(Revision after, std::function<void()> call) {
  const auto number = impl_->next_wait_++;
  if (impl_->revision_ > after) {
    impl_->hold_free(act::Complete{std::move(call)});
  } else {
    impl_->waits_.emplace(number, std::pair(after, std::move(call)));
  }
  return number;
}

std::string EmsCore::invitation_text(const std::string& code) const {
  return proto::print_invitation({impl_->options_.public_addresses, code, impl_->identity_->root_key_sha256()});
}

void EmsCore::forget_wait(std::uint64_t wait) { impl_->waits_.erase(wait); }

}  // namespace postern::ems
