// Changes of tags, one or many: what they have to fulfil as they stand together, and how they are carried out.
#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/sort_unique.h"
#include "base/text.h"
#include "ems/core/impl.h"
#include "ems/core/name.h"
#include "posture/fact_keys.h"
#include "posture/tag_reference.h"
#include "proto/fact_codec.h"

namespace postern::ems {
namespace {

constexpr std::size_t kReferringTold = 10;

using TagErrors = std::vector<posture::TagError>;

constexpr std::string_view kByKind = "classification";  ///< The rule type whose tags are of that kind.

/// The tags that a rule names; null: it names none.
const std::vector<std::string>* tags_named_by(const posture::RuleSpec& rule) {
  if (rule.type != "tag" && rule.type != kByKind) return nullptr;
  const auto it = rule.parameters.find("tags");
  return it == rule.parameters.end() ? nullptr : std::get_if<std::vector<std::string>>(&it->second);
}

std::string first_of(const std::vector<std::string>& names) {
  if (names.size() <= kReferringTold) return join(names, ", ");
  return join({names.begin(), names.begin() + kReferringTold}, ", ") + fmt::format(" and {} more", names.size() - kReferringTold);
}

posture::TagError named_alike(const std::string& name, const std::string& other) {
  return {name, {ErrorCode::kAlreadyExists, "there is a tag " + other +
                                                " already; a name that differs only in case would be "
                                                "taken for it. Choose another name"}};
}

/// What edits make of names: which are new, and which nobody is called by any more.
struct Names {
  Names(const Table<posture::TagId, Tag>& tags, const posture::TagEdits& edits) {
    for (const auto& [id, definition] : edits.set) {
      const auto* before = tags.find(id);
      there.insert(definition.name.str());
      changed.insert(id);
      if (before != nullptr && before->definition.name == definition.name) continue;
      given.push_back(definition.name.str());
      if (before != nullptr) left.emplace(before->definition.name.str(), "renamed");
      renamed.insert(id);
    }
    for (const auto id : edits.removed) {
      changed.insert(id);
      renamed.insert(id);
      if (const auto* before = tags.find(id)) left.emplace(before->definition.name.str(), "deleted");
    }
    for (const auto& name : there) left.erase(name);
  }

