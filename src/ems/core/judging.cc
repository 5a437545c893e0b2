// When tags are judged and what becomes of a loss: the engine says what rules make of facts, this adds time.
#include <algorithm>

#include "ems/core/impl.h"
#include "posture/fact_keys.h"

namespace postern::ems {
namespace {

/// Due endpoints judged in one tick; the others follow in the next.
constexpr std::size_t kJudgementsPerTick = 20'000;

}  // namespace

posture::FactView EmsCore::Impl::facts_of(const Endpoint& e, Now now) const {
  auto confirmed = e.last_seen + e.excused;
  const auto waited = unconfirmed_.find(e.uid);
  if (waited != unconfirmed_.end()) confirmed = waited->second;
  const posture::FactView view(e.facts, now, confirmed);
  // Whether an endpoint is online the monotonic clock says; the wall clock's leaps then put nobody's tags out.
  return e.online && waited == unconfirmed_.end() ? view : view.with_report_limit(options_.tag_timeout);
}

EmsCore::Impl::Judged EmsCore::Impl::judge(Now now, const Endpoint& e, std::span<const posture::TagId> tags) {
  const auto view = facts_of(e, now);
  Judged out{e.tags, {}};
  if (tags.empty()) {
    out.tags = engine_.evaluate_all(view);
  } else {
    engine_.reevaluate(tags, view, out.tags);
  }
  auto until = view.until();
  const auto judged = [&](posture::TagId id) {
    return tags.empty() || std::find(tags.begin(), tags.end(), id) != tags.end();
  };
  for (const auto id : e.tags.has()) {
    const auto was = std::ranges::find(e.held, id, &HeldTag::tag);
    if (!judged(id)) {
      if (was != e.held.end()) out.held.push_back(*was);
      continue;
    }
    if (out.tags.state(id) != posture::TagState::kAbsent) continue;  // has it, or nobody knows: nothing is bridged
    const auto* tag = engine_.find(id);
    const auto delay = tag == nullptr || !tag->definition().enabled ? Seconds(0) : tag->definition().loss_delay;
    const auto ends = was != e.held.end() ? was->until : now.wall + delay;
    if (delay == Seconds(0) || ends <= now.wall) continue;
    out.tags.set(id, posture::TagState::kHas);
    out.held.push_back({id, std::min(ends, now.wall + delay)});  // the delay may be another one by now
  }
  for (const auto& held : out.held) until = std::min(until, held.until);
  if (until != WallTime::max()) judge_at(e.uid, until);
  return out;
}

void EmsCore::Impl::rejudge(Now now, Endpoint& e, std::span<const posture::TagId> tags) {
  auto judged = judge(now, e, tags);
  e.tags = std::move(judged.tags);
  e.held = std::move(judged.held);
}

void EmsCore::Impl::judge_at(const EndpointUid& uid, WallTime at) {
  const auto [it, fresh] = judge_at_.try_emplace(uid, at);
  if (!fresh) {
    if (it->second <= at) return;
    judgements_.erase({it->second, uid});
    it->second = at;
  }
  judgements_.emplace(at, uid);
}

void EmsCore::Impl::judge_due(Now now) {
  std::size_t judged = 0;
  while (!judgements_.empty() && judgements_.begin()->first <= now.wall && judged < kJudgementsPerTick &&
         registry_.touched() < options_.batch) {
    const auto uid = judgements_.begin()->second;
    judgements_.erase(judgements_.begin());
    judge_at_.erase(uid);
    const auto* e = registry_.endpoints.find(uid);
    if (e == nullptr) continue;
    ++judged;
    const auto fabric = e->facts.find(posture::keys::kEmsOnFabric);
    if ((fabric != e->facts.end() && fabric->second.value != on_fabric(*e, now)) ||
        std::ranges::any_of(e->attributes, [&](const auto& a) { return a.second.expires_at <= now.wall; })) {
      settle(now, registry_.endpoints.edit(uid), {});
    }
    const auto sets = judge(now, *e, {});
    if (sets.tags != e->tags || sets.held != e->held) {
      auto& edited = registry_.endpoints.edit(uid);
      edited.tags = sets.tags;
      edited.held = sets.held;
    }
  }
}

void EmsCore::Impl::excuse(Millis silence) {
  for (const auto& [uid, e] : registry_.endpoints.all()) {
    if (e.tags == posture::TagSets()) continue;
    registry_.endpoints.quietly(uid)->excused += silence;
    registry_.restamp(uid);
  }
}

}  // namespace postern::ems
