#include "gateway/metrics/change_timing.h"

#include <cstring>

namespace postern::gateway::metrics {
namespace {

constexpr std::size_t kPlaces = 4096;

std::size_t row_of(const Sha256& leaf) {
  std::uint32_t word = 0;
  std::memcpy(&word, leaf.data(), sizeof word);
  return word % kPlaces;
}

}  // namespace

ChangeTiming::ChangeTiming() : changes_(kPlaces) {}

void ChangeTiming::published(Now now, const Sha256& leaf, const proto::ChangeTimes& times, Now arrived) {
  changes_[row_of(leaf)] = {leaf, times, arrived.wall, now.wall, true};
}

void ChangeTiming::told(Now now, const proto::ChangeTimes& times, Now arrived) {
  if (times.fact) published_.fact.observe(now.wall - *times.fact);
  if (times.heard) published_.ems.observe(now.wall - *times.heard);
  published_.gateway.observe(now.mono - arrived.mono);
}

void ChangeTiming::policies_changed() {
  for (auto& change : changes_) change.used = false;
}

void ChangeTiming::cut(const ecshm::EventView& event) {
  if (!event.leaf) return;
  const auto& change = changes_[row_of(*event.leaf)];
  // nginx may have read its clock a little before we read ours.
  if (!change.used || change.leaf != *event.leaf || event.time > change.published + kRemember ||
      event.time < change.arrived) {
    return;
  }
  if (change.times.fact) cut_.fact.observe(event.time - *change.times.fact);
  if (change.times.heard) cut_.ems.observe(event.time - *change.times.heard);
  cut_.gateway.observe(event.time - change.arrived);
}

void ChangeTiming::expose(Exposition& out, const Since& since) {
  out.sample({{"since", "fact"}}, since.fact);
  out.sample({{"since", "ems"}}, since.ems);
  out.sample({{"since", "gateway"}}, since.gateway);
}

void ChangeTiming::expose(Exposition& out) const {
  out.histogram("postern_gateway_change_published_seconds",
                "From a change of an endpoint until it stood in ec-shm and nginx's workers had been woken, once for each "
                "message of an EMS that changed a record in ec-shm. since=fact: from when the endpoint's agent "
                "collected the oldest fact in it (the endpoint's wall clock); since=ems: from when the EMS got the "
                "report (the EMS's wall clock); both only where a report led to it, and only as good as those clocks agree "
                "with this machine's; less than nothing counts as nothing. since=gateway: from when this gateway got "
                "the message.");
  expose(out, published_);
  out.histogram("postern_gateway_change_cut_seconds",
                "From a change of an endpoint until nginx cut a live request because of it, by nginx's clock (milliseconds) "
                "at the moment of the cut, once for each request. Counted when the endpoint's record changed within the "
                "minute before and no policy since. since: as in postern_gateway_change_published_seconds.");
  expose(out, cut_);
}

}  // namespace postern::gateway::metrics
