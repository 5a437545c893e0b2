// Tags and endpoint profiles.
#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/text.h"
#include "ems/core/impl.h"
#include "ems/registry/codec.h"
#include "ems/registry/registry.h"
#include "ems/registry/removal.h"

namespace postern::ems {
namespace {

constexpr std::size_t kUndoLookBack = 50;

}  // namespace

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
  if (id == 0) {
    const auto& next = *registry.meta.find(std::string(meta::kNextTag));
    std::from_chars(next.data(), next.data() + next.size(), id);
  }
  impl_->store_tag(now, actor, id, std::move(definition), std::move(done));
}

void EmsCore::Impl::store_tag(Now now, const Actor& actor, posture::TagId id, posture::TagDefinition definition,
                              Done<posture::TagId> done) {
  auto drafts = check_tags({.set = {{id, std::move(definition)}}});
  if (!drafts) return refuse(std::move(done), drafts.error().front().error);
  change_tags(now, actor, std::move(*drafts));
  complete(std::move(done), id);
  after_input(now);
}

void EmsCore::Impl::put_tag(Now now, const Actor& actor, posture::TagId id) {
  const auto& definition = engine_.find(id)->definition();
  const Tag* before = registry_.tags.find(id);
  const bool fresh = before == nullptr;
  const std::string old_name = fresh ? std::string() : before->definition.name.str();
  const bool renamed = !fresh && old_name != definition.name.str();
  auto& next = registry_.meta.edit(std::string(meta::kNextTag));
  if (posture::TagId given = 0; std::from_chars(next.data(), next.data() + next.size(), given).ec == std::errc() && given <= id)
    next = std::to_string(id + 1);
  // Gateways' policies name tags: what was called so is missed there from now on.
  std::string detail;
  if (renamed) {
    detail = "was " + old_name;
    if (const auto warning = missed_tag_warning(id); !warning.empty()) {
      detail += "; " + warning;
      hold(act::Alert{"tag.renamed", "the tag " + old_name + " is called " + definition.name.str() + " now; " + warning});
    }
  }
  auto& tag = registry_.tags.edit(id);
  tag.id = id;
  tag.definition = definition;
  tag.updated_at = now.wall;
  tag.updated_by = actor.name;
  if (renamed) rename_classification(now, id);
  audit(now, actor, fresh ? "tag.create" : "tag.change", definition.name.str(), std::move(detail));
}

void EmsCore::delete_tag(Now now, const Actor& actor, std::string_view name, DoneStatus done) {
  const auto id = impl_->engine_.id_of(name);
  if (id == 0) return impl_->refuse(std::move(done), {ErrorCode::kNotFound, "there is no tag " + std::string(name)});
  auto drafts = impl_->check_tags({.removed = {id}});
  if (!drafts) return impl_->refuse(std::move(done), drafts.error().front().error);
  impl_->change_tags(now, actor, std::move(*drafts));
  impl_->complete(std::move(done));
  impl_->after_input(now);
}

std::vector<std::string> EmsCore::deletion_warnings(std::string_view tag) const {
  auto warning = impl_->by_hand_warning(impl_->engine_.id_of(tag));
  return warning.empty() ? std::vector<std::string>() : std::vector<std::string>{std::move(warning)};
}

void EmsCore::Impl::drop_tag(Now now, const Actor& actor, posture::TagId id) {
  const auto name = tag_name(id);
  auto warning = missed_tag_warning(id);
  if (auto by_hand = by_hand_warning(id); !by_hand.empty()) warning += (warning.empty() ? "" : "; ") + by_hand;
  if (!warning.empty()) hold(act::Alert{"tag.deleted", "the tag " + name + " is gone; " + warning});
  registry_.tags.erase(id);
  forget_classification(id, name);
  audit(now, actor, "tag.delete", name, std::move(warning));
}

