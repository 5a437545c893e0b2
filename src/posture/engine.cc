#include "posture/engine.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/sha256.h"
#include "base/sort_unique.h"
#include "posture/fact_keys.h"
#include "posture/quote.h"
#include "posture/tag_reference.h"

namespace postern::posture {
namespace {

std::uint64_t version_of(const std::vector<std::string>& keys) {
  std::string text;
  // With its length in front, no key can look like the end of another.
  for (const std::string& key : keys) text += fmt::format("{}:{}\n", key.size(), key);
  const Sha256 digest = sha256(text);
  std::uint64_t version = 0;
  for (int i = 0; i < 8; ++i) version = version << 8 | digest[i];
  return version == 0 ? 1 : version;
}

const Fact& state_fact(TagState state) {
  static const Fact kHas{true, {}, "ems"}, kAbsent{false, {}, "ems"}, kUnknown{Unknown{UnknownReason::kFailed}, {}, "ems"};
  return state == TagState::kHas ? kHas : state == TagState::kAbsent ? kAbsent : kUnknown;
}

/// 0: no tag is.
TagId meant(const TagEngine& engine, std::string_view reference) {
  const auto tag = tag_reference(reference);
  const TagId id = engine.id_of(tag.name);
  if (id == 0) return 0;
  const auto& definition = engine.find(id)->definition();
  return tag.means(definition.enabled, definition.kind) ? id : 0;
}

/// The other tags as an endpoint's sets say.
class SetsSource final : public TagSource {
 public:
  SetsSource(const TagEngine& engine, const TagSets& sets) : engine_(engine), sets_(sets) {}
  const Fact* find_tag(std::string_view reference) const override {
    const TagId id = meant(engine_, reference);
    return id == 0 ? nullptr : &state_fact(sets_.state(id));
  }

 private:
  const TagEngine& engine_;
  const TagSets& sets_;
};

/// The other tags as these facts make them. Ends, because tags never refer to one another in a circle.
class EvaluatedSource final : public TagSource {
 public:
  EvaluatedSource(const TagEngine& engine, const FactView& facts) : engine_(engine), facts_(facts) {}
  const Fact* find_tag(std::string_view reference) const override {
    const TagId id = meant(engine_, reference);
    if (id == 0) return nullptr;
    if (const auto it = known_.find(id); it != known_.end()) return it->second.fact;
    const FactView view = facts_.with_tags(*this);
    const Fact* fact = &state_fact(engine_.find(id)->evaluate(view));
    known_.emplace(id, Known{fact, view.until()});
    return fact;
  }
  WallTime tag_holds_until(std::string_view reference) const override {
    const auto it = known_.find(meant(engine_, reference));
    return it == known_.end() ? WallTime::max() : it->second.until;
  }

