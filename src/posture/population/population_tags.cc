// Tags: which there are, and what follows for all endpoints when they change.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/sort_unique.h"
#include "posture/population/endpoint_judge.h"
#include "posture/population/population.h"
#include "posture/population/slot_facts.h"
#include "posture/population/sweep.h"
#include "posture/population/tag_state.h"
#include "posture/quote.h"

namespace postern::posture {
namespace {

/// Adds what `after` has beside `before`; slots that are not in use don't count.
void note(const Line* before, const Line* after, std::size_t lines, std::size_t first_word, const SlotSet& live,
          TagEffect& effect) {
  for (std::size_t line = 0; line < lines; ++line) {
    for (std::size_t w = 0; w < kLineWords; ++w) {
      const std::size_t at = first_word + line * kLineWords + w;
      const std::uint64_t in_use = live.word(at);
      const std::uint64_t had = before[line].has[w] & in_use, has = after[line].has[w] & in_use;
      const std::uint64_t was = before[line].maybe[w] & in_use & ~had, is = after[line].maybe[w] & in_use & ~has;
      effect.gain.add_word(at, has & ~had);
      effect.lose.add_word(at, had & ~has & ~is);
      effect.become_unknown.add_word(at, is & ~was);
      effect.become_absent.add_word(at, was & ~has & ~is);
      effect.had.add_word(at, had & ~has);
      effect.was_unknown.add_word(at, was & ~is);
    }
  }
}

}  // namespace

/// Numbers a tag's conditions and remembers them, each once.
class Population::Numbers final : public ConditionNumbers {
 public:
  Numbers(Population& population, std::shared_ptr<const void> owner, Now now)
      : population_(population), owner_(std::move(owner)), now_(now) {}
  std::uint32_t number(std::string identity, const Condition& condition, std::optional<Seconds> max_age) override {
    const ConditionId id = population_.use_condition(
        std::move(identity), std::shared_ptr<const Condition>(owner_, &condition), max_age, now_);
    if (seen_.insert(id).second) {
      used.push_back(id);
    } else {
      --population_.conditions_[id]->users;
    }
    return id;
  }
  std::vector<ConditionId> used;

