// What a change of tags would do to endpoints, and which live sessions that would cut.
#include <algorithm>
#include <bit>
#include <iterator>
#include <limits>
#include <set>

#include <fmt/format.h>

#include "ems/core/impl.h"

namespace postern::ems {

namespace fabric = proto::fabric_server;

namespace {

std::size_t both(const posture::SlotSet& a, const posture::SlotSet& b) {
  std::size_t out = 0;
  for (std::size_t i = 0, words = std::min(a.word_count(), b.word_count()); i < words; ++i)
    out += static_cast<std::size_t>(std::popcount(a.word(i) & b.word(i)));
  return out;
}

/// How many each may have at most, so that all have no more than `total` together and nothing is left to who wants more.
std::size_t fair_share(std::vector<std::size_t> wanted, std::size_t total) {
  std::ranges::sort(wanted);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto share = total / (wanted.size() - i);
    if (wanted[i] > share) return share;
    total -= wanted[i];
  }
  return std::numeric_limits<std::size_t>::max();
}

}  // namespace

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
  out.back = before != nullptr && is_shown && (!was_shown || out.kind_before.has_value());
  out.ignore_unknown = is_shown && after->on_unknown == posture::OnUnknown::kIgnore;
  if (is_shown) out.kept_for = after->loss_delay;  // as judge() delays it
  out.policies_differ = was_shown && is_shown && before->definition.on_unknown != after->on_unknown;
  const auto& registered = registry_.registered();
  out.gain.count = both(effect.gain, registered);
  out.lose.count = both(effect.lose, registered);
  out.become_unknown.count = both(effect.become_unknown, registered);
  out.become_absent.count = both(effect.become_absent, registered);
  const auto [has, unknown] = registry_.tag_counts(effect.tag);
  out.has_after = has - both(effect.had, registered) + out.gain.count;
  out.unknown_after = unknown - both(effect.was_unknown, registered) + out.become_unknown.count;
  return out;
}

std::vector<EndpointUid> EmsCore::Impl::registered_uids(const posture::SlotSet& set, std::size_t most) const {
  std::vector<EndpointUid> out;
  const auto& all = registry_.endpoints.all();
  if (set.size() > all.size() / 16) {
    // In order already: sorting costs more than passing others by.
    for (auto it = all.begin(); it != all.end() && out.size() < most; ++it) {
      if (set.contains(it->second.slot()) && it->second.registered()) out.push_back(it->first);
    }
    return out;
  }
  for (auto slot = set.next(0); slot && out.size() < most; slot = set.next(*slot + 1)) {
    const auto* e = registry_.registered().contains(*slot) ? registry_.at(*slot) : nullptr;
    if (e != nullptr) out.push_back(e->uid);
  }
  std::ranges::sort(out);
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
  std::vector<posture::TagEffect> of_tags, of_referring;  // in the order of the answer's
  const auto add = [&](posture::TagId id, const posture::TagDefinition* after) {
    of_tags.push_back(effect_of(id));
    out.tags.push_back(impl_->tag_what_if(impl_->registry_.tags.find(id), after, of_tags.back()));
  };
  for (const auto& edit : edits) add(edit.id, edit.tag == nullptr ? nullptr : &edit.tag->definition());
  for (const auto id : plan->unchanged) add(id, &impl_->registry_.tags.find(id)->definition);
  for (std::size_t i = 0; i < effects->size(); ++i) {
    const auto* tag = taken[i] ? nullptr : impl_->registry_.tags.find((*effects)[i].tag);
    if (tag == nullptr) continue;
    of_referring.push_back(std::move((*effects)[i]));
    out.referring.push_back(impl_->tag_what_if(tag, &tag->definition, of_referring.back()));
  }
  std::vector<std::size_t> counts;
  for (const auto* list : {&out.tags, &out.referring}) {
    for (const auto& tag : *list) {
      counts.insert(counts.end(), {tag.gain.count, tag.lose.count, tag.become_unknown.count, tag.become_absent.count});
    }
  }
  const auto most = fair_share(std::move(counts), impl_->options_.what_if_listed);
  const auto name_endpoints = [&](std::vector<TagWhatIf>& tags, std::vector<posture::TagEffect>& effects_of) {
    for (std::size_t i = 0; i < tags.size(); ++i) {
      tags[i].gain.uids = impl_->registered_uids(effects_of[i].gain, most);
      tags[i].lose.uids = impl_->registered_uids(effects_of[i].lose, most);
      tags[i].become_unknown.uids = impl_->registered_uids(effects_of[i].become_unknown, most);
      tags[i].become_absent.uids = impl_->registered_uids(effects_of[i].become_absent, most);
      effects_of[i] = {};
    }
  };
  name_endpoints(out.tags, of_tags);
  name_endpoints(out.referring, of_referring);
  std::ranges::sort(out.tags, {}, &TagWhatIf::name);
  std::ranges::sort(out.referring, {}, &TagWhatIf::name);
  out.would = std::move(plan->said);
  return out;
}