  std::vector<std::string> given;                   ///< Of tags that were not called so, or not there.
  std::set<std::string, std::less<>> there;         ///< Of all that are saved.
  std::map<std::string, std::string_view> left;     ///< With what becomes of the tag.
  std::set<posture::TagId> changed;
  std::set<posture::TagId> renamed;                 ///< Or gone.
};

/// Tags of an older EMS may be called alike, or "..", already: they are told apart when one is renamed, and can be
/// changed until then.
void check_given(const Names& names, const Table<posture::TagId, Tag>& tags, TagErrors& errors) {
  std::map<std::string, std::string> given;  // by how it reads in lower case
  for (const auto& name : names.given) {
    if (const auto ok = check_new_name(name); !ok) errors.push_back({name, ok.error()});
    const auto lower = to_lower(name);
    if (name != posture::kAllRegisteredClients && lower == to_lower(posture::kAllRegisteredClients)) {
      errors.push_back(named_alike(name, std::string(posture::kAllRegisteredClients)));
    }
    const auto [it, fresh] = given.emplace(lower, name);
    if (!fresh && it->second != name) errors.push_back(named_alike(name, it->second));
  }
  if (given.empty()) return;
  for (const auto& [id, tag] : tags.all()) {
    if (names.renamed.contains(id)) continue;
    const auto& other = tag.definition.name.str();
    const auto it = given.find(to_lower(other));
    if (it != given.end() && it->second != other) errors.push_back(named_alike(it->second, other));
  }
}

/// What refers to tags of one kind must find them of that kind afterwards.
void check_kinds(const Names& names, const posture::TagDrafts& drafts, const posture::TagEngine& engine,
                 const Table<posture::TagId, Tag>& tags, TagErrors& errors) {
  std::map<std::string_view, posture::TagKind> kinds;
  std::map<std::string_view, std::vector<std::string>> leaves;  // the kind of before, with who refers to it by that
  for (const auto& [id, tag] : drafts.set) {
    const auto& after = tag->definition();
    const auto* before = tags.find(id);
    kinds.emplace(after.name.str(), after.kind);
    if (before == nullptr || before->definition.name != after.name) continue;
    const bool was = before->definition.kind == posture::TagKind::kClassification;
    if (was && after.kind != posture::TagKind::kClassification) leaves[after.name.str()];
  }
  for (const auto& [id, tag] : drafts.set) {
    for (const auto& key : tag->keys()) {
      const auto other = posture::referred_tag(key);
      if (!other || !other->kind) continue;
      const auto* compiled = engine.find(engine.id_of(other->name));
      const auto it = kinds.find(other->name);
      if (it == kinds.end() && compiled == nullptr) continue;  // it isn't there: told of already
      const auto kind = it == kinds.end() ? compiled->definition().kind : it->second;
      if (kind == *other->kind) continue;
      errors.push_back({tag->definition().name.str(),
                        {ErrorCode::kInvalidArgument,
                         fmt::format("rules: the tag {} is of the kind {}, and rules of type {} refer to tags of the kind {}; "
                                     "refer to it by a rule of type tag",
                                     other->name, posture::tag_kind_name(kind), kByKind, posture::tag_kind_name(*other->kind))}});
    }
  }
  if (leaves.empty()) return;
  for (const auto& [id, tag] : tags.all()) {
    if (names.changed.contains(id)) continue;
    for (const auto& rule : tag.definition.rules) {
      const auto* named = rule.type == kByKind ? tags_named_by(rule) : nullptr;
      for (const auto& name : named == nullptr ? std::vector<std::string>() : *named) {
        const auto it = leaves.find(name);
        if (it == leaves.end()) continue;
        if (it->second.empty() || it->second.back() != tag.definition.name.str()) it->second.push_back(tag.definition.name.str());
      }
    }
  }
  for (const auto& [name, by] : leaves) {
    if (by.empty()) continue;
    errors.push_back({std::string(name), {ErrorCode::kConflict,
                                          fmt::format("rules of {} are of type {} and refer to the tag {}; change them before its "
                                                      "kind is changed",
                                                      first_of(by), kByKind, name)}});
  }
}

/// Nobody may refer to what is not there afterwards.
void check_references(const Names& names, const posture::TagDrafts& drafts, const posture::TagEngine& engine,
                      const Table<posture::TagId, Tag>& tags, TagErrors& errors) {
  for (const auto& [id, tag] : drafts.set) {
    for (const auto& name : tag->referred_tags()) {
      if (names.there.contains(name) || names.left.contains(name) || engine.id_of(name) != 0) continue;
      errors.push_back({tag->definition().name.str(),
                        {ErrorCode::kInvalidArgument, "rules: there is no tag " + name + " that they could refer to"}});
    }
  }
  if (names.left.empty()) return;
  std::map<std::string, std::vector<std::string>> referring;
  const auto look = [&](const posture::TagDefinition& definition) {
    for (const auto& rule : definition.rules) {
      const auto* named = tags_named_by(rule);
      for (const auto& name : named == nullptr ? std::vector<std::string>() : *named) {
        if (!names.left.contains(name)) continue;
        auto& by = referring[name];
        if (by.empty() || by.back() != definition.name.str()) by.push_back(definition.name.str());
      }
    }
  };
  for (const auto& [id, tag] : tags.all()) {
    if (!names.changed.contains(id)) look(tag.definition);
  }
  for (const auto& [id, tag] : drafts.set) look(tag->definition());
  for (const auto& [name, by] : referring) {
    const auto what = names.left.at(name);
    errors.push_back({name, {ErrorCode::kConflict,
                             fmt::format("rules of {} refer to the tag {}{}; change them before it is {}", first_of(by), name,
                                         what == "renamed" ? " by its name" : "", what)}});
  }
}

}  // namespace

std::vector<std::string> EmsCore::Impl::tags_naming(std::string_view name) const {
  std::vector<std::string> out;
  for (const auto& [id, tag] : registry_.tags.all()) {
    if (tag.definition.name.str() == name) continue;
    const bool names = std::ranges::any_of(tag.definition.rules, [&](const posture::RuleSpec& rule) {
      const auto* named = tags_named_by(rule);
      return named != nullptr && std::ranges::find(*named, name) != named->end();
    });
    if (names) out.push_back(tag.definition.name.str());
  }
  return out;
}

std::size_t EmsCore::Impl::most_asked(const posture::TagDrafts* drafts) const {
  std::set<std::vector<std::string>> detections;
  for (const auto& [name, profile] : registry_.profiles.all()) {
    if (const auto detection = posture::OnFabricDetection::compile(profile.on_fabric)) {
      detections.insert(detection->required_facts());
    }
  }
  if (detections.empty()) detections.emplace();
  std::size_t detected = 0;
  for (const auto& also : detections) detected = std::max(detected, also.size());

  std::vector<const posture::CompiledTag*> tags;
  std::set<posture::TagId> changed;
  if (drafts != nullptr) {
    changed.insert(drafts->removed.begin(), drafts->removed.end());
    for (const auto& [id, tag] : drafts->set) {
      changed.insert(id);
      tags.push_back(tag.get());
    }
  }
  for (const auto id : engine_.tags()) {
    if (!changed.contains(id)) tags.push_back(engine_.find(id));
  }

  std::size_t most = 0;
  for (const auto os : posture::kAllOsFamilies) {
    // Mostly there are few, even where each tag's are counted apart: no list need be made.
    std::size_t at_most = detected;
    for (const auto* tag : tags) at_most += tag->required_facts(os).size();
    if (at_most <= proto::kMaxProbes) {
      most = std::max(most, at_most);
      continue;
    }
    std::vector<std::string_view> keys;
    for (const auto* tag : tags) keys.insert(keys.end(), tag->required_facts(os).begin(), tag->required_facts(os).end());
    sort_unique(keys);
    for (const auto& also : detections) {
      const auto more = std::ranges::count_if(also, [&](const auto& key) { return !std::ranges::binary_search(keys, key); });
      most = std::max(most, keys.size() + static_cast<std::size_t>(more));
    }
  }
  return most;
}

Error EmsCore::Impl::too_many_asked(std::size_t asked) {
  return {ErrorCode::kResourceExhausted,
          fmt::format("with this, rules would ask agents for {} facts; at most {} can be asked for: name fewer files, processes, "
                      "packages or hosts, here or in other tags and profiles",
                      asked, proto::kMaxProbes)};
}

tl::expected<posture::TagDrafts, TagErrors> EmsCore::Impl::check_tags(posture::TagEdits edits) const {
  TagErrors errors;
  const Names names(registry_.tags, edits);
  check_given(names, registry_.tags, errors);
  for (const auto& [id, definition] : edits.set) {
    const auto& name = definition.name.str();
    const bool busy = std::ranges::any_of(forgotten_, [&](const auto& one) { return one.first == id || one.second == name; });
    if (busy) {
      errors.push_back({name, {ErrorCode::kUnavailable, "the tag " + name + " was deleted just now and is still being taken off "
                                                        "endpoints that it was given to by hand; try again in a moment"}});
    }
  }
  auto drafts = engine_.drafts(std::move(edits));
  if (!drafts) errors.insert(errors.end(), drafts.error().begin(), drafts.error().end());
  if (drafts) {
    check_references(names, *drafts, engine_, registry_.tags, errors);
    check_kinds(names, *drafts, engine_, registry_.tags, errors);
  }
  if (!errors.empty()) return tl::unexpected(std::move(errors));
  const auto asked = drafts->set.empty() ? 0 : most_asked(&*drafts);
  if (asked > proto::kMaxProbes && asked > most_asked()) {  // what asks for fewer than before is taken
    return tl::unexpected(TagErrors{{drafts->set.size() == 1 ? names.there.begin()->c_str() : "", too_many_asked(asked)}});
  }
  return drafts;
}

void EmsCore::Impl::change_tags(Now now, const Actor& actor, posture::TagDrafts drafts) {
  std::vector<posture::TagId> saved;
  for (const auto& [id, tag] : drafts.set) saved.push_back(id);
  const auto removed = drafts.removed;
  if (saved.empty() && removed.empty()) return;
  engine_.adopt(std::move(drafts));
  forget_required_facts();
  for (const auto id : saved) put_tag(now, actor, id);
  for (const auto id : removed) drop_tag(now, actor, id);
  const bool asks_cves = std::ranges::any_of(saved, [&](const auto id) {
    const auto& read = engine_.find(id)->keys();
    return std::ranges::any_of(read, [](const auto& key) { return key.starts_with(posture::keys::kEmsVulnCve); });
  });
  if (asks_cves) answer_cves_later();
  saved.insert(saved.end(), removed.begin(), removed.end());
  if (auto ok = set_tags(saved, now); !ok) hold(act::Alert{"core.tags", ok.error().message});
  follow_later();
  if (!removed.empty()) forget_gone_later();
}

Result<EmsCore::Impl::TagPlan> EmsCore::Impl::plan_tags(ChangeSet set) const {
  if (set.save.size() > kMaxChangeSet || set.remove.size() > kMaxChangeSet) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} tags to save and {} to remove: at most {} of each are changed at once. Change them in several "
                            "parts, those first that others refer to",
                            set.save.size(), set.remove.size(), kMaxChangeSet));
  }
  TagPlan plan;
  TagErrors errors;
  posture::TagEdits edits;
  std::set<std::string> seen;
  const auto wrong = [&](const std::string& tag, ErrorCode code, std::string why) { errors.push_back({tag, {code, std::move(why)}}); };
  posture::TagId next = 0;
  const auto& given = *registry_.meta.find(std::string(meta::kNextTag));
  std::from_chars(given.data(), given.data() + given.size(), next);
  for (auto& definition : set.save) {
    const std::string name = definition.name.str();
    if (!seen.insert(name).second) {
      wrong(name, ErrorCode::kInvalidArgument, "is there twice; leave one out");
      continue;
    }
    auto id = engine_.id_of(name);
    const auto* before = registry_.tags.find(id);
    if (before != nullptr && before->definition == definition && engine_.find(id)->in_force()) {
      plan.said.unchanged.push_back(name);
      plan.unchanged.push_back(id);
      continue;
    }
    (id == 0 ? plan.said.created : plan.said.changed).push_back(name);
    for (const auto& warning : tag_warnings(definition)) plan.said.warnings.push_back(name + ": " + warning);
    if (id == 0) id = next++;
    edits.set.emplace_back(id, std::move(definition));
  }
  for (const auto& name : set.remove) {
    const auto id = engine_.id_of(name);
    if (!seen.insert(name).second) {
      const bool saved = std::ranges::find(plan.said.removed, name) == plan.said.removed.end();
      wrong(name, ErrorCode::kInvalidArgument, saved ? "is to be saved and to be removed; choose one" : "is to be removed twice; leave one out");
    } else if (id == 0) {
      wrong(name, ErrorCode::kNotFound, "there is no tag " + name + " to remove");
    } else {
      edits.removed.push_back(id);
      plan.said.removed.push_back(name);
      if (auto warning = by_hand_warning(id); !warning.empty()) plan.said.warnings.push_back(name + ": " + warning);
    }
  }
  auto drafts = check_tags(std::move(edits));
  if (!drafts) errors.insert(errors.end(), drafts.error().begin(), drafts.error().end());
  if (!errors.empty()) return fail(one_error(errors));
  plan.drafts = std::move(*drafts);
  return plan;
}