 private:
  struct Known {
    const Fact* fact = nullptr;
    WallTime until = WallTime::max();
  };
  const TagEngine& engine_;
  const FactView& facts_;
  mutable std::map<TagId, Known> known_;
};

/// When it is judged otherwise than now, facts unchanged; none: never. What is judged again and again and always the same
/// is looked at so many times and no more: then, the first time not looked at.
template <class Judge>
std::optional<WallTime> changes_at(const FactView& facts, const Judge& judge) {
  constexpr int kMostSteps = 64;
  FactView view = facts.at(facts.now().wall);
  const auto said = judge(view);
  for (int step = 0; step < kMostSteps && view.until() != WallTime::max(); ++step) {
    const WallTime next = view.until();
    if (next <= view.now().wall) return next;
    view = facts.at(next);
    if (judge(view) != said) return next;
  }
  return view.until() == WallTime::max() ? std::nullopt : std::optional(view.until());
}

Error built_in(std::string_view doing) {
  return {ErrorCode::kPermissionDenied,
          fmt::format("\"{}\" is built in and can't be {}", kAllRegisteredClients, doing)};
}

}  // namespace

TagEngine::TagEngine() {
  auto tag = std::make_shared<const CompiledTag>(compile_all_registered_clients());
  index(kAllRegisteredClientsId, *tag);
  tags_[kAllRegisteredClientsId] = std::move(tag);
}

Result<CompiledTag> TagEngine::compile_alone(TagId id, TagDefinition definition) const {
  if (id == kAllRegisteredClientsId) return fail(built_in("changed"));
  if (id == 0) return fail(ErrorCode::kInvalidArgument, "0 is no tag's number");
  if (definition.name.str() == kAllRegisteredClients) return fail(built_in("changed"));
  if (const TagId other = id_of(definition.name.str()); other != 0 && other != id) {
    return fail(ErrorCode::kAlreadyExists,
                fmt::format("there is a tag {} already; choose another name",
                            posture::quoted(definition.name.str())));
  }
  return compile_tag(std::move(definition));
}

Status TagEngine::check_references(TagId id, const CompiledTag& tag) const {
  if (Status ok = check_circle(id, tag); !ok) return ok;
  return check_depth(tag);
}

Result<CompiledTag> TagEngine::draft(TagId id, TagDefinition definition) const {
  auto compiled = compile_alone(id, std::move(definition));
  if (!compiled) return compiled;
  if (Status ok = check_references(id, *compiled); !ok) return fail(ok.error());
  return compiled;
}

Status TagEngine::set(TagId id, TagDefinition definition) {
  auto compiled = draft(id, std::move(definition));
  if (!compiled) return fail(compiled.error());
  put(id, std::move(*compiled));
  return {};
}

Result<std::string> TagEngine::load(TagId id, TagDefinition definition) {
  auto compiled = compile_alone(id, definition);
  std::string why;
  if (!compiled) {
    if (compiled.error().code != ErrorCode::kInvalidArgument || id == 0) return fail(compiled.error());
    why = compiled.error().message;
  } else if (Status ok = check_references(id, *compiled); !ok) {
    why = ok.error().message;
  }
  if (!why.empty()) compiled = compile_out_of_force(std::move(definition));
  if (!compiled) return fail(compiled.error());
  put(id, std::move(*compiled));
  return why;
}

void TagEngine::put(TagId id, CompiledTag compiled) {
  auto tag = std::make_shared<const CompiledTag>(std::move(compiled));
  auto& slot = tags_[id];
  std::vector<TagId> others;  // whom what they refer to leaves, or comes to
  if (!slot || slot->definition().name != tag->definition().name) others = referring_to(tag->definition().name.str());
  if (slot) {
    if (slot->definition().name != tag->definition().name) {
      const auto left = referring_to(slot->definition().name.str());
      others.insert(others.end(), left.begin(), left.end());
    }
    unindex(id, *slot);
  }
  index(id, *tag);
  slot = std::move(tag);
  others.push_back(id);
  rank_again(std::move(others));
}

Status TagEngine::remove(TagId id) {
  if (id == kAllRegisteredClientsId) return fail(built_in("deleted"));
  const auto it = tags_.find(id);
  if (it == tags_.end())
    return fail(ErrorCode::kNotFound, fmt::format("there is no tag with the number {}", id));
  auto others = referring_to(it->second->definition().name.str());
  unindex(id, *it->second);
  tags_.erase(it);
  others.push_back(id);
  rank_again(std::move(others));
  return {};
}

std::shared_ptr<const CompiledTag> TagEngine::share(TagId id) const {
  const auto it = tags_.find(id);
  return it == tags_.end() ? nullptr : it->second;
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
    auto& ids = it->second;
    ids.erase(std::lower_bound(ids.begin(), ids.end(), id));
    if (ids.empty()) by_key_.erase(it);
  }
}

std::vector<TagId> TagEngine::affected_by(std::span<const std::string> changed_keys) const {
  std::vector<TagId> ids;
  for (const std::string& key : changed_keys) {
    if (const auto it = by_key_.find(key); it != by_key_.end()) {
      ids.insert(ids.end(), it->second.begin(), it->second.end());
    }
  }
  return with_dependants(std::move(ids));
}

