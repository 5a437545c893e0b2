#include "posture/engine.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/sha256.h"
#include "base/sort_unique.h"
#include "posture/quote.h"

namespace postern::posture {
namespace {

std::uint64_t version_of(const std::vector<Probe>& probes) {
  std::string text;
  for (const Probe& probe : probes) {
    // With its length in front, no argument can look like the end of another.
    text += fmt::format("{}:{}:{}\n", static_cast<int>(probe.kind), probe.argument.size(),
                        probe.argument);
  }
  const Sha256 digest = sha256(text);
  std::uint64_t version = 0;
  for (int i = 0; i < 8; ++i) version = version << 8 | digest[i];
  return version == 0 ? 1 : version;
}

Error built_in(std::string_view doing) {
  return {ErrorCode::kPermissionDenied,
          fmt::format("\"{}\" is built in and can't be {}", kAllRegisteredClients, doing)};
}

}  // namespace

TagEngine::TagEngine() {
  auto tag = std::make_unique<const CompiledTag>(compile_all_registered_clients());
  index(kAllRegisteredClientsId, *tag);
  tags_[kAllRegisteredClientsId] = std::move(tag);
}

Status TagEngine::set(TagId id, TagDefinition definition) {
  if (id == kAllRegisteredClientsId) return fail(built_in("changed"));
  if (id == 0) return fail(ErrorCode::kInvalidArgument, "0 is no tag's number");
  if (definition.name.str() == kAllRegisteredClients) return fail(built_in("changed"));
  if (const TagId other = id_of(definition.name.str()); other != 0 && other != id) {
    return fail(ErrorCode::kAlreadyExists,
                fmt::format("there is a tag {} already; choose another name",
                            posture::quoted(definition.name.str())));
  }
  auto compiled = compile_tag(std::move(definition));
  if (!compiled) return fail(compiled.error());
  auto tag = std::make_unique<const CompiledTag>(std::move(*compiled));
  auto& slot = tags_[id];
  if (slot) unindex(id, *slot);
  index(id, *tag);
  slot = std::move(tag);
  return {};
}

Status TagEngine::remove(TagId id) {
  if (id == kAllRegisteredClientsId) return fail(built_in("deleted"));
  const auto it = tags_.find(id);
  if (it == tags_.end())
    return fail(ErrorCode::kNotFound, fmt::format("there is no tag with the number {}", id));
  unindex(id, *it->second);
  tags_.erase(it);
  return {};
}

const CompiledTag* TagEngine::find(TagId id) const {
  const auto it = tags_.find(id);
  return it == tags_.end() ? nullptr : it->second.get();
}

std::vector<TagId> TagEngine::tags() const {
  std::vector<TagId> ids;
  ids.reserve(tags_.size());
  for (const auto& [id, tag] : tags_) ids.push_back(id);
  return ids;
}

TagId TagEngine::id_of(std::string_view name) const {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? 0 : it->second;
}

void TagEngine::index(TagId id, const CompiledTag& tag) {
  by_name_[tag.definition().name.str()] = id;
  for (const std::string& key : tag.keys()) {
    auto& ids = by_key_[key];
    ids.insert(std::lower_bound(ids.begin(), ids.end(), id), id);
  }
}

void TagEngine::unindex(TagId id, const CompiledTag& tag) {
  by_name_.erase(tag.definition().name.str());
  for (const std::string& key : tag.keys()) {
    const auto it = by_key_.find(key);
    std::erase(it->second, id);
    if (it->second.empty()) by_key_.erase(it);
  }
}

std::vector<TagId> TagEngine::affected_by(std::span<const std::string> changed_keys) const {
  std::vector<TagId> ids;
  for (const std::string& key : changed_keys) {
    if (const auto it = by_key_.find(key); it != by_key_.end()) {
      ids.insert(ids.end(), it->second.begin(), it->second.end());
    }
  }
  sort_unique(ids);
  return ids;
}

TagState TagEngine::evaluate(TagId id, const FactMap& facts, Now now) const {
  const CompiledTag* tag = find(id);
  return tag == nullptr ? TagState::kAbsent : tag->evaluate(FactView(facts, now));
}

TagSets TagEngine::evaluate_all(const FactMap& facts, Now now) const {
  TagSets sets;
  const FactView view(facts, now);
  for (const auto& [id, tag] : tags_) sets.set(id, tag->evaluate(view));
  return sets;
}

std::vector<TagChange> TagEngine::reevaluate(std::span<const TagId> tags, const FactMap& facts,
                                             Now now, TagSets& sets) const {
  std::vector<TagChange> changes;
  for (const TagId id : tags) {
    const TagState before = sets.state(id);
    const TagState after = evaluate(id, facts, now);
    if (sets.set(id, after)) changes.push_back({id, before, after});
  }
  return changes;
}

Result<TagExplanation> TagEngine::explain(TagId id, const FactMap& facts, Now now) const {
  const CompiledTag* tag = find(id);
  if (tag == nullptr)
    return fail(ErrorCode::kNotFound, fmt::format("there is no tag with the number {}", id));
  TagExplanation out = tag->explain(facts, now);
  out.id = id;
  return out;
}

ProbeList TagEngine::required_probes(OsFamily os) const {
  ProbeList list;
  for (const auto& [id, tag] : tags_) {
    const auto& probes = tag->probes(os);
    list.probes.insert(list.probes.end(), probes.begin(), probes.end());
  }
  sort_unique(list.probes);
  list.version = version_of(list.probes);
  return list;
}

}  // namespace postern::posture
