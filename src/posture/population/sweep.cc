#include "posture/population/sweep.h"

#include <algorithm>
#include <map>

namespace postern::posture {

Population::Sweep::Sweep(Population& population, std::span<const ConditionId> conditions) : population_(population) {
  operands_.resize(population.conditions_.size());
  std::map<std::pair<KeyId, std::uint32_t>, Work> works;
  std::size_t coded = 0;
  for (const ConditionId id : conditions) {
    const JudgedCondition& one = *population.conditions_[id];
    if (one.kind == JudgedCondition::Kind::kKept) kept_.push_back(id);
    if (one.kind == JudgedCondition::Kind::kTag) tags_.push_back(id);
    if (one.kind != JudgedCondition::Kind::kCode) continue;
    Work& work = works[{one.column, one.group}];
    work.column = population.columns_[one.column].get();
    work.group = one.group;
    work.lanes = std::max<std::size_t>(work.lanes, one.lane + 1u);
    work.ids[one.lane] = id;
    ++coded;
  }
  lines_.resize(coded * kStripLines);
  Line* next = lines_.data();
  for (auto& [place, work] : works) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      work.out[lane] = work.ids[lane] == kNone ? unused_.data() : next;
      if (work.ids[lane] != kNone) next += kStripLines;
    }
    works_.push_back(work);
  }
}

void Population::Sweep::alike(const Work& work, std::uint8_t byte) {
  for (std::size_t lane = 0; lane < work.lanes; ++lane) {
    if (work.ids[lane] != kNone) operands_[work.ids[lane]] = uniform_page(lane_verdict(byte, lane)).data();
  }
}

void Population::Sweep::ready(const Work& work, std::size_t page, std::size_t line) {
  const Kernels& kernels = *population_.kernels_;
  const auto& table = work.column->groups[work.group]->table;
  const Column& codes = work.column->codes;
  const std::size_t start = line * kLineSlots, end = start + kStripLines * kLineSlots;
  switch (codes.width(page)) {
    case Column::Width::kNone:
      return alike(work, table[0]);
    case Column::Width::kFew: {
      const auto few = codes.few(page);
      const auto first = std::ranges::lower_bound(few, start, {}, &Column::Few::at);
      if (first == few.end() || first->at >= end) return alike(work, table[0]);
      bytes_.fill(table[0]);
      for (auto one = first; one != few.end() && one->at < end; ++one) bytes_[one->at - start] = table[one->code];
      kernels.spread(bytes_.data(), kStripLines, work.lanes, work.out.data());
      break;
    }
    case Column::Width::k8:
      kernels.verdicts8(static_cast<const std::uint8_t*>(codes.data(page)) + start, kStripLines, table.data(),
                        std::min<std::size_t>(work.column->dictionary.end(), 256), work.lanes, work.out.data());
      break;
    case Column::Width::k16:
      kernels.verdicts16(static_cast<const std::uint16_t*>(codes.data(page)) + start, kStripLines, table.data(),
                         work.lanes, work.out.data());
      break;
    case Column::Width::k32:
      kernels.verdicts32(static_cast<const std::uint32_t*>(codes.data(page)) + start, kStripLines, table.data(),
                         work.lanes, work.out.data());
      break;
  }
  for (std::size_t lane = 0; lane < work.lanes; ++lane) {
    if (work.ids[lane] != kNone) operands_[work.ids[lane]] = work.out[lane];
  }
}

void Population::Sweep::ready(std::size_t page, std::size_t line) {
  for (const Work& work : works_) ready(work, page, line);
  for (const ConditionId id : kept_) renew(id, page, line);
  for (const ConditionId id : tags_) {
    const JudgedCondition& one = *population_.conditions_[id];
    const PlanePage& lines =
        one.tag == kNone ? uniform_page(one.nothing) : population_.tags_[one.tag]->plane.page(page);
    operands_[id] = lines.data() + line;
  }
}

void Population::Sweep::renew(ConditionId id, std::size_t page, std::size_t line) {
  const JudgedCondition& one = *population_.conditions_[id];
  if (one.kind == JudgedCondition::Kind::kTag) {
    if (one.tag == kNone) return;  // disabled: it says nothing, whatever its plane becomes
    operands_[id] = population_.tags_[one.tag]->plane.page(page).data() + line;
  } else {
    operands_[id] = one.plane.page(page).data() + line;
  }
}

const Line* Population::Sweep::join(std::span<const LogicStep> steps, const Line* before) {
  if (steps.empty()) {
    const Line* nothing = uniform_page(Verdict::kNoMatch).data();
    return std::equal(before, before + kStripLines, nothing) ? nullptr : nothing;
  }
  const bool differs =
      population_.kernels_->join(steps.data(), steps.size(), operands_.data(), kStripLines, before, joined_.data());
  return differs ? joined_.data() : nullptr;
}

}  // namespace postern::posture
