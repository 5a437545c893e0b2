// What a draft of a tag would change, and which live sessions that would cut.
#include <algorithm>
#include <iterator>
#include <set>

#include "ems/core/impl.h"

namespace postern::ems {

namespace fabric = proto::fabric_server;

Result<WhatIf> EmsCore::what_if(Now now, const posture::TagDefinition& draft) const {
  const auto& engine = impl_->engine_;
  const auto current = engine.id_of(draft.name.str());
  const auto drafts = impl_->check_tags({.set = {{current != 0 ? current : ~posture::TagId{0}, draft}}});
  if (!drafts) return fail(drafts.error().front().error);
  const auto* compiled = drafts->set.front().second.get();
  auto& postures = impl_->registry_.postures;
  auto effect = postures.what_if(current, *compiled, now);
  // Who is said to have something else than rules make of it now, goes from that.
  postures.waiting_for(current).for_each([&](posture::Slot slot) {
    const auto after = effect.state_after(slot, postures.judged(slot, current));
    effect.replace(slot, postures.state(slot, current), after);
  });
  WhatIf out;
  auto [has, unknown] = impl_->registry_.tag_counts(current);
  const auto take = [&](const Endpoint& e) {
    if (!e.registered()) return;
    const auto slot = e.slot();
    auto& into = effect.gain.contains(slot) ? out.gain : effect.become_unknown.contains(slot) ? out.become_unknown : out.lose;
    into.push_back(e.uid);
    has -= effect.had.contains(slot) ? 1 : 0;
    unknown -= effect.was_unknown.contains(slot) ? 1 : 0;
  };
  const auto concerned = effect.gain.size() + effect.lose.size() + effect.become_unknown.size() + effect.become_absent.size();
  if (concerned > impl_->registry_.endpoints.size() / 16) {
    // In order already.
    for (const auto& [uid, e] : impl_->registry_.endpoints.all()) {
      if (effect.concerns(e.slot())) take(e);
    }
  } else {
    for (const auto* slots : {&effect.gain, &effect.lose, &effect.become_unknown, &effect.become_absent}) {
      slots->for_each([&](posture::Slot slot) {
        if (const auto* e = impl_->registry_.at(slot)) take(*e);
      });
    }
    for (auto* uids : {&out.gain, &out.lose, &out.become_unknown}) std::ranges::sort(*uids);
  }
  out.has_after = has + out.gain.size();
  out.unknown_after = unknown + out.become_unknown.size();
  out.referring = impl_->tags_naming(draft.name.str());
  return out;
}

void EmsCore::sessions_cut(Now now, const posture::TagDefinition& draft, const WhatIf& changes, Done<SessionsCut> done) {
  Impl::Question question;
  for (const auto& [serial, device] : impl_->registry_.devices.all()) {
    if (device.state != DeviceState::kAuthorised) continue;
    question.so_far.silent.push_back(serial);
  }
  const auto id = impl_->next_question_++;
  for (const auto& [session, s] : impl_->gateways_) {
    if (!s.helloed || impl_->state_for(s) != fabric::State::kAuthorised) continue;
    question.so_far.asked.push_back(s.serial);
    // It is told of nobody whom it doesn't know: there it has no sessions of theirs.
    const auto known = [&, &s = s](const std::vector<EndpointUid>& uids) {
      std::vector<EndpointUid> out;
      std::ranges::copy_if(uids, std::back_inserter(out), [&](const auto& uid) { return impl_->is_shared(s, uid); });
      return out;
    };
    const auto gain = known(changes.gain), lose = known(changes.lose), become_unknown = known(changes.become_unknown);
    const auto total = gain.size() + lose.size() + become_unknown.size();
    if (total > fabric::kMaxWhatIf) continue;  // it stays among the silent ones
    if (total == 0) {
      std::erase(question.so_far.silent, s.serial);
      continue;
    }
    question.waiting.insert(session);
    impl_->send_free(session, fabric::what_if_frame(id, draft.name.str(), posture::tag_kind_name(draft.kind), gain, lose,
                                                    become_unknown));
  }
  if (question.waiting.empty()) {
    impl_->hold_free(act::Complete{[done = std::move(done), out = std::move(question.so_far)] { done(out); }});
    return;
  }
  question.until = now.mono + kWhatIfPatience;
  question.done = std::move(done);
  impl_->questions_.emplace(id, std::move(question));
}

bool EmsCore::Impl::is_shared(const GatewaySession& s, const EndpointUid& uid) const {
  const auto* d = registry_.devices.find(s.serial);
  const auto* e = registry_.endpoints.find(uid);
  return d != nullptr && e != nullptr && share_reasons(*d, s.asked, *e).any();
}

void EmsCore::Impl::on_what_if_answer(const GatewaySession& s, const fabric::WhatIfAnswer& answer) {
  const auto it = questions_.find(answer.request_id);
  if (it == questions_.end() || it->second.waiting.erase(s.id) == 0) return;  // too late, or nobody asked it
  auto& so_far = it->second.so_far;
  std::erase(so_far.silent, s.serial);
  std::set<EndpointUid> said;
  for (const auto& [uid, sessions] : answer.cuts) {
    if (sessions == 0 || !is_shared(s, uid) || !said.insert(uid).second) continue;
    so_far.cuts.push_back({uid, s.serial, sessions});
    so_far.total += sessions;
  }
  if (!it->second.waiting.empty()) return;
  hold_free(act::Complete{[done = std::move(it->second.done), out = std::move(so_far)] { done(out); }});
  questions_.erase(it);
}

void EmsCore::Impl::give_up_questions(MonoTime now, std::optional<SessionId> gone) {
  for (auto it = questions_.begin(); it != questions_.end();) {
    auto& question = it->second;
    if (gone) question.waiting.erase(*gone);
    if (!question.waiting.empty() && (gone || now < question.until)) {
      ++it;
      continue;
    }
    hold_free(act::Complete{[done = std::move(question.done), out = std::move(question.so_far)] { done(out); }});
    it = questions_.erase(it);
  }
}

}  // namespace postern::ems
