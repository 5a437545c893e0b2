// Why an endpoint has a tag or not, now and then.
#include <algorithm>
#include <set>

#include "ems/core/impl.h"
#include "ems/core/kept_tags.h"
#include "ems/core/why_words.h"
#include "posture/fact_keys.h"
#include "posture/tag_reference.h"

namespace postern::ems {
namespace {

namespace keys = posture::keys;

/// An endpoint's facts once attributes that expire by some time have done so.
class FactsToCome final : public posture::FactSource {
 public:
  FactsToCome(const Endpoint& of, WallTime by) : of_(of), by_(by), now_(of.in_table) {}
  const posture::Fact* find(std::string_view key) const override {
    static const posture::Fact kExpired{posture::Unknown{posture::UnknownReason::kStale}, {}, "ems"};
    if (key.starts_with(keys::kEmsAttributePrefix)) {
      const auto it = of_.attributes.find(std::string(key.substr(keys::kEmsAttributePrefix.size())));
      if (it != of_.attributes.end() && it->second.expires_at && *it->second.expires_at <= by_) return &kExpired;
    }
    return now_.find(key);
  }

 private:
  const Endpoint& of_;
  WallTime by_;
  EndpointFacts now_;
};

/// When attributes that rules read expire, ascending.
std::set<WallTime> expiries(const Endpoint& e, const posture::TagExplanation& why, const posture::TagEngine& engine) {
  std::vector<std::string> open;
  for (const auto& rule : why.rules) {
    for (const auto& reading : rule.facts) open.push_back(reading.key);
  }
  std::set<WallTime> out;
  std::set<std::string, std::less<>> seen;
  while (!open.empty()) {
    const auto key = std::move(open.back());
    open.pop_back();
    if (!seen.insert(key).second) continue;
    if (const auto tag = posture::referred_tag(key)) {
      const auto* other = engine.find(engine.id_of(tag->name));
      if (other != nullptr) open.insert(open.end(), other->keys().begin(), other->keys().end());
    } else if (key.starts_with(keys::kEmsAttributePrefix)) {
      const auto it = e.attributes.find(key.substr(keys::kEmsAttributePrefix.size()));
      if (it != e.attributes.end() && it->second.expires_at) out.insert(*it->second.expires_at);
    }
  }
  return out;
}

}  // namespace

std::optional<WallTime> EmsCore::Impl::changes_at(const Endpoint& e, const posture::TagExplanation& why, Now now) const {
  auto until = why.until;
  for (const auto expiry : expiries(e, why, engine_)) {
    if (expiry <= now.wall) continue;
    if (until && *until <= expiry) break;
    const FactsToCome facts(e, expiry);
    const auto then = engine_.explain(why.id, facts_of(e, facts, now).at(expiry));
    if (!then || then->state != why.state) return expiry;
    until = then->until;
  }
  return until;
}

Result<posture::TagExplanation> EmsCore::explain(Now now, const EndpointUid& uid, std::string_view name) const {
  const auto* e = endpoint(uid);
  if (e == nullptr) return fail(ErrorCode::kNotFound, "there is no endpoint " + uid.str());
  const auto id = impl_->engine_.id_of(name);
  if (id == 0) return fail(ErrorCode::kNotFound, "there is no tag " + std::string(name));
  const auto held = [&](posture::TagId tag) {
    const auto it = std::ranges::find(e->held, tag, &HeldTag::tag);
    return it == e->held.end() ? std::nullopt : std::optional(it->until);
  };
  const EndpointFacts seen(e->in_table);
  auto why = impl_->engine_.explain(id, impl_->facts_of(*e, seen, now));
  if (!why) return why;
  why->until = impl_->changes_at(*e, *why, now);
  if (const auto until = held(id); until && why->state == posture::TagState::kAbsent) {
    why->state = posture::TagState::kHas;
    why->reason = "held";
    why->text = (why->rules.empty() || why->rules.front().id == 0 ? "it was taken away" : "its rules no longer hold") +
                std::string(", and the tag's loss_delay keeps it until ") + to_iso8601(*until);
    why->until = std::min(*until, why->until.value_or(*until));
  }
  say_kept(*why, [&](std::string_view other) -> std::optional<std::string> {
    const auto until = held(impl_->engine_.id_of(other));
    return until ? std::optional("the tag's loss_delay keeps it until " + to_iso8601(*until)) : std::nullopt;
  });
  say_silence(*why, impl_->silence_of(*e), impl_->options_.tag_timeout);
  say_what_is_missing(*why);
  impl_->say_why_unknown(*why, *e, now);
  impl_->say_on_fabric(*why, *e, now);
  return why;
}

void EmsCore::explain_past(Now now, const EndpointUid& uid, std::string tag, WallTime at, Done<posture::TagExplanation> done) {
  const auto* e = endpoint(uid);
  if (e == nullptr) return impl_->refuse(std::move(done), {ErrorCode::kNotFound, "there is no endpoint " + uid.str()});
  if (at < e->enrolled_at) return impl_->refuse(std::move(done), {ErrorCode::kNotFound, "the endpoint had not enrolled then"});
  if (impl_->past_.size() >= kMaxPastQuestions) {
    return impl_->refuse(std::move(done), {ErrorCode::kUnavailable,
                                           "many others are asking what was in the past; ask again in a few seconds"});
  }
  const Now then{at, now.mono - std::chrono::duration_cast<std::chrono::nanoseconds>(now.wall - at)};
  impl_->past_.push_back({uid, std::move(tag), then, std::move(done)});
}

void EmsCore::Impl::read_past() {
  if (past_.empty()) return;
  auto asked = std::move(past_.front());
  past_.pop_front();
  if (!asked.question) {
    const auto* e = registry_.endpoints.find(asked.uid);
    if (e == nullptr) {
      return refuse(std::move(asked.done), {ErrorCode::kNotFound, "there is no endpoint " + asked.uid.str() + " any more"});
    }
    PastQuestion::Present present{e->uid, e->facts(), e->in_table.tags(), e->confirmed_until(), options_.tag_timeout};
    asked.question.emplace(store_, std::move(present), engine_, asked.tag, asked.then);
  }
  auto answer = asked.question->step();
  if (!answer) return past_.push_back(std::move(asked));
  if (!*answer) return refuse(std::move(asked.done), answer->error());
  hold_free(act::Complete{[done = std::move(asked.done), why = std::move(*answer)] { done(why); }});
}

}  // namespace postern::ems
