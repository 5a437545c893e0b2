// One endpoint: which tags a changed fact concerns, and what becomes of them.
#include <algorithm>

#include "posture/population/population.h"
#include "posture/population/slot_facts.h"
#include "posture/population/tag_state.h"

namespace postern::posture {

void Population::Tag::set_program(std::vector<LogicStep> program) {
  step_count = static_cast<std::uint32_t>(program.size());
  system_steps = 0;
  long_steps.clear();
  if (program.size() <= few_steps.size()) {
    std::ranges::copy(program, few_steps.begin());
  } else {
    long_steps = std::move(program);
  }
}

/// Steps end with "and the system is this one, or it is unknown" where the rules are for one system only.
std::uint32_t Population::system_steps(const Tag& tag) const {
  const auto steps = tag.program();
  const auto about_system = [this](const LogicStep& step) {
    return step.op < LogicStep::Op::kPutAside && is_about_system(conditions_[step.operand]->identity);
  };
  const bool told = steps.size() > 2 && std::ranges::count_if(steps, about_system) == 2 &&
                    steps[steps.size() - 2].op == LogicStep::Op::kAnd && about_system(steps[steps.size() - 2]) &&
                    steps.back().op == LogicStep::Op::kOr && about_system(steps.back());
  return told ? 2 : 0;
}

/// Where a changed code looks for them.
void Population::place_readers(const JudgedCondition& condition) {
  if (condition.kind == JudgedCondition::Kind::kCode)
    columns_[condition.column]->groups[condition.group]->readers[condition.lane] = condition.readers;
}

/// What it is to this tag that the condition changes.
Population::Reader Population::reader(TagIndex index, ConditionId condition) const {
  const auto identity_of = [this](ConditionId id) -> std::string_view { return conditions_[id]->identity; };
  const Tag& tag = *tags_[index];
  Reader out{index, kNone, {}};
  // It is one of the tag's conditions, and so may be each system and that it is unknown.
  if (tag.conditions.size() > 1 + kMostOtherOperands + kOsFamilies + 1 || is_about_system(identity_of(condition)))
    return out;
  std::vector<GivenVerdict> systems;
  for (const ConditionId id : tag.conditions) {
    if (is_about_system(identity_of(id))) systems.push_back({id, Verdict::kNoMatch});
  }
  if (!systems.empty()) {
    // The endpoint's is the rule's; then it is none of the others.
    const auto own = std::ranges::find_if(systems, [&](const GivenVerdict& one) {
      return is_system_of_rule(identity_of(one.operand), identity_of(condition));
    });
    if (own == systems.end()) return out;
    own->verdict = Verdict::kMatch;
    out.system = own->operand;
  }
  out.outcomes = outcomes_of(tag.program(), condition, systems);
  return out;
}

/// A change of this endpoint begins; settle() ends it.
void Population::begin(Slot slot) {
  ++epoch_;
  if (open_ != kNone) {  // memory was short in the middle of it
    unsettled_.insert(open_);
    pending_.clear();
    later_.clear();
    queued_.clear();
    prefetched_ = later_prefetched_ = needed_count_ = 0;
  }
  open_ = slot;
  if (unsettled_.size() == 0 || !unsettled_.contains(slot)) return;
  // What its tags are doesn't tell what they become: all are judged by what its facts say now.
  unsettled_.erase(slot);
  for (ConditionId id = 0; id < conditions_.size(); ++id) {
    if (conditions_[id] && conditions_[id]->kind == JudgedCondition::Kind::kKept) queue(id);
  }
  for (TagIndex tag = 0; tag < tags_.size(); ++tag) {
    if (!tags_[tag]) continue;
    TagMark& tag_mark = tag_marks_[tag];
    tag_mark.epoch = epoch_;
    tag_mark.place = static_cast<std::uint32_t>(pending_.size());
    if (tag_mark.refers) {
      later_.push_back(tag);
    } else {
      pending_.push_back({tag, Outcome(), false});
    }
  }
}

bool Population::is_system(Slot slot, ConditionId system) {
  if (system_.id != system || system_.epoch != epoch_)
    system_ = {system, epoch_, where_[system].verdict(slot) == Verdict::kMatch};
  return system_.matches;
}

void Population::mark(std::span<const Reader> readers, Slot slot, Verdict before, Verdict after) {
  for (const Reader& reader : readers) {
    TagMark& tag_mark = tag_marks_[reader.tag];
    const Tag& tag = *tags_[reader.tag];
    if (tag_mark.epoch == epoch_) {
      if (tag_mark.refers) continue;
      // Another of its conditions changed already, or this one did: only its steps can tell what it is now.
      Pending& pending = pending_[tag_mark.place];
      if (!pending.outcome.known() && !pending.own_system) continue;
      pending = {reader.tag, Outcome(), false};
      if (tag_mark.place < prefetched_) need(tag.program(), false);
      continue;
    }
    tag_mark.epoch = epoch_;
    tag.prefetch_state();
    if (tag_mark.refers) {
      later_.push_back(reader.tag);
      tag.prefetch_steps();
      continue;
    }
    tag_mark.place = static_cast<std::uint32_t>(pending_.size());
    const bool own = reader.system != kNone && is_system(slot, reader.system);
    const Outcome outcome = own || reader.system == kNone ? reader.outcomes.of(before, after) : Outcome();
    pending_.push_back({reader.tag, outcome, own});
    if (!outcome.known()) tag.prefetch_steps();
  }
}

void Population::queue(ConditionId kept) {
  if (condition_marks_[kept] == epoch_) return;
  condition_marks_[kept] = epoch_;
  queued_.push_back(kept);
}

void Population::recount(Tag& tag, Verdict before, Verdict after) {
  const auto is = [](Verdict verdict, Verdict which) { return std::uint64_t{verdict == which}; };
  tag.counts.has += is(after, Verdict::kMatch) - is(before, Verdict::kMatch);
  tag.counts.unknown += is(after, Verdict::kUnknown) - is(before, Verdict::kUnknown);
}

void Population::recount(Counts& counts, const Line* before, const Line* after, std::size_t lines,
                         std::size_t first_word) const {
  Counts old;
  kernels_->tally(before, live_.words() + first_word, lines, old.has, old.unknown);
  kernels_->tally(after, live_.words() + first_word, lines, counts.has, counts.unknown);
  counts.has -= old.has;
  counts.unknown -= old.unknown;
}

/// Notes which conditions are read, for a tag that refers to others only those that these can't change meanwhile. Each is
/// looked for once, however many tags read it.
void Population::need(std::span<const LogicStep> steps, bool refers) {
  if (needed_.size() <= known_.size()) needed_.resize(known_.size() + 1);
  for (const LogicStep& step : steps) {
    // What is put aside or taken up again reads none, and asks for the first in vain. Which are new here is nothing
    // that a processor could foresee: all are written down, and those that are not overwritten.
    Known& known = known_[step.operand];
    needed_[needed_count_].id = step.operand;
    const bool fresh = known.epoch != epoch_ && (!refers || where_[step.operand].steady);
    needed_count_ += fresh ? 1 : 0;
    known.epoch = fresh ? epoch_ : known.epoch;
  }
}

/// All of the memory that will be read is asked for before the first of it is needed: where things stand, then they.
void Population::prefetch_pending(Slot slot) {
  const std::size_t page = slot / kPageSlots, first = needed_count_;
  for (std::size_t i = prefetched_; i < pending_.size(); ++i) {
    const Tag& tag = *tags_[pending_[i].tag];
    tag.plane.prefetch_directory(slot);
    if (!pending_[i].outcome.known()) need(tag.program(pending_[i].own_system), false);
  }
  for (std::size_t i = later_prefetched_; i < later_.size(); ++i) {
    const Tag& tag = *tags_[later_[i]];
    tag.plane.prefetch_directory(slot);
    need(tag.program(), true);
  }
  for (std::size_t i = first; i < needed_count_; ++i) {
    const Where& where = where_[needed_[i].id];
    if (page < where.pages) __builtin_prefetch(where.codes + page);
    if (where.plane != nullptr) where.plane->prefetch_directory(slot);
  }
  for (std::size_t i = prefetched_; i < pending_.size(); ++i) tags_[pending_[i].tag]->plane.prefetch(slot);
  for (std::size_t i = later_prefetched_; i < later_.size(); ++i) tags_[later_[i]]->plane.prefetch(slot);
  for (std::size_t i = first; i < needed_count_; ++i) {
    const Where& where = where_[needed_[i].id];
    if (page < where.pages) where.codes[page].prefetch(slot % kPageSlots);
    if (where.plane != nullptr) where.plane->prefetch(slot);
  }
  prefetched_ = pending_.size();
  later_prefetched_ = later_.size();
}

/// Fills known_ for what prefetch_pending() found.
void Population::judge_needed(Slot slot) {
  const std::span<Needed> needed(needed_.data(), needed_count_);
  for (Needed& one : needed) {
    const Where& where = where_[one.id];
    one.verdicts = where.table == nullptr ? nullptr : where.table + where.code(slot);
    if (one.verdicts != nullptr) __builtin_prefetch(one.verdicts);
  }
  for (const Needed& one : needed) {
    const Where& where = where_[one.id];
    known_[one.id].verdict =
        one.verdicts != nullptr ? lane_verdict(*one.verdicts, where.lane) : where.verdict(slot);
  }
  needed_count_ = 0;
}

std::vector<TagChange> Population::settle(Slot slot, Now now) {
  std::vector<TagChange> changes;
  const auto judge_queued = [&] {
    for (std::size_t i = 0; i < queued_.size(); ++i) {
      JudgedCondition& condition = *conditions_[queued_[i]];
      const Verdict before = condition.plane.at(slot), after = judge_slot(condition, slot, now);
      if (condition.plane.set(slot, after)) mark(condition.readers, slot, before, after);
    }
    queued_.clear();
  };
  judge_queued();
  prefetch_pending(slot);
  judge_needed(slot);
  changes.reserve(pending_.size());
  const auto become = [&](Tag& tag, Verdict before, Verdict after) {
    tag.plane.put(slot, after);
    recount(tag, before, after);
    changes.push_back({tag.id, tag_state_of(before), tag_state_of(after)});
    if (!ranked_) return;
    for (const ConditionId id : tag.readers) mark(conditions_[id]->readers, slot, before, after);
    // A condition over several tags may have been judged already, before this one changed.
    for (const ConditionId id : tag.kept_readers) {
      condition_marks_[id] = epoch_ - 1;
      queue(id);
    }
    judge_queued();
  };
  // One after the other without a branch between them, so that the processor waits for all of these lines at once.
  before_.resize(pending_.size());
  for (std::size_t i = 0; i < pending_.size(); ++i) before_[i] = tags_[pending_[i].tag]->plane.at(slot);
  judged_ += pending_.size();
  const auto known = [&](ConditionId id) { return known_[id].verdict; };
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    const Pending one = pending_[i];
    Tag& tag = *tags_[one.tag];
    const Verdict before = before_[i];
    const Verdict after =
        one.outcome.known() ? one.outcome.after(before) : run_steps(tag.program(one.own_system), known);
    if (before != after) become(tag, before, after);
  }
  if (!later_.empty()) settle_later(slot, become);
  pending_.clear();
  prefetched_ = later_prefetched_ = 0;
  open_ = kNone;
  return changes;
}

