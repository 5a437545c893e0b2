#include <algorithm>

#include "ems/core/impl.h"

namespace postern::ems {
namespace {

namespace telemetry = proto::telemetry;

}  // namespace

bool EmsCore::Impl::flush_wanted() const {
  if (registry_.touched() != 0 || !held_.empty() || !audit_.empty() || !past_.empty()) return true;
  if (!jobs_.empty() && !read_only_) return true;  // else they would fail again and again until the next attempt
  for (const auto& [id, s] : gateways_) {
    if (s.subscribe || s.whole || !s.dirty.empty() || !s.asks.empty()) return true;
  }
  return false;
}

void EmsCore::Impl::flush(Now now) {
  wall_ = now.wall;
  if (!identity_ || !flush_wanted()) return;
  if (!read_only_) run_jobs(now);
  Batch batch = registry_.batch(now.wall);
  batch.audit = std::move(audit_);
  audit_.clear();
  if (!batch.empty()) {
    const auto revision = store_.commit(batch);
    if (!revision) return commit_failed(now, revision.error());
    revision_ = *revision;
    adopt_telemetry_certificate();
    if (read_only_) actions_.push_back(act::Alert{"store.recovered", "changes are stored again"});
    read_only_ = false;
    store_error_.clear();
  }
  ended_.clear();
  const bool forgets = std::ranges::any_of(jobs_, [](const Job& job) { return job.what == Job::What::kForget; });
  if (!forgets) forgotten_.clear();
  unanswered_.clear();
  release();
  publish(!batch.empty());
  if (registry_.touched() == 0) read_past();
  release();
}

void EmsCore::Impl::release() {
  for (auto& held : held_) actions_.push_back(std::move(held.action));
  held_.clear();
}

void EmsCore::Impl::commit_failed(Now now, const Error& error) {
  if (!read_only_) {
    actions_.push_back(act::Alert{"store.failed", error.message + "; nothing is changed until this is mended"});
  }
  read_only_ = true;
  store_error_ = error.message;
  probe_at_ = now.mono + Seconds(1);
  std::vector<posture::TagId> tags;
  for (const auto& [id, before] : registry_.tags.before()) tags.push_back(id);
  std::vector<EndpointUid> undone;
  for (const auto& [uid, before] : registry_.endpoints.before()) undone.push_back(uid);
  // What time did to them is undone too, and to be done again: an expired attribute must not stay known.
  for (const auto& [uid, before] : registry_.endpoints.before()) judge_at(uid, now.wall);
  registry_.rollback(now);
  change_times_.clear();
  forget_required_facts();
  next_telemetry_.reset();
  // What is stored was compiled before, so it compiles.
  if (!tags.empty() && !rebuild_engine(now, tags)) actions_.push_back(act::Alert{"core.tags", "the stored tags can't be compiled"});
  for (const auto& uid : undone) {
    if (const auto* e = registry_.endpoints.find(uid)) confirm(now, *e);
  }
  matches_.clear();
  forget_numbers();
  const auto held = std::move(held_);
  held_.clear();
  auto waiting = std::exchange(unanswered_, {});
  for (const auto& h : held) {
    if (h.free) {
      actions_.push_back(h.action);
    } else if (h.otherwise) {
      actions_.push_back(act::Complete{[call = h.otherwise, error] { call(error); }});
    } else if (const auto* send = std::get_if<act::Send>(&h.action)) {
      waiting.insert(send->session);
    }
  }
  // Those who were owed an answer: it will not come on this connection. They come back and say it again.
  constexpr std::string_view kWhy = "the EMS can't store anything at the moment";
  for (const auto id : waiting) {
    if (agents_.contains(id)) agent_goodbye(id, telemetry::kUnavailable, kComeBackSoon, kWhy);
    if (gateways_.contains(id)) gateway_goodbye(id, telemetry::kUnavailable, kComeBackSoon, kWhy);
  }
  release();
  // Work that was half done begins again once storing works.
  begin_again();
}

void EmsCore::Impl::publish(bool committed) {
  std::set<EndpointUid> endpoints;
  std::set<posture::TagId> tags;
  std::vector<posture::TagId> reworded;  // of which agents show something else, although their endpoints did not change
  std::set<EndpointUid> gone;
  std::set<Sha256> left;
  bool devices = false;
  bool profiles = false;
  if (committed || registry_.touched() != 0) {
    for (const auto& [uid, before] : registry_.endpoints.before()) {
      endpoints.insert(uid);
      const auto* e = registry_.endpoints.find(uid);
      if (e == nullptr || !e->registered()) gone.insert(uid);
      if (before && before->inventory && (e == nullptr || e->inventory != before->inventory)) left.insert(*before->inventory);
    }
    for (const auto& [id, before] : registry_.tags.before()) {
      tags.insert(id);
      // Which gateways see a tag depends on its kind: records change although their endpoints did not.
      const auto* tag = registry_.tags.find(id);
      if (before && (tag == nullptr || before->definition.name != tag->definition.name ||
                     before->definition.message != tag->definition.message)) {
        reworded.push_back(id);
      }
      if (!before || tag == nullptr || before->definition.kind == tag->definition.kind) continue;
      for (auto& [session, s] : gateways_) s.whole = true;
    }
    devices = registry_.devices.touched();
    profiles = registry_.profiles.touched();
    if (devices) {
      for (auto& [id, s] : gateways_) {
        const auto* d = registry_.devices.find(s.serial);
        const bool selects = d != nullptr && d->endpoint_sharing == EndpointSharing::kSelected;
        if (selects || registry_.devices.before().contains(s.serial)) s.whole = true;
      }
    }
    registry_.commit();
    forget_inventories(left);
  }
  // A lost tag reaches the gateways first.
  ReadTags read;
  for (auto& [id, s] : gateways_) publish_to(s, endpoints, tags, read);
  change_times_.clear();
  if (devices) {
    for (auto& [id, s] : gateways_) {
      if (s.helloed) tell_state(s);
    }
    std::erase_if(publishers_, [this](const auto& p) { return registry_.devices.find(p.first) == nullptr; });
  }
  for (const auto& uid : gone) {
    if (const auto* s = session_of(uid)) {
      agent_goodbye(s->id, telemetry::kDeregistered, Millis(60'000),
                    "the endpoint is not registered any more; enrol again");
    }
    heard_.erase(uid);
    runs_before_.erase(uid);
  }
  if (!tags.empty() || profiles) {
    for (auto& [id, s] : agents_) {
      if (!s.server.welcomed()) continue;
      send_probes(s);
      send_profile(s);
      // Nobody else's tags are others, and reading those of a whole fleet takes seconds.
      const auto* e = registry_.endpoints.find(s.uid);
      const bool shows = e != nullptr && std::ranges::any_of(reworded, [e](const auto tag) {
                           return e->tag(tag) != posture::TagState::kAbsent;
                         });
      if (profiles || shows || endpoints.contains(s.uid)) send_tags(s, read);
    }
  } else {
    for (const auto& uid : endpoints) {
      auto* s = session_of(uid);
      if (s == nullptr) continue;
      send_probes(*s);
      send_profile(*s);
      send_tags(*s, read);
    }
  }
  for (auto it = waits_.begin(); it != waits_.end();) {
    if (revision_ > it->second.first) {
      actions_.push_back(act::Complete{std::move(it->second.second)});
      it = waits_.erase(it);
    } else {
      ++it;
    }
  }
}

}  // namespace postern::ems