TagState TagEngine::evaluate(TagId id, const FactView& facts) const {
  const CompiledTag* tag = find(id);
  if (tag == nullptr) return TagState::kAbsent;
  if (tag->referred_tags().empty()) return tag->evaluate(facts);
  const EvaluatedSource others(*this, facts);
  const FactView view = facts.with_tags(others);
  const TagState state = tag->evaluate(view);
  facts.holds_until(view.until());
  return state;
}

TagState TagEngine::evaluate(const CompiledTag& tag, const FactView& facts, const TagSets& sets) const {
  const SetsSource others(*this, sets);
  const FactView view = facts.with_tags(others);
  const TagState state = tag.evaluate(view);
  facts.holds_until(view.until());
  return state;
}

TagSets TagEngine::evaluate_all(const FactView& facts) const {
  TagSets sets;
  std::vector<TagId> later;
  for (const auto& [id, tag] : tags_) {
    if (ranks_.contains(id)) {
      later.push_back(id);
    } else {
      sets.set(id, tag->evaluate(facts));
    }
  }
  if (later.empty()) return sets;
  std::sort(later.begin(), later.end(), [this](TagId a, TagId b) { return ranks_.at(a) < ranks_.at(b); });
  reevaluate(later, facts, sets);
  return sets;
}

std::vector<TagChange> TagEngine::reevaluate(std::span<const TagId> tags, const FactView& facts, TagSets& sets) const {
  std::vector<TagChange> changes;
  const SetsSource others(*this, sets);
  const FactView view = facts.with_tags(others);
  for (const TagId id : tags) {
    const TagState before = sets.state(id);
    const CompiledTag* tag = find(id);
    const TagState after = tag == nullptr ? TagState::kAbsent : tag->evaluate(view);
    if (sets.set(id, after)) changes.push_back({id, before, after});
  }
  facts.holds_until(view.until());
  return changes;
}

Result<TagExplanation> TagEngine::explain(TagId id, const FactView& facts) const {
  const CompiledTag* tag = find(id);
  if (tag == nullptr)
    return fail(ErrorCode::kNotFound, fmt::format("there is no tag with the number {}", id));
  const EvaluatedSource others(*this, facts);
  TagExplanation out = tag->explain(facts.with_tags(others));
  out.id = id;
  out.until = changes_at(facts, [&](const FactView& then) { return evaluate(id, then); });
  const auto rule_until = [&](const CompiledRule& rule) {
    return changes_at(facts, [&](const FactView& then) {
      const EvaluatedSource tags(*this, then);
      const FactView view = then.with_tags(tags);
      const Verdict verdict = rule.judge(view).verdict;
      then.holds_until(view.until());
      return verdict;
    });
  };
  if (const CompiledRule* sole = tag->sole_rule()) {
    out.rules.front().until = rule_until(*sole);
  } else if (out.os) {
    const auto& rules = tag->part(*out.os).rules;
    for (std::size_t i = 0; i < rules.size(); ++i) out.rules[i].until = rule_until(rules[i]);
  }
  return out;
}

RequiredFacts TagEngine::required_facts(OsFamily os, std::span<const std::string> also) const {
  RequiredFacts out;
  out.keys.assign(also.begin(), also.end());
  for (const auto& [id, tag] : tags_) {
    const auto& keys = tag->required_facts(os);
    out.keys.insert(out.keys.end(), keys.begin(), keys.end());
  }
  sort_unique(out.keys);
  out.version = version_of(out.keys);
  return out;
}

std::vector<std::string> TagEngine::keys_with_prefix(std::string_view prefix) const {
  std::vector<std::string> out;
  for (auto it = by_key_.lower_bound(prefix); it != by_key_.end() && it->first.starts_with(prefix); ++it) {
    out.push_back(it->first);
  }
  return out;
}

}  // namespace postern::posture