 private:
  Population& population_;
  std::shared_ptr<const void> owner_;
  Now now_;
  std::set<ConditionId> seen_;
};

// ---- which tags there are

Population::TagIndex Population::index_of(TagId id) const {
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? kNone : it->second;
}

void Population::rank_tags() {
  ranked_ = false;
  for (const auto& tag : tags_) {
    if (tag) tag->rank = 0;
  }
  // Ranks rise along references; there is no cycle, so that this ends.
  for (bool changed = !by_tag_name_.empty(); changed;) {
    changed = false;
    for (const auto& [name, ids] : by_tag_name_) {
      const auto it = by_name_.find(name);
      if (it == by_name_.end()) continue;
      const std::uint32_t above = tags_[it->second]->rank + 1;
      for (const ConditionId id : ids) {
        for (const auto& [reader, system, outcomes] : conditions_[id]->readers) {
          ranked_ = true;
          if (tags_[reader]->rank >= above) continue;
          tags_[reader]->rank = above;
          changed = true;
        }
      }
    }
  }
  for (TagIndex i = 0; i < tags_.size(); ++i) tag_marks_[i].refers = tags_[i] && tags_[i]->rank > 0;
}

std::vector<Population::TagIndex> Population::in_order() const {
  std::vector<TagIndex> out;
  for (TagIndex i = 0; i < tags_.size(); ++i) {
    if (tags_[i]) out.push_back(i);
  }
  std::ranges::stable_sort(out, {}, [this](TagIndex i) { return tags_[i]->rank; });
  return out;
}

void Population::name_tag(TagIndex index, const TagDefinition& definition) {
  const std::string& name = definition.name.str();
  Tag& tag = *tags_[index];
  tag.name = name;
  tag.enabled = definition.enabled;
  tag.kind = definition.kind;
  by_name_[name] = index;
  if (const auto it = by_tag_name_.find(name); it != by_tag_name_.end()) {
    for (const ConditionId id : it->second) {
      JudgedCondition& one = *conditions_[id];
      (one.kind == JudgedCondition::Kind::kTag ? tag.readers : tag.kept_readers).push_back(id);
      resolve(id);
    }
  }
}

void Population::unname_tag(TagIndex index) {
  Tag& tag = *tags_[index];
  by_name_.erase(tag.name);
  for (const ConditionId id : tag.readers) resolve(id);
  tag.readers.clear();
  tag.kept_readers.clear();
}

void Population::forget_conditions(TagIndex index, const std::vector<ConditionId>& conditions) {
  for (const ConditionId id : conditions) {
    std::erase_if(conditions_[id]->readers, [index](const Reader& reader) { return reader.tag == index; });
    place_readers(*conditions_[id]);
    release_condition(id);
  }
}

void Population::renew_nothing(std::span<const TagIndex> tags) {
  for (const TagIndex index : tags) {
    Tag& tag = *tags_[index];
    tag.nothing = run_steps(tag.program(), [this](ConditionId id) {
      const JudgedCondition& one = *conditions_[id];
      return one.kind == JudgedCondition::Kind::kTag && one.tag != kNone ? tags_[one.tag]->nothing : one.nothing;
    });
    tag.plane.continue_with(tag.nothing, pages());
  }
}

// ---- all endpoints

void Population::sweep(std::span<const TagIndex> tags, Now now, std::vector<TagEffect>* effects) {
  std::vector<ConditionId> needed;
  for (const TagIndex index : tags)
    needed.insert(needed.end(), tags_[index]->conditions.begin(), tags_[index]->conditions.end());
  sort_unique(needed);
  for (const TagIndex index : tags) tags_[index]->plane.continue_with(tags_[index]->nothing, pages());
  Sweep sweep(*this, needed);
  std::vector<TagEffect> found(effects == nullptr ? 0 : tags.size());
  std::vector<std::uint8_t> touched(tags.size());
  std::vector<Slot> changed;
  // What each strip needs of each tag, side by side.
  struct Current {
    std::span<const LogicStep> steps;
    const Line* page = nullptr;
  };
  constexpr std::size_t kAhead = 3;
  std::vector<Current> current(tags.size() + kAhead);
  for (std::size_t i = 0; i < tags.size(); ++i) current[i].steps = tags_[tags[i]]->program();
  constexpr std::size_t kLines = Sweep::kStripLines;
  sweep.run([&](std::size_t page, std::size_t line) {
    const std::size_t first_word = (page * kPageLines + line) * kLineWords;
    if (line == 0) {
      for (std::size_t i = 0; i < tags.size(); ++i) current[i].page = tags_[tags[i]]->plane.page(page).data();
    }
    for (std::size_t i = 0; i < tags.size(); ++i) {
      for (std::size_t k = 0; k < kLines; ++k) __builtin_prefetch(current[i + kAhead].page + line + k);
      const Line* before = current[i].page + line;
      const Line* after = sweep.join(current[i].steps, before);
      const bool last = line + kLines == kPageLines;
      if (after == nullptr) {
        if (last && touched[i] != 0) tags_[tags[i]]->plane.settle(page);
        touched[i] = last ? 0 : touched[i];
        continue;
      }
      Tag& tag = *tags_[tags[i]];
      recount(tag.counts, before, after, kLines, first_word);
      if (effects != nullptr) note(before, after, kLines, first_word, live_, found[i]);
      // Before it is overwritten: which endpoints' conditions read this tag.
      changed.clear();
      if (!tag.kept_readers.empty()) {
        for (std::size_t k = 0; k < kLines * kLineSlots; ++k) {
          const auto slot = static_cast<Slot>(first_word * 64 + k);
          if (live_.contains(slot) &&
              verdict_in(before[k / kLineSlots], k % kLineSlots) != verdict_in(after[k / kLineSlots], k % kLineSlots))
            changed.push_back(slot);
        }
      }
      std::copy_n(after, kLines, tag.plane.writable(page).data() + line);
      if (last) tag.plane.settle(page);
      current[i].page = tag.plane.page(page).data();
      touched[i] = last ? 0 : 1;
      for (const ConditionId id : tag.readers) sweep.renew(id, page, line);
      for (const ConditionId id : tag.kept_readers) {
        for (const Slot slot : changed) conditions_[id]->plane.set(slot, judge_slot(*conditions_[id], slot, now));
        sweep.renew(id, page, line);
      }
    }
  });
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (found[i].size() == 0) continue;
    const Tag& tag = *tags_[tags[i]];
    found[i].tag = tag.id;
    found[i].has = tag.counts.has;
    found[i].unknown = tag.counts.unknown;
    effects->push_back(std::move(found[i]));
  }
}