/// Those that refer to others, which are what they will be by now: by rank, as one may lead to the next.
void Population::settle_later(Slot slot, const std::function<void(Tag&, Verdict, Verdict)>& become) {
  // More than what was pending at first is judged, and conditions change meanwhile.
  const auto known_by_now = [&](ConditionId id) {
    Known& one = known_[id];
    if (one.epoch != epoch_) one = {where_[id].steady ? epoch_ : epoch_ - 1, where_[id].verdict(slot)};
    return one.verdict;
  };
  const auto rank_above = [this](TagIndex a, TagIndex b) { return tags_[a]->rank > tags_[b]->rank; };
  std::ranges::make_heap(later_, rank_above);
  while (!later_.empty()) {
    std::ranges::pop_heap(later_, rank_above);
    Tag& tag = *tags_[later_.back()];
    later_.pop_back();
    ++judged_;
    const Verdict before = tag.plane.at(slot), after = run_steps(tag.program(), known_by_now);
    if (before == after) continue;
    const std::size_t size = later_.size();
    become(tag, before, after);
    for (std::size_t i = size + 1; i <= later_.size(); ++i)
      std::push_heap(later_.begin(), later_.begin() + static_cast<std::ptrdiff_t>(i), rank_above);
  }
}

std::vector<TagChange> Population::judge_again(Slot slot, Now now) {
  deadlines_.clear(slot);
  begin(slot);
  for (const ConditionId id : restless_) queue(id);
  return settle(slot, now);
}

}  // namespace postern::posture
