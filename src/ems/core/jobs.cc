// Work on all endpoints that goes on beside everything else: some of them in each flush.
#include <algorithm>

#include "ems/core/impl.h"
#include "posture/fact_keys.h"

namespace postern::ems {
namespace {

constexpr std::size_t kEvaluationsPerFlush = 20'000;
constexpr std::size_t kEditsPerFlush = 250;     // so that what somebody does meanwhile is stored and told soon
constexpr std::size_t kMatchesPerFlush = 8;     // of whole inventories: some ten milliseconds each
constexpr std::size_t kNumbersPerFlush = 200;   // of inventories that were matched once: a tenth of a millisecond

}  // namespace

std::string_view EmsCore::Impl::Job::name() const {
  return what == What::kMatch ? "match" : what == What::kSettle ? "settle" : "evaluate";
}

void EmsCore::Impl::follow_later() {
  const auto total = registry_.postures.who_waits().size();
  // One is enough: it begins again.
  std::erase_if(jobs_, [](const Job& job) { return job.what == Job::What::kFollow; });
  // Before all others: a loss must not wait for packages to be matched.
  if (total != 0) jobs_.push_front({.what = Job::What::kFollow, .total = total});
  // Who has a tag again by its rules holds it no more: the next loss is another one.
  registry_.postures.take_regained().for_each([this](posture::Slot slot) {
    const auto* e = registry_.at(slot);
    if (e == nullptr || e->held.empty()) return;
    std::erase_if(registry_.endpoints.quietly(e->uid)->held,
                  [&](const HeldTag& held) { return !registry_.postures.waits(slot, held.tag); });
  });
}

void EmsCore::Impl::settle_later() {
  jobs_.push_back({.what = Job::What::kSettle});
}

bool EmsCore::Impl::run_follow(Now now, Job& job, std::size_t& looked_at, std::size_t most) {
  // Each endpoint once, with all of its tags: one that holds many is looked at no more often than others.
  while (const auto slot = registry_.postures.who_waits().next(job.slot)) {
    job.slot = *slot;
    if (registry_.touched() >= most || looked_at >= kEvaluationsPerFlush) return false;
    ++looked_at;
    ++job.done;
    if (const auto* e = registry_.at(*slot)) rejudge_if_moved(now, *e);
    ++job.slot;
  }
  return true;
}

void EmsCore::Impl::run_jobs(Now now) {
  std::size_t looked_at = 0;
  const auto most = std::min(options_.batch, registry_.touched() + kEditsPerFlush);
  const auto matches = matches_made_, numbers = numbers_made_;
  while (!jobs_.empty()) {
    auto& job = jobs_.front();
    if (!job.started_at) job.started_at = now.wall;
    if (job.what == Job::What::kFollow) {
      if (!run_follow(now, job, looked_at, most)) return;
      ended_.push_back(std::move(job));
      jobs_.pop_front();
      continue;
    }
    if (job.from == EndpointUid()) job.done = 0;
    auto it = registry_.endpoints.all().lower_bound(job.from);
    for (; it != registry_.endpoints.all().end(); ++it) {
      if (registry_.touched() >= most || looked_at >= kEvaluationsPerFlush ||
          matches_made_ - matches >= kMatchesPerFlush || numbers_made_ - numbers >= kNumbersPerFlush) {
        job.from = it->first;
        return;
      }
      ++looked_at;
      ++job.done;
      const Endpoint& e = it->second;
      if (job.what == Job::What::kForget) {
        if (has_gone_classification(e)) forget_gone(now, registry_.endpoints.edit(it->first));
        continue;
      }
      if (job.what == Job::What::kMatch) {
        if (e.inventory && e.registered()) match_again(now, job, e);
        continue;
      }
      const auto fact = e.fact(posture::keys::kEmsOnFabric);
      if (!fact || on_fabric(e, now) != fact->value) settle(now, registry_.endpoints.edit(it->first), {});
    }
    ended_.push_back(std::move(job));
    jobs_.pop_front();
  }
}

void EmsCore::Impl::begin_again() {
  for (auto& job : ended_) jobs_.push_back(std::move(job));
  ended_.clear();
  for (auto& job : jobs_) {
    job.from = {};
    job.slot = 0;
  }
  follow_later();
}

std::vector<Work> EmsCore::work() const {
  std::vector<Work> out;
  const auto add = [&](std::string_view kind, std::size_t done, std::size_t total, std::optional<WallTime> started_at) {
    const auto it = std::ranges::find(out, kind, &Work::kind);
    auto& work = it == out.end() ? out.emplace_back(Work{std::string(kind), 0, 0, std::nullopt}) : *it;
    work.done += done;
    work.total += total;
    if (started_at && (!work.started_at || *started_at < *work.started_at)) work.started_at = started_at;
  };
  const auto endpoints = impl_->registry_.endpoints.size();
  for (const auto& job : impl_->jobs_) {
    const auto total = job.what == Impl::Job::What::kFollow ? job.total : endpoints;
    add(job.name(), std::min(job.done, total), total, job.started_at);
  }
  for (const auto& [name, started_at] : impl_->feeds_being_read_) {
    const auto* feed = impl_->registry_.feeds.find(name);
    if (feed != nullptr) add("read_feeds", !feed->busy(), 1, started_at);
  }
  return out;
}

}  // namespace postern::ems
