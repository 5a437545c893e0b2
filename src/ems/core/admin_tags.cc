// Tags and endpoint profiles.
#include <algorithm>
#include <charconv>

#include "ems/core/impl.h"

namespace postern::ems {

void EmsCore::save_tag(Now now, const Actor& actor, std::string_view name, posture::TagDefinition definition,
                       bool create_only, Done<posture::TagId> done) {
  auto& registry = impl_->registry_;
  auto id = impl_->engine_.id_of(name);
  if (id != 0 && create_only) {
    return impl_->refuse(std::move(done), {ErrorCode::kAlreadyExists, "there is a tag " + std::string(name) + " already"});
  }
  const bool fresh = id == 0;
  if (fresh) {
    const auto& next = *registry.meta.find(std::string(meta::kNextTag));
    std::from_chars(next.data(), next.data() + next.size(), id);
  }
  if (auto ok = impl_->engine_.set(id, definition); !ok) return impl_->refuse(std::move(done), ok.error());
  if (fresh) registry.meta.edit(std::string(meta::kNextTag)) = std::to_string(id + 1);
  auto& tag = registry.tags.edit(id);
  tag.id = id;
  tag.definition = std::move(definition);
  tag.updated_at = now.wall;
  tag.updated_by = actor.name;
  impl_->reevaluate_later({id});
  impl_->audit(now, actor, fresh ? "tag.create" : "tag.change", tag.definition.name.str());
  impl_->complete(std::move(done), id);
  impl_->after_input(now);
}

void EmsCore::delete_tag(Now now, const Actor& actor, std::string_view name, DoneStatus done) {
  const auto id = impl_->engine_.id_of(name);
  if (id == 0) return impl_->refuse(std::move(done), {ErrorCode::kNotFound, "there is no tag " + std::string(name)});
  if (auto ok = impl_->engine_.remove(id); !ok) return impl_->refuse(std::move(done), ok.error());
  impl_->registry_.tags.erase(id);
  impl_->reevaluate_later({id});
  impl_->audit(now, actor, "tag.delete", std::string(name));
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
    return impl_->refuse(std::move(done), {ErrorCode::kConflict, name == kDefaultProfile
                                                                     ? "the default profile can't be deleted"
                                                                     : "endpoints use this profile; give them another first"});
  }
  impl_->registry_.profiles.erase(name);
  impl_->audit(now, actor, "profile.delete", name);
  impl_->complete(std::move(done));
  impl_->after_input(now);
}

}  // namespace postern::ems
