// Tags and endpoint profiles.
#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "ems/core/impl.h"

namespace postern::ems {

std::string EmsCore::Impl::tag_named_alike(const std::string& name, posture::TagId self) const {
  const auto lower = to_lower(name);
  if (self != built_in_.id && lower == to_lower(posture::kAllRegisteredClients) &&
      name != posture::kAllRegisteredClients) {
    return std::string(posture::kAllRegisteredClients);
  }
  for (const auto& [id, tag] : registry_.tags.all()) {
    const auto& other = tag.definition.name.str();
    if (id != self && other != name && to_lower(other) == lower) return other;
  }
  return {};
}

std::vector<GatewaySerial> EmsCore::Impl::tag_shared_with(posture::TagId id) const {
  std::vector<GatewaySerial> out;
  const auto* tag = tag_by_id(id);
  if (tag == nullptr || !tag->definition.enabled) return out;
  for (const auto& [serial, d] : registry_.devices.all()) {
    const bool told = std::ranges::find(d.tag_kinds, tag->definition.kind) != d.tag_kinds.end();
    if (d.state == DeviceState::kAuthorised && told) out.push_back(serial);
  }
  return out;
}

std::string EmsCore::Impl::missed_tag_warning(posture::TagId id) const {
  const auto gateways = tag_shared_with(id);
  if (gateways.empty()) return {};
  std::string out = "it is shared with ";
  for (std::size_t i = 0; i < gateways.size() && i < 3; ++i) out += (i == 0 ? "" : ", ") + gateways[i].str();
  if (gateways.size() > 3) out += " and " + std::to_string(gateways.size() - 3) + " more";
  return out + ": policies there that name it count it as unknown until they are changed";
}

std::vector<GatewaySerial> EmsCore::tag_shared_with(posture::TagId id) const { return impl_->tag_shared_with(id); }

void EmsCore::save_tag(Now now, const Actor& actor, std::string_view name, posture::TagDefinition definition,
                       bool create_only, Done<posture::TagId> done) {
  auto& registry = impl_->registry_;
  auto id = impl_->engine_.id_of(name);
  if (id != 0 && create_only) {
    return impl_->refuse(std::move(done),
                         {ErrorCode::kAlreadyExists, "there is a tag " + std::string(name) + " already"});
  }
  const bool fresh = id == 0;
  const Tag* before = fresh ? nullptr : impl_->registry_.tags.find(id);
  const std::string old_name = before == nullptr ? std::string() : before->definition.name.str();
  // Tags of an older EMS may be called alike already: they are told apart when one is renamed, and can be changed until
  // then.
  const bool named = fresh || old_name != definition.name.str();
  if (const auto other = named ? impl_->tag_named_alike(definition.name.str(), id) : std::string(); !other.empty()) {
    return impl_->refuse(std::move(done),
                         {ErrorCode::kAlreadyExists, "there is a tag " + other +
                                                         " already; a name that differs only in case would be "
                                                         "taken for it. Choose another name"});
  }
  if (fresh) {
    const auto& next = *registry.meta.find(std::string(meta::kNextTag));
    std::from_chars(next.data(), next.data() + next.size(), id);
  }
  if (auto ok = impl_->engine_.set(id, definition); !ok) return impl_->refuse(std::move(done), ok.error());
  if (fresh) registry.meta.edit(std::string(meta::kNextTag)) = std::to_string(id + 1);
  // Gateways' policies name tags: what was called so is missed there from now on.
  std::string detail;
  if (!fresh && old_name != definition.name.str()) {
    detail = "was " + old_name;
    if (const auto warning = impl_->missed_tag_warning(id); !warning.empty()) {
      detail += "; " + warning;
      impl_->hold(act::Alert{"tag.renamed",
                             "the tag " + old_name + " is called " + definition.name.str() + " now; " + warning});
    }
  }
  auto& tag = registry.tags.edit(id);
  tag.id = id;
  tag.definition = std::move(definition);
  tag.updated_at = now.wall;
  tag.updated_by = actor.name;
  impl_->reevaluate_later({id});
  impl_->audit(now, actor, fresh ? "tag.create" : "tag.change", tag.definition.name.str(), std::move(detail));
  impl_->complete(std::move(done), id);
  impl_->after_input(now);
}

void EmsCore::delete_tag(Now now, const Actor& actor, std::string_view name, DoneStatus done) {
  const auto id = impl_->engine_.id_of(name);
  if (id == 0) return impl_->refuse(std::move(done), {ErrorCode::kNotFound, "there is no tag " + std::string(name)});
  auto warning = impl_->missed_tag_warning(id);
  if (auto ok = impl_->engine_.remove(id); !ok) return impl_->refuse(std::move(done), ok.error());
  if (!warning.empty()) impl_->hold(act::Alert{"tag.deleted", "the tag " + std::string(name) + " is gone; " + warning});
  impl_->registry_.tags.erase(id);
  impl_->reevaluate_later({id});
  impl_->audit(now, actor, "tag.delete", std::string(name), std::move(warning));
  impl_->complete(std::move(done));
  impl_->after_input(now);
}

void EmsCore::save_profile(Now now, const Actor& actor, Profile profile, DoneStatus done) {
  if (!valid_tag_name(profile.name)) {
    return impl_->refuse(std::move(done),
                         {ErrorCode::kInvalidArgument,
                          "a profile's name has 1 to 63 letters, digits, dots, hyphens, underscores or spaces inside"});
  }
  if (profile.inventory_interval < Seconds(60) || profile.inventory_interval > Seconds(7 * 24 * 3600)) {
    return impl_->refuse(std::move(done),
                         {ErrorCode::kInvalidArgument, "the inventory interval is from 60 seconds to 7 days"});
  }
  const auto* before = impl_->registry_.profiles.find(profile.name);
  const bool scan_changed = before != nullptr && before->vulnerability_scan != profile.vulnerability_scan;
  impl_->audit(now, actor, before == nullptr ? "profile.create" : "profile.change", profile.name);
  impl_->registry_.profiles.edit(profile.name) = profile;
  if (scan_changed) impl_->rematch_later();
  impl_->complete(std::move(done));
  impl_->after_input(now);
}

void EmsCore::delete_profile(Now now, const Actor& actor, const std::string& name, DoneStatus done) {
  if (impl_->registry_.profiles.find(name) == nullptr) {
    return impl_->refuse(std::move(done), {ErrorCode::kNotFound, "there is no endpoint profile " + name});
  }
  const bool used = std::ranges::any_of(impl_->registry_.endpoints.all(), [&](const auto& row) {
    return row.second.registered() && row.second.profile == name;
  });
  if (name == kDefaultProfile || used) {
    return impl_->refuse(
        std::move(done),
        {ErrorCode::kConflict, name == kDefaultProfile ? "the default profile can't be deleted"
                                                       : "endpoints use this profile; give them another first"});
  }
  impl_->registry_.profiles.erase(name);
  impl_->audit(now, actor, "profile.delete", name);
  impl_->complete(std::move(done));
  impl_->after_input(now);
}

}  // namespace postern::ems