Status Population::check_edits(std::span<const TagEdit> edits) const {
  std::map<std::string_view, const TagEdit*> set;
  std::set<TagId> edited;
  for (const TagEdit& edit : edits) {
    edited.insert(edit.id);
    if (edit.tag == nullptr && index_of(edit.id) == kNone)
      return fail(ErrorCode::kNotFound, fmt::format("there is no tag with the number {}", edit.id));
  }
  for (const TagEdit& edit : edits) {
    if (edit.tag == nullptr) continue;
    const std::string& name = edit.tag->definition().name.str();
    const auto it = by_name_.find(name);
    const bool taken = it != by_name_.end() && !edited.contains(tags_[it->second]->id);
    if (taken || !set.emplace(name, &edit).second) {
      return fail(ErrorCode::kAlreadyExists,
                  fmt::format("there is a tag {} already; choose another name", posture::quoted(name)));
    }
  }
  // Circles, of those that would be there then.
  enum class State : std::uint8_t { kEntered, kLeft };
  std::map<std::string, State, std::less<>> states;
  const auto compiled_of = [&](std::string_view name) -> const CompiledTag* {
    if (const auto it = set.find(name); it != set.end()) return it->second->tag.get();
    const auto it = by_name_.find(name);
    return it == by_name_.end() || edited.contains(tags_[it->second]->id) ? nullptr : tags_[it->second]->compiled.get();
  };
  struct Step {
    const CompiledTag* tag;
    std::size_t next = 0;
  };
  for (const auto& [name, edit] : set) {
    if (!states.emplace(name, State::kEntered).second) continue;
    std::vector<Step> path{{edit->tag.get()}};
    while (!path.empty()) {
      Step& step = path.back();
      const auto& referred = step.tag->referred_tags();
      if (step.next == referred.size()) {
        states.find(step.tag->definition().name.str())->second = State::kLeft;
        path.pop_back();
        continue;
      }
      const std::string& other = referred[step.next++];
      const CompiledTag* tag = compiled_of(other);
      if (tag == nullptr) continue;
      const auto [state, fresh] = states.emplace(other, State::kEntered);
      if (fresh) {
        path.push_back({tag});
      } else if (state->second == State::kEntered) {
        return fail(ErrorCode::kInvalidArgument,
                    fmt::format("the tag {} would refer to itself through the tags that it refers to", posture::quoted(other)));
      }
    }
  }
  return {};
}

Population::TagIndex Population::add_tag(TagId id) {
  auto index = static_cast<TagIndex>(tags_.size());
  if (free_tags_.empty()) {
    tags_.emplace_back();
    tag_marks_.emplace_back();
  } else {
    index = free_tags_.back();
    free_tags_.pop_back();
  }
  tags_[index] = std::make_unique<Tag>(pages_);
  tags_[index]->id = id;
  by_id_[id] = index;
  return index;
}

void Population::compile(TagIndex index, std::shared_ptr<const CompiledTag> compiled, Now now) {
  Numbers numbers(*this, compiled, now);
  auto steps = compile_steps(*compiled, numbers);
  Tag& tag = *tags_[index];
  const auto before = std::exchange(tag.conditions, std::move(numbers.used));
  tag.set_program(std::move(steps));
  tag.system_steps = system_steps(tag);
  for (const ConditionId condition : tag.conditions) {
    auto& readers = conditions_[condition]->readers;
    const auto known = std::ranges::find(readers, index, &Reader::tag);
    (known == readers.end() ? readers.emplace_back() : *known) = reader(index, condition);
    place_readers(*conditions_[condition]);
  }
  for (const ConditionId condition : before) {
    if (std::ranges::find(tag.conditions, condition) == tag.conditions.end()) {
      std::erase_if(conditions_[condition]->readers, [index](const Reader& one) { return one.tag == index; });
      place_readers(*conditions_[condition]);
    }
    release_condition(condition);
  }
  tag.compiled = std::move(compiled);
}

Status Population::set_tag(TagId id, std::shared_ptr<const CompiledTag> compiled, Now now,
                           std::vector<TagEffect>* effects) {
  const TagEdit edit{id, std::move(compiled)};
  return change_tags({&edit, 1}, now, effects);
}

Status Population::remove_tag(TagId id, Now now, std::vector<TagEffect>* effects) {
  const TagEdit edit{id, nullptr};
  return change_tags({&edit, 1}, now, effects);
}