void EmsCore::undo_tag(Now now, const Actor& actor, const std::string& name, Revision expected, std::string_view basis, Done<Undone> done) {
  const auto refuse = [&](ErrorCode code, std::string why) { impl_->refuse(std::move(done), {code, std::move(why)}); };
  if (impl_->registry_.tags.touched()) return refuse(ErrorCode::kUnavailable, "the tag is being changed at this moment; try again");
  const auto log = impl_->store_.history(name, 0, kUndoLookBack);
  if (!log) return impl_->refuse(std::move(done), log.error());
  const auto last = std::ranges::find(*log, std::string_view("tag"), [](const StoredChange& c) { return std::string_view(c.change.kind); });
  if (last == log->end()) return refuse(ErrorCode::kNotFound, "no change of a tag called " + name + " is kept");
  const auto revision = last->change.revision;
  if (expected != 0 && expected != revision) {
    return refuse(ErrorCode::kConflict, fmt::format("the last change of {} is revision {} now, not {}; look at it first", name, revision, expected));
  }
  if (!basis.empty()) {
    const auto as_it_is = last_tag_change(name);
    if (!as_it_is) return impl_->refuse(std::move(done), as_it_is.error());
    if (as_it_is->basis != basis) {
      return refuse(ErrorCode::kConflict, "a tag that refers to " + name + ", or that it refers to, was changed or made after what "
                                          "undoing this does was looked at. Look at it as it is now, and decide anew");
    }
  }
  // Changes stand under the name that the tag got by them: of one that was renamed since, this is not the last.
  const auto removed_from = read_removed_tag(last->change.json);
  if (tag(name) == nullptr && !removed_from) return refuse(ErrorCode::kNotFound, "there is no tag " + name);
  if (last->undo.empty()) {  // it was made then
    return delete_tag(now, actor, name, [done, name, revision, lost = deletion_warnings(name)](Status ok) {
      if (!done) return;
      ok ? done(Undone{name, false, revision, lost}) : done(postern::fail(ok.error()));
    });
  }
  auto was = codec::read_tag_row(last->undo);
  if (!was) return impl_->refuse(std::move(done), was.error());
  const auto old_name = was->definition.name.str();
  const auto* now_called_so = tag(old_name);
  if (now_called_so != nullptr && now_called_so->id != was->id) {
    return refuse(ErrorCode::kAlreadyExists, "there is another tag called like " + old_name + " by now; rename it first");
  }
  // Whom it had been given to by hand is not given it again, although the log would tell who that was: each time somebody had
  // decided so, and since then endpoints may have been enrolled anew, handed on, or found unfit. An administrator can mend a
  // grant that is missing and told of; one that nobody decided, nobody looks for.
  std::vector<std::string> warnings;
  if (const auto n = removed_from.value_or(0); n != 0) {
    warnings.push_back(fmt::format("{0} endpoint{1} had been given it by hand and {2} not have it again: the audit log (endpoint.classify) "
                                   "says to whom it was given",
                                   n, n == 1 ? "" : "s", n == 1 ? "does" : "do"));
  }
  impl_->store_tag(now, actor, was->id, std::move(was->definition),
                   [done, old_name, revision, warnings = std::move(warnings)](Result<posture::TagId> ok) {
    if (!done) return;
    ok ? done(Undone{old_name, true, revision, warnings}) : done(postern::fail(ok.error()));
  });
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
  if (before != nullptr) profile.on_fabric = before->on_fabric;  // set_detection's
  if (before != nullptr) profile.destinations = before->destinations;  // set_destinations'
  impl_->registry_.profiles.edit(profile.name) = profile;
  impl_->forget_required_facts();
  if (scan_changed) impl_->rematch_later();
  impl_->complete(std::move(done));
  impl_->after_input(now);
}

void EmsCore::set_destinations(Now now, const Actor& actor, const std::string& profile,
                               std::vector<proto::ZtnaDestination> destinations, DoneStatus done) {
  if (impl_->registry_.profiles.find(profile) == nullptr) {
    return impl_->refuse(std::move(done), {ErrorCode::kNotFound, "there is no endpoint profile " + profile});
  }
  impl_->registry_.profiles.edit(profile).destinations = std::move(destinations);
  impl_->audit(now, actor, "profile.ztna_destinations", profile);
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