std::vector<std::string> EmsCore::referring_tags(std::string_view name) const { return impl_->tags_naming(name); }

EmsCore::TagVersions EmsCore::versions_behind(const ChangeSet& set) const {
  const auto& engine = impl_->engine_;
  std::map<std::string, const posture::TagDefinition*, std::less<>> drafts;
  std::vector<std::string> names;
  std::set<std::string, std::less<>> seen;
  const auto add = [&](const std::string& name) {
    if (name == posture::kAllRegisteredClients || names.size() == kMaxTagVersions) return;
    if (seen.insert(name).second) names.push_back(name);
  };
  for (const auto& definition : set.save) {
    drafts.emplace(definition.name.str(), &definition);
    add(definition.name.str());
  }
  for (const auto& name : set.remove) add(name);
  for (std::size_t i = 0; i < names.size(); ++i) {
    for (const auto id : engine.referring_to(names[i])) add(engine.find(id)->definition().name.str());
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (const auto draft = drafts.find(names[i]); draft != drafts.end()) {
      for (const auto& rule : draft->second->rules) {
        const auto* named = tags_named_by(rule);
        for (const auto& name : named == nullptr ? std::vector<std::string>() : *named) add(name);
      }
    } else if (const auto* stored = engine.find(engine.id_of(names[i]))) {
      for (const auto& name : stored->referred_tags()) add(name);
    }
  }
  const std::set<std::string_view> removed(set.remove.begin(), set.remove.end());
  TagVersions out;
  for (auto& name : names) {
    auto version = removed.contains(name) ? tag_version_to_delete(name) : tag_version(name);
    out.emplace(std::move(name), std::move(version));
  }
  return out;
}

void EmsCore::apply(Now now, const Actor& actor, ChangeSet set, Done<Applied> done) {
  auto plan = impl_->plan_tags(std::move(set));
  if (!plan) return impl_->refuse(std::move(done), plan.error());
  impl_->change_tags(now, actor, std::move(plan->drafts));
  impl_->complete(std::move(done), std::move(plan->said));
  impl_->after_input(now);
}

}  // namespace postern::ems