Status Population::change_tags(std::span<const TagEdit> edits, Now now, std::vector<TagEffect>* effects) {
  if (Status ok = check_edits(edits); !ok) return ok;
  std::vector<TagIndex> affected;
  std::vector<bool> is_affected(tags_.size() + edits.size());
  const auto affect = [&](TagIndex tag) {
    if (is_affected[tag]) return;
    is_affected[tag] = true;
    affected.push_back(tag);
  };
  // Those that refer to a name that goes, and later to one that is there.
  const auto affect_readers = [&](const std::string& name) {
    const auto it = by_tag_name_.find(name);
    if (it == by_tag_name_.end()) return;
    for (const ConditionId id : it->second) {
      for (const Reader& reader : conditions_[id]->readers) affect(reader.tag);
    }
  };
  for (const TagEdit& edit : edits) {
    if (const TagIndex index = index_of(edit.id); index != kNone) affect_readers(tags_[index]->name);
  }
  for (const TagEdit& edit : edits) {
    if (const TagIndex index = index_of(edit.id); index != kNone) unname_tag(index);
  }
  for (const TagEdit& edit : edits) {
    const TagIndex known = index_of(edit.id);
    const TagIndex index = known == kNone ? add_tag(edit.id) : known;
    if (edit.tag != nullptr) name_tag(index, edit.tag->definition());
    affect(index);
  }
  for (const TagEdit& edit : edits) {
    const TagIndex index = index_of(edit.id);
    if (edit.tag != nullptr) {
      compile(index, edit.tag, now);
      continue;
    }
    tags_[index]->set_program({});
    forget_conditions(index, std::exchange(tags_[index]->conditions, {}));
  }
  judge_fresh(now, true);
  rank_tags();
  for (std::size_t i = 0; i < affected.size(); ++i) affect_readers(tags_[affected[i]]->name);
  finish_tags(std::move(affected), now, effects);
  for (const TagEdit& edit : edits) {
    if (edit.tag != nullptr) continue;
    const TagIndex index = index_of(edit.id);
    by_id_.erase(edit.id);
    tags_[index].reset();
    free_tags_.push_back(index);
  }
  return {};
}

void Population::finish_tags(std::vector<TagIndex> affected, Now now, std::vector<TagEffect>* effects) {
  std::ranges::stable_sort(affected, {}, [this](TagIndex i) { return tags_[i]->rank; });
  // Conditions that are judged per endpoint and read a tag whose name came or went.
  for (const TagIndex index : affected) {
    for (const ConditionId id : tags_[index]->conditions) {
      JudgedCondition& one = *conditions_[id];
      if (one.kind == JudgedCondition::Kind::kKept && !one.tag_names.empty()) EndpointJudge(*this, now, true).judge({&id, 1}, live_);
    }
  }
  renew_nothing(affected);
  sweep(affected, now, effects);
}

void Population::evaluate(Now now, std::vector<TagEffect>* effects) {
  std::vector<ConditionId> kept;
  for (ConditionId id = 0; id < conditions_.size(); ++id) {
    if (conditions_[id] && conditions_[id]->kind == JudgedCondition::Kind::kKept) kept.push_back(id);
  }
  EndpointJudge(*this, now, true).judge(kept, unjudged_);
  unjudged_.clear();
  sweep(in_order(), now, effects);
}

TagEffect Population::what_if(TagId id, const CompiledTag& draft, Now now) {
  const TagIndex index = index_of(id);
  TagEffect effect;
  effect.tag = id;
  Counts counts = count(id);
  // The draft's conditions are kept no longer than this.
  Numbers numbers(*this, nullptr, now);
  const auto steps = compile_steps(draft, numbers);
  judge_fresh(now, false);
  {
    Sweep sweep(*this, numbers.used);
    constexpr std::size_t kLines = Sweep::kStripLines;
    sweep.run([&](std::size_t page, std::size_t line) {
      const Line* before =
          (index == kNone ? uniform_page(Verdict::kNoMatch) : tags_[index]->plane.page(page)).data() + line;
      const Line* after = sweep.join(steps, before);
      if (after == nullptr) return;
      const std::size_t first_word = (page * kPageLines + line) * kLineWords;
      recount(counts, before, after, kLines, first_word);
      note(before, after, kLines, first_word, live_, effect);
    });
  }
  for (const ConditionId condition : numbers.used) release_condition(condition);
  effect.has = counts.has;
  effect.unknown = counts.unknown;
  return effect;
}

}  // namespace postern::posture
