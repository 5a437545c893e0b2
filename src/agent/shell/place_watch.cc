#include "agent/shell/place_watch.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "agent/watch/file_events.h"

namespace postern::agent {
namespace {

constexpr std::chrono::seconds kLook{1};

}  // namespace

PlaceWatch::PlaceWatch(net::Loop& loop, std::function<void(const std::string&)> changed)
    : loop_(loop), changed_(std::move(changed)) {
  if (auto files = PathWatch::open(loop_)) {
    files_ = std::move(*files);
  } else {
    why_no_inotify_ = files.error().message;
  }
}

void PlaceWatch::watch(const std::string& reader, const std::set<std::string>& places) {
  auto& one = readers_[reader];
  for (const auto& place : one.places) {
    if (!places.contains(place)) release(reader, place);
  }
  one.blind = false;
  for (const auto& place : places) {
    auto& readers = places_[place];
    if (files_ && readers.empty()) {
      files_->watch(place, PathWatchKind::kContent, [this, place](const PathTrace&) {
        const auto it = places_.find(place);
        if (it == places_.end()) return;
        for (const auto& name : it->second) changed_(name);
      });
    }
    readers.insert(reader);
    for (const auto& [directory, entry] : trace_path(place).steps) {
      one.blind = one.blind || without_events(directory);
    }
  }
  one.places.assign(places.begin(), places.end());
  if (!complete() || one.blind) one.stamp = stamp_of(one.places);
  plan();
}

void PlaceWatch::forget(const std::string& reader) {
  const auto it = readers_.find(reader);
  if (it == readers_.end()) return;
  for (const auto& place : it->second.places) release(reader, place);
  readers_.erase(it);
  plan();
}

void PlaceWatch::release(const std::string& reader, const std::string& place) {
  auto& readers = places_[place];
  readers.erase(reader);
  if (!readers.empty()) return;
  places_.erase(place);
  if (files_) files_->forget(place);
}

void PlaceWatch::recheck() {
  if (files_) files_->recheck();
}

PlaceWatch::Reader PlaceWatch::reader(const std::string& name) const {
  const auto it = readers_.find(name);
  if (it == readers_.end()) return {};
  return it->second;
}

std::string PlaceWatch::why_looked_at(bool blind) const {
  if (!files_) return why_no_inotify_;
  return blind ? "a file system that sends no events" : "the limit of inotify watches is reached";
}

void PlaceWatch::plan() {
  const bool covered = complete();
  const bool wanted = std::ranges::any_of(readers_, [&](const auto& entry) {
    return !entry.second.places.empty() && (!covered || entry.second.blind);
  });
  if (wanted == static_cast<bool>(timer_)) return;
  if (!wanted) return timer_.cancel();
  timer_ = loop_.every(kLook, [this] { look(); });
}

void PlaceWatch::look() {
  const bool covered = complete();
  if (!covered) recheck();
  for (auto& [name, one] : readers_) {
    if (covered && !one.blind) continue;
    if (auto stamp = stamp_of(one.places); stamp != one.stamp) {
      one.stamp = std::move(stamp);
      changed_(name);
    }
  }
  plan();
}

}  // namespace postern::agent
