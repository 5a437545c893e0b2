#include "posture/population/endpoint_judge.h"

#include <algorithm>

#include "posture/fact_keys.h"
#include "posture/population/slot_facts.h"

namespace postern::posture {
namespace {

constexpr std::uint8_t kNotYet = 0xFF;
constexpr std::size_t kMostCombinations = std::size_t{1} << 20;  ///< Of one condition.
constexpr std::size_t kMostBytes = std::size_t{32} << 20;        ///< Of those that are judged together.

}  // namespace

std::string_view Population::EndpointJudge::entry_of(const Population& population, const Part& part, Code code) {
  return part.column->dictionary.entry(code, population.blobs_);
}

/// The facts of one combination.
class Population::EndpointJudge::Combination final : public FactSource {
 public:
  Combination(const Population& population, const Plan& plan, std::size_t at) {
    for (auto part = plan.parts.rbegin(); part != plan.parts.rend(); ++part) {
      const std::size_t codes = part->column->dictionary.end(), digit = at % (codes + 1);
      at /= codes + 1;
      if (digit == 0) continue;
      Fact fact{Unknown{UnknownReason::kStale}, {}, {}};
      if (digit < codes && !population.decode(entry_of(population, *part, static_cast<Code>(digit)), fact, Reading::kAsJudged)) continue;
      facts_.emplace_back(part->column->key, std::move(fact));
    }
  }
  const Fact* find(std::string_view key) const override {
    const auto it = std::ranges::find(facts_, key, &std::pair<std::string_view, Fact>::first);
    return it == facts_.end() ? nullptr : &it->second;
  }

 private:
  std::vector<std::pair<std::string_view, Fact>> facts_;
};

Population::EndpointJudge::Plan Population::EndpointJudge::plan(JudgedCondition& condition) const {
  Plan out;
  out.condition = &condition;
  if (!condition.tag_names.empty()) return out;
  std::size_t combinations = 1;
  for (const KeyId key : condition.keys) {
    const FactColumn& column = *population_.columns_[key];
    if (column.own) return out;
    combinations *= column.dictionary.end() + 1;
    if (combinations > kMostCombinations) return out;
  }
  for (const KeyId key : condition.keys) {
    const FactColumn& column = *population_.columns_[key];
    Part part;
    part.column = &column;
    part.key = key;
    part.ages = condition.max_age && FactView::grows_old(column.key);
    if (part.ages) part.known.assign(column.dictionary.end(), kNotYet);
    out.parts.push_back(std::move(part));
  }
  out.verdicts.assign(combinations, kNotYet);
  if (condition.condition->timed()) out.until.resize(combinations);
  out.by_values = true;
  return out;
}

void Population::EndpointJudge::judge(std::span<const ConditionId> conditions, const SlotSet& slots) {
  std::size_t bytes = 0;
  for (const ConditionId id : conditions) {
    plans_.push_back(plan(*population_.conditions_[id]));
    bytes += plans_.back().verdicts.size() + plans_.back().until.size() * sizeof(WallTime);
    if (bytes < kMostBytes) continue;
    run(slots);
    bytes = 0;
  }
  run(slots);
}

void Population::EndpointJudge::run(const SlotSet& slots) {
  if (plans_.empty()) return;
  const auto all = slots.slots();
  for (std::size_t i = 0; i < all.size(); ++i) {
    // Where each row stands and what it holds is asked for some endpoints ahead, as one follows from the other.
    constexpr std::size_t kAhead = 8;
    if (i + 2 * kAhead < all.size()) population_.rows_.prefetch(all[i + 2 * kAhead]);
    if (i + kAhead < all.size()) population_.rows_.prefetch_keys(all[i + kAhead]);
    population_.slot_facts_->look_at(all[i]);
    WallTime until = WallTime::max();
    for (Plan& plan : plans_) plan.condition->plane.set(all[i], judge(plan, all[i], until));
    if (noting_) population_.deadlines_.note(all[i], until);
  }
  plans_.clear();
}

Verdict Population::EndpointJudge::judge(Plan& plan, Slot slot, WallTime& until) {
  if (plan.by_values) {
    std::size_t at = 0;
    for (Part& part : plan.parts) at = at * (part.column->dictionary.end() + 1) + digit(plan, part, slot, until);
    if (plan.verdicts[at] != kNotYet || judge_combination(plan, at)) {
      if (!plan.until.empty()) until = std::min(until, plan.until[at]);
      return static_cast<Verdict>(plan.verdicts[at]);
    }
  }
  const SlotFacts& facts = *population_.slot_facts_;
  const FactView view =
      FactView(facts, now_, population_.confirmed(slot)).with_max_age(plan.condition->max_age).with_tags(facts);
  const Verdict verdict = plan.condition->condition->judge(view).verdict;
  until = std::min(until, view.until());
  return verdict;
}

std::size_t Population::EndpointJudge::digit(const Plan& plan, Part& part, Slot slot, WallTime& until) const {
  const Code code = part.column->codes.at(slot);
  if (code == 0 || !part.ages) return code;
  if (part.known[code] == kNotYet) {
    Fact fact;
    part.known[code] = population_.decode(entry_of(population_, part, code), fact, Reading::kAsJudged) && fact.known() ? 1 : 0;
  }
  if (part.known[code] == 0) return code;
  // As FactView::find() has it. An agent that gave a sign of life not long ago spares the look at the row: the moment that
  // is noted then may be too early, and never too late.
  const Millis limit(*plan.condition->max_age);
  WallTime as_of = part.column->reported ? population_.confirmed(slot) : WallTime::min();
  if (as_of < now_.wall - limit) as_of = std::max(as_of, population_.rows_.time(slot, part.key, part.place));
  if (as_of < now_.wall - limit) return part.column->dictionary.end();
  until = std::min(until, std::min(as_of, now_.wall) + limit + Millis(1));
  return code;
}

/// False: it isn't told by values alone, as it turns out.
bool Population::EndpointJudge::judge_combination(Plan& plan, std::size_t at) {
  const Combination facts(population_, plan, at);
  const FactView view(facts, now_);
  const Verdict verdict = plan.condition->condition->judge(view).verdict;
  plan.by_values = !view.asked_of_endpoint();
  if (!plan.by_values) return false;
  plan.verdicts[at] = static_cast<std::uint8_t>(verdict);
  if (!plan.until.empty()) plan.until[at] = view.until();
  return true;
}

}  // namespace postern::posture
