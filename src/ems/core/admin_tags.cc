// Tags and endpoint profiles.
#include <algorithm>
#include <charconv>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "ems/core/impl.h"
#include "ems/registry/codec.h"
#include "ems/registry/registry.h"
#include "posture/fact_keys.h"
#include "proto/fact_codec.h"

namespace postern::ems {
namespace {

constexpr std::size_t kUndoLookBack = 50;

}  // namespace

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

std::vector<std::string> EmsCore::Impl::tags_naming(std::string_view name) const {
  std::vector<std::string> out;
  const std::string text(name);
  for (const auto& [id, tag] : registry_.tags.all()) {
    if (tag.definition.name.str() == name) continue;
    const bool names = std::ranges::any_of(tag.definition.rules, [&](const posture::RuleSpec& rule) {
      if (rule.type != "tag" && rule.type != "classification") return false;
      const auto it = rule.parameters.find("tags");
      const auto* list = it == rule.parameters.end() ? nullptr : std::get_if<std::vector<std::string>>(&it->second);
      return list != nullptr && std::ranges::find(*list, text) != list->end();
    });
    if (names) out.push_back(tag.definition.name.str());
  }
  return out;
}

std::size_t EmsCore::Impl::most_asked() const {
  std::set<std::vector<std::string>> detections;
  for (const auto& [name, profile] : registry_.profiles.all()) {
    if (const auto detection = posture::OnFabricDetection::compile(profile.on_fabric)) {
      detections.insert(detection->required_facts());
    }
  }
  if (detections.empty()) detections.emplace();
  std::size_t most = 0, detected = 0;
  for (const auto& also : detections) detected = std::max(detected, also.size());
  for (const auto os : posture::kAllOsFamilies) {
    // Mostly there are few, even where each tag's are counted apart: no list need be made.
    std::size_t at_most = detected;
    for (const auto id : engine_.tags()) at_most += engine_.find(id)->required_facts(os).size();
    if (at_most <= proto::kMaxProbes) {
      most = std::max(most, at_most);
      continue;
    }
    for (const auto& also : detections) most = std::max(most, engine_.required_facts(os, also).keys.size());
  }
  return most;
}

Error EmsCore::Impl::too_many_asked(std::size_t asked) {
  return {ErrorCode::kResourceExhausted,
          fmt::format("with this, rules would ask agents for {} facts; at most {} can be asked for: name fewer files, processes, "
                      "packages or hosts, here or in other tags and profiles",
                      asked, proto::kMaxProbes)};
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
  impl_->store_tag(now, actor, id, std::move(definition), std::move(done));
}

void EmsCore::Impl::store_tag(Now now, const Actor& actor, posture::TagId id, posture::TagDefinition definition,
                              Done<posture::TagId> done) {
  const Tag* before = registry_.tags.find(id);
  const bool fresh = before == nullptr;
  const std::string old_name = fresh ? std::string() : before->definition.name.str();
  const bool renamed = !fresh && old_name != definition.name.str();
  if (const auto others = renamed ? tags_naming(old_name) : std::vector<std::string>(); !others.empty()) {
    return refuse(std::move(done), {ErrorCode::kConflict, "rules of " + join(others, ", ") + " refer to the tag " + old_name +
                                                              " by its name; change them before it is renamed"});
  }
  if (auto ok = engine_.set(id, definition); !ok) return refuse(std::move(done), ok.error());
  // The engine is as it was: what was there before compiled.
  const auto take_back = [&] { fresh ? (void)engine_.remove(id) : (void)engine_.set(id, before->definition); };
  const auto referred = engine_.find(id)->referred_tags();  // a copy: the tag may go below
  for (const auto& name : referred) {
    if (engine_.id_of(name) != 0) continue;
    take_back();
    return refuse(std::move(done), {ErrorCode::kInvalidArgument, "rules: there is no tag " + name + " that they could refer to"});
  }
  if (const auto asked = most_asked(); asked > proto::kMaxProbes) {
    take_back();
    if (asked > most_asked()) return refuse(std::move(done), too_many_asked(asked));
    (void)engine_.set(id, definition);  // fewer than before
  }
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
  forget_required_facts();
  auto& tag = registry_.tags.edit(id);
  tag.id = id;
  tag.definition = std::move(definition);
  tag.updated_at = now.wall;
  tag.updated_by = actor.name;
  if (renamed) forget_classification(now, id, false);
  const auto& read = engine_.find(id)->keys();
  const bool asks_cves = std::ranges::any_of(read, [](const auto& key) { return key.starts_with(posture::keys::kEmsVulnCve); });
  if (asks_cves) answer_cves_later();
  if (auto ok = set_tags({&id, 1}, now); !ok) hold(act::Alert{"core.tags", ok.error().message});
  follow_later();
  audit(now, actor, fresh ? "tag.create" : "tag.change", tag.definition.name.str(), std::move(detail));
  complete(std::move(done), id);
  after_input(now);
}

void EmsCore::delete_tag(Now now, const Actor& actor, std::string_view name, DoneStatus done) {
  const auto id = impl_->engine_.id_of(name);
  if (id == 0) return impl_->refuse(std::move(done), {ErrorCode::kNotFound, "there is no tag " + std::string(name)});
  if (const auto others = impl_->tags_naming(name); !others.empty()) {
    return impl_->refuse(std::move(done), {ErrorCode::kConflict, "rules of " + join(others, ", ") + " refer to the tag " +
                                                                     std::string(name) + "; change them before it is deleted"});
  }
  auto warning = impl_->missed_tag_warning(id);
  if (auto ok = impl_->engine_.remove(id); !ok) return impl_->refuse(std::move(done), ok.error());
  if (!warning.empty()) impl_->hold(act::Alert{"tag.deleted", "the tag " + std::string(name) + " is gone; " + warning});
  impl_->registry_.tags.erase(id);
  impl_->forget_required_facts();
  impl_->forget_classification(now, id, true);
  if (auto ok = impl_->set_tags({&id, 1}, now); !ok) impl_->hold(act::Alert{"core.tags", ok.error().message});
  impl_->follow_later();
  impl_->audit(now, actor, "tag.delete", std::string(name), std::move(warning));
  impl_->complete(std::move(done));
  impl_->after_input(now);
}

void EmsCore::undo_tag(Now now, const Actor& actor, const std::string& name, Revision expected, Done<Undone> done) {
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
  // Changes stand under the name that the tag got by them: of one that was renamed since, this is not the last.
  if (tag(name) == nullptr && last->change.json != kRemovedEvent) return refuse(ErrorCode::kNotFound, "there is no tag " + name);
  if (last->undo.empty()) {  // it was made then
    return delete_tag(now, actor, name, [done, name, revision](Status ok) {
      if (!done) return;
      ok ? done(Undone{name, false, revision}) : done(postern::fail(ok.error()));
    });
  }
  auto was = codec::read_tag_row(last->undo);
  if (!was) return impl_->refuse(std::move(done), was.error());
  const auto old_name = was->definition.name.str();
  const auto* now_called_so = tag(old_name);
  if ((now_called_so != nullptr && now_called_so->id != was->id) || !impl_->tag_named_alike(old_name, was->id).empty()) {
    return refuse(ErrorCode::kAlreadyExists, "there is another tag called like " + old_name + " by now; rename it first");
  }
  impl_->store_tag(now, actor, was->id, std::move(was->definition), [done, old_name, revision](Result<posture::TagId> ok) {
    if (!done) return;
    ok ? done(Undone{old_name, true, revision}) : done(postern::fail(ok.error()));
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
  impl_->registry_.profiles.edit(profile.name) = profile;
  impl_->forget_required_facts();
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