Status EmsCore::check_question(const ChangeSet& set) const {
  const std::size_t endpoints = std::max<std::size_t>(1, impl_->registry_.endpoints.all().size());
  const std::size_t most = impl_->options_.what_if_judged / endpoints;
  std::size_t rules = 0;
  for (const auto& tag : set.save) rules += tag.rules.size();
  if (set.save.size() <= 1 || rules <= most) return {};
  return postern::fail(ErrorCode::kInvalidArgument,
                       fmt::format("{} rules are asked about, and with {} endpoints at most {} are at once: ask in several parts, or "
                                   "let an administrator ask for a dry run (postern apply --dry-run)",
                                   rules, endpoints, most));
}

Result<WhatIf> EmsCore::what_if(Now now, const posture::TagDefinition& draft) {
  const auto current = impl_->engine_.id_of(draft.name.str());
  const auto drafts = impl_->check_tags({.set = {{current != 0 ? current : ~posture::TagId{0}, draft}}});
  if (!drafts) return fail(drafts.error().front().error);
  return what_if(now, ChangeSet{{draft}, {}});
}

bool WhatIf::lost_later() const {
  return std::ranges::any_of(tags, &TagWhatIf::lost_later) || std::ranges::any_of(referring, &TagWhatIf::lost_later);
}

void EmsCore::sessions_cut(Now now, const WhatIf& changes, CutWhen when, Done<SessionsCut> done) {
  Impl::Question question;
  for (const auto& [serial, device] : impl_->registry_.devices.all()) {
    if (device.state != DeviceState::kAuthorised) continue;
    question.so_far.silent.push_back(serial);
  }
  const auto id = impl_->next_question_++;
  for (const auto& [session, s] : impl_->gateways_) {
    if (!s.helloed || impl_->state_for(s) != fabric::State::kAuthorised) continue;
    // It is told of nobody whom it doesn't know: there it has no sessions of theirs.
    const auto& device = *impl_->registry_.devices.find(s.serial);
    const bool knows_all = device.endpoint_sharing == EndpointSharing::kAll;
    const auto nearby = knows_all ? std::set<EndpointUid>() : impl_->nearby(device, s.asked);
    std::size_t total = 0;
    bool too_much = false;
    const auto known = [&, &s = s](const TagWhatIf::Endpoints& endpoints) {
      std::vector<EndpointUid> out;
      if (endpoints.cut()) too_much = true;  // who is left out may have sessions there
      if (too_much) return out;
      if (knows_all) {
        out = endpoints.uids;
      } else {
        std::ranges::set_intersection(endpoints.uids, nearby, std::back_inserter(out));
        std::erase_if(out, [&](const EndpointUid& uid) { return !impl_->is_shared(s, uid); });
      }
      total += out.size();
      too_much = total > fabric::kMaxWhatIf;
      return out;
    };
    const auto told = [&](posture::TagKind kind) {
      return std::ranges::find(device.tag_kinds, kind) != device.tag_kinds.end();
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
        const bool kept = when == CutWhen::kAtOnce && tag.lost_later();
        fabric::TagWhatIf one{tag.name, posture::tag_kind_name(tag.kind), known(tag.gain), known(kept ? TagWhatIf::Endpoints() : tag.lose),
                              known(tag.become_unknown), false, tag.ignore_unknown};
        const auto endpoints = one.gain.size() + one.lose.size() + one.become_unknown.size();
        if (endpoints != 0 || tag.policies_differ) asked.push_back(std::move(one));
      }
    }
    if (too_much || asked.size() > fabric::kMaxWhatIfTags) {
      question.so_far.too_much.push_back(s.serial);
      continue;
    }
    question.so_far.asked.push_back(s.serial);
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
