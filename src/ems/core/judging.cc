// When tags are judged and what becomes of a loss: the engine says what rules make of facts, this adds time.
#include <algorithm>

#include "ems/core/impl.h"
#include "posture/fact_keys.h"

namespace postern::ems {
namespace {

/// Due endpoints judged in one tick; the others follow in the next.
constexpr std::size_t kJudgementsPerTick = 20'000;

/// An attribute has expired that still is a known fact.
bool attribute_ended(const Endpoint& e, WallTime now) {
  return std::ranges::any_of(e.attributes, [&](const auto& a) {
    if (!a.second.expires_at || *a.second.expires_at > now) return false;
    const auto fact = e.facts.find(posture::keys::with(posture::keys::kEmsAttributePrefix, a.first));
    return fact == e.facts.end() || fact->second.known();
  });
}

/// Nothing was told or collected later than the endpoint was heard last. Without it, what an EMS whose clock was ahead
/// took in would stay fresh until the clock gets there again.
void hold_to_last_sign(Endpoint& e, WallTime now) {
  if (e.last_seen + e.excused > now) e.excused = std::chrono::duration_cast<Millis>(now - e.last_seen);
  const auto confirmed = e.last_seen + e.excused;
  for (auto& [key, fact] : e.facts) {
    if (!key.starts_with(posture::keys::kEmsPrefix)) fact.collected_at = std::min(fact.collected_at, confirmed);
  }
}

}  // namespace

posture::FactView EmsCore::Impl::facts_of(const Endpoint& e, Now now) const {
  auto confirmed = e.last_seen + e.excused;
  const auto waited = e.acked_seq == 0 ? unconfirmed_.find(e.uid) : unconfirmed_.end();
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
    if ((fabric != e->facts.end() && fabric->second.value != on_fabric(*e, now)) || attribute_ended(*e, now.wall)) {
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

void EmsCore::Impl::excuse(Now now, Millis silence) {
  for (auto& [uid, confirmed] : unconfirmed_) confirmed += silence;
  for (const auto& [uid, e] : registry_.endpoints.all()) {
    if (silence > Millis(0) && e.tags == posture::TagSets()) continue;
    auto* quiet = registry_.endpoints.quietly(uid);
    quiet->excused += silence;
    if (silence < Millis(0)) hold_to_last_sign(*quiet, now.wall);
    registry_.restamp(uid);
  }
  // What was to be judged at a time by the clock as it was comes too late by the one that was set back.
  if (silence < Millis(0)) reevaluate_later({});
}

}  // namespace postern::ems
