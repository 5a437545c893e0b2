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
    const auto fact = e.fact(posture::keys::with(posture::keys::kEmsAttributePrefix, a.first));
    return !fact || fact->known();
  });
}

}  // namespace

EmsCore::Impl::Confirmation EmsCore::Impl::confirmation_of(const Endpoint& e) const {
  // Whether an endpoint is online the monotonic clock says; the wall clock's leaps then put nobody's tags out.
  return {e.confirmed.value_or(e.last_seen + e.excused), !e.online || e.confirmed};
}

bool EmsCore::Impl::confirm(Now now, const Endpoint& e) {
  const auto [until, limited] = confirmation_of(e);
  const auto ends = until + options_.tag_timeout + Millis(1);
  const bool lapsed = limited && ends <= now.wall;
  if (limited && !lapsed) judge_at(e.uid, ends);
  const bool confirmed = registry_.postures.confirm(e.slot(), until, now);
  return registry_.postures.lapse(e.slot(), lapsed, now) || confirmed;
}

posture::FactView EmsCore::Impl::facts_of(const Endpoint& e, const posture::FactSource& facts, Now now) const {
  const auto [until, limited] = confirmation_of(e);
  const posture::FactView view(facts, now, until);
  if (registry_.postures.lapsed(e.slot())) return view.with_report_limit(Millis(-1));
  return limited ? view.with_report_limit(options_.tag_timeout) : view;
}

EmsCore::Impl::Judged EmsCore::Impl::judge(Now now, const Endpoint& e) const {
  Judged out;
  const auto& postures = registry_.postures;
  auto was = e.held.begin();
  for (const auto& [id, said] : postures.waiting(e.slot())) {
    // Only a loss is bridged: whoever has it, or of whom nobody knows, is said to at once.
    if (said == posture::TagState::kHas && postures.judged(e.slot(), id) == posture::TagState::kAbsent) {
      const auto* tag = engine_.find(id);
      const auto delay = tag == nullptr || !tag->definition().enabled ? Seconds(0) : tag->definition().loss_delay;
      while (was != e.held.end() && was->tag < id) ++was;
      const auto ends = was != e.held.end() && was->tag == id ? was->until : now.wall + delay;
      if (delay > Seconds(0) && ends > now.wall) {
        out.held.push_back({id, std::min(ends, now.wall + delay)});  // the delay may be another one by now
        continue;
      }
    }
    out.follow.push_back(id);
  }
  return out;
}

void EmsCore::Impl::rejudge(Now now, Endpoint& e) {
  auto judged = judge(now, e);
  registry_.postures.follow(e.slot(), judged.follow);
  e.held = std::move(judged.held);
  for (const auto& held : e.held) judge_at(e.uid, held.until);
}

void EmsCore::Impl::rejudge_if_moved(Now now, const Endpoint& e) {
  const auto judged = judge(now, e);
  if (!judged.follow.empty() || judged.held != e.held) return rejudge(now, registry_.endpoints.edit(e.uid));
  for (const auto& held : e.held) judge_at(e.uid, held.until);
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
    const auto fabric = e->fact(posture::keys::kEmsOnFabric);
    if ((fabric && fabric->value != on_fabric(*e, now)) || attribute_ended(*e, now.wall)) {
      settle(now, registry_.endpoints.edit(uid), {});
    }
    confirm(now, *e);
    judge_certificates(now, *e);
    rejudge_if_moved(now, *e);
    // Only the earliest time was kept.
    for (const auto& [name, attribute] : e->attributes) {
      if (attribute.expires_at && *attribute.expires_at > now.wall) judge_at(uid, *attribute.expires_at);
    }
  }
  while (judged < kJudgementsPerTick && registry_.touched() < options_.batch) {
    const auto slot = registry_.postures.due(now.wall);
    if (!slot) break;
    ++judged;
    registry_.postures.judge_again(*slot, now);
    if (const auto* e = registry_.at(*slot)) rejudge_if_moved(now, *e);
  }
}

void EmsCore::Impl::excuse(Now now, Millis silence) {
  for (const auto& [uid, e] : registry_.endpoints.all()) {
    if (silence > Millis(0) && !e.registered()) continue;
    auto* quiet = registry_.endpoints.quietly(uid);
    quiet->excused += silence;
    if (e.confirmed) *quiet->confirmed += silence;
    // Nothing was told or collected later than the endpoint was heard last. Without it, what an EMS whose clock was ahead
    // took in would stay fresh until the clock gets there again.
    if (silence < Millis(0)) {
      if (e.last_seen + e.excused > now.wall) quiet->excused = std::chrono::duration_cast<Millis>(now.wall - e.last_seen);
      registry_.postures.hold_to(e.slot(), e.last_seen + e.excused, now);
      // What was to be judged at a time by the clock as it was comes too late by the one that was set back.
      registry_.postures.judge_again(e.slot(), now);
      judge_at(uid, now.wall);
    }
    confirm(now, e);
    registry_.restamp(uid);
  }
  follow_later();
}

}  // namespace postern::ems
