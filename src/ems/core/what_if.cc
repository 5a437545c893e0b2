// What a change of tags would do to endpoints, and which live sessions that would cut.
#include <algorithm>
#include <iterator>
#include <set>

#include "ems/core/impl.h"

namespace postern::ems {

namespace fabric = proto::fabric_server;

TagWhatIf EmsCore::Impl::tag_what_if(const Tag* before, const posture::TagDefinition* after,
                                     const posture::TagEffect& effect) const {
  TagWhatIf out;
  const auto& either = after != nullptr ? *after : before->definition;
  out.name = either.name.str();
  out.kind = either.kind;
  if (before != nullptr && before->definition.kind != either.kind) out.kind_before = before->definition.kind;
  const bool was_shown = before != nullptr && before->definition.enabled, is_shown = after != nullptr && after->enabled;
  out.shown = was_shown || is_shown;
  out.gone = was_shown && !is_shown;
  out.ignore_unknown = is_shown && after->on_unknown == posture::OnUnknown::kIgnore;
  out.policies_differ = was_shown && is_shown && before->definition.on_unknown != after->on_unknown;
  auto [has, unknown] = registry_.tag_counts(effect.tag);
  const auto take = [&](const Endpoint& e) {
    if (!e.registered()) return;
    const auto slot = e.slot();
    auto& into = effect.gain.contains(slot) ? out.gain : effect.become_unknown.contains(slot) ? out.become_unknown : out.lose;
    into.push_back(e.uid);
    has -= effect.had.contains(slot) ? 1 : 0;
    unknown -= effect.was_unknown.contains(slot) ? 1 : 0;
  };
  if (effect.size() > registry_.endpoints.size() / 16) {
    // In order already.
    for (const auto& [uid, e] : registry_.endpoints.all()) {
      if (effect.concerns(e.slot())) take(e);
    }
  } else {
    for (const auto* slots : {&effect.gain, &effect.lose, &effect.become_unknown, &effect.become_absent}) {
      slots->for_each([&](posture::Slot slot) {
        if (const auto* e = registry_.at(slot)) take(*e);
      });
    }
    for (auto* uids : {&out.gain, &out.lose, &out.become_unknown}) std::ranges::sort(*uids);
  }
  out.has_after = has + out.gain.size();
  out.unknown_after = unknown + out.become_unknown.size();
  return out;
}

Result<WhatIf> EmsCore::what_if(Now now, ChangeSet set) {
  auto plan = impl_->plan_tags(std::move(set));
  if (!plan) return fail(plan.error());
  std::vector<PostureTable::TagEdit> edits;
  for (auto& [id, tag] : plan->drafts.set) edits.push_back({id, std::move(tag)});
  for (const auto id : plan->drafts.removed) edits.push_back({id, nullptr});
  const auto as_it_is = [this](posture::TagId id) { return impl_->engine_.share(id); };
  auto effects = impl_->registry_.postures.what_if(edits, as_it_is, now);
  if (!effects) return fail(effects.error());
  std::vector<bool> taken(effects->size());
  const auto effect_of = [&](posture::TagId id) {
    const auto it = std::ranges::lower_bound(*effects, id, {}, &posture::TagEffect::tag);
    posture::TagEffect out;
    if (it != effects->end() && it->tag == id) {
      taken[static_cast<std::size_t>(it - effects->begin())] = true;
      out = std::exchange(*it, {});
      it->tag = id;
    }
    out.tag = id;
    return out;
  };
  WhatIf out;
  for (const auto& edit : edits) {
    const auto* after = edit.tag == nullptr ? nullptr : &edit.tag->definition();
    out.tags.push_back(impl_->tag_what_if(impl_->registry_.tags.find(edit.id), after, effect_of(edit.id)));
  }
  for (const auto id : plan->unchanged) {
    const auto* tag = impl_->registry_.tags.find(id);
    out.tags.push_back(impl_->tag_what_if(tag, &tag->definition, effect_of(id)));
  }
  for (std::size_t i = 0; i < effects->size(); ++i) {
    if (taken[i]) continue;
    const auto& effect = (*effects)[i];
    const auto* tag = impl_->registry_.tags.find(effect.tag);
    if (tag != nullptr) out.referring.push_back(impl_->tag_what_if(tag, &tag->definition, effect));
  }
  std::ranges::sort(out.tags, {}, &TagWhatIf::name);
  std::ranges::sort(out.referring, {}, &TagWhatIf::name);
  out.would = std::move(plan->said);
  return out;
}

Result<WhatIf> EmsCore::what_if(Now now, const posture::TagDefinition& draft) {
  const auto current = impl_->engine_.id_of(draft.name.str());
  const auto drafts = impl_->check_tags({.set = {{current != 0 ? current : ~posture::TagId{0}, draft}}});
  if (!drafts) return fail(drafts.error().front().error);
  return what_if(now, ChangeSet{{draft}, {}});
}

void EmsCore::sessions_cut(Now now, const WhatIf& changes, Done<SessionsCut> done) {
  Impl::Question question;
  for (const auto& [serial, device] : impl_->registry_.devices.all()) {
    if (device.state != DeviceState::kAuthorised) continue;
    question.so_far.silent.push_back(serial);
  }
  const auto id = impl_->next_question_++;
  for (const auto& [session, s] : impl_->gateways_) {
    if (!s.helloed || impl_->state_for(s) != fabric::State::kAuthorised) continue;
    question.so_far.asked.push_back(s.serial);
    const auto& kinds = impl_->registry_.devices.find(s.serial)->tag_kinds;
    const auto told = [&](posture::TagKind kind) { return std::ranges::find(kinds, kind) != kinds.end(); };
    // It is told of nobody whom it doesn't know: there it has no sessions of theirs.
    std::size_t total = 0;
    const auto known = [&, &s = s](const std::vector<EndpointUid>& uids) {
      std::vector<EndpointUid> out;
      for (const auto& uid : uids) {
        if (total > fabric::kMaxWhatIf) break;
        if (!impl_->is_shared(s, uid)) continue;
        out.push_back(uid);
        ++total;
      }
      return out;
    };
    std::vector<fabric::TagWhatIf> asked;
    const auto gone = [&](const TagWhatIf& tag, posture::TagKind kind) {
      asked.push_back({tag.name, posture::tag_kind_name(kind), {}, {}, {}, true, false});
    };
    for (const auto* list : {&changes.tags, &changes.referring}) {
      for (const auto& tag : *list) {
        if (!tag.shown) continue;
        if (tag.kind_before && told(*tag.kind_before)) gone(tag, *tag.kind_before);
        if (!told(tag.kind)) continue;
        if (tag.gone && !tag.kind_before) {
          gone(tag, tag.kind);
          continue;
        }
        fabric::TagWhatIf one{tag.name, posture::tag_kind_name(tag.kind), known(tag.gain), known(tag.lose),
                              known(tag.become_unknown), false, tag.ignore_unknown};
        const auto endpoints = one.gain.size() + one.lose.size() + one.become_unknown.size();
        if (endpoints != 0 || tag.policies_differ) asked.push_back(std::move(one));
      }
    }
    if (total > fabric::kMaxWhatIf || asked.size() > fabric::kMaxWhatIfTags) continue;  // it stays among the silent ones
    if (asked.empty()) {
      std::erase(question.so_far.silent, s.serial);
      continue;
    }
    question.waiting.insert(session);
    impl_->send_free(session, fabric::what_if_frame(id, asked));
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
