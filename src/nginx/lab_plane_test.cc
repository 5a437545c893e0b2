#include <poll.h>

#include <stdexcept>

#include "base/clock.h"
#include "nginx/lab_test.h"

namespace postern::nginx::lab {

Plane::Plane(std::filesystem::path dir) : dir_(std::move(dir)) {
  open();
  if (auto done = writer_->publish(); !done) throw std::runtime_error(done.error().message);
  thread_ = std::thread([this] { run(); });
}

void Plane::open() {
  auto writer = ecshm::Writer::create(
      dir_, {.capacity = 16, .ring = 64, .reader_group = static_cast<gid_t>(-1)});
  if (!writer) throw std::runtime_error(writer.error().message);
  writer_ = std::move(*writer);
  auto hub = ecshm::Hub::listen(dir_);
  if (!hub) throw std::runtime_error(hub.error().message);
  hub_ = std::move(*hub);
  writer_->on_notify = [this] { hub_->wake(); };
  hub_->on_ask = [this](const Sha256& leaf) {
    ++questions_;
    const auto known = on_ask ? on_ask(leaf) : std::nullopt;
    if (muted_) return;
    if (known) (void)writer_->upsert(leaf, *known);
    writer_->notify();
    hub_->answer(leaf);
  };
  hub_->on_event = [this](std::uint64_t worker, const ecshm::Event& event) {
    events_.push_back(event);
    if (event.type == ecshm::EventType::kSessionOpen) ++sessions_[worker];
    if (event.type == ecshm::EventType::kSessionClose) --sessions_[worker];
    if (event.type == ecshm::EventType::kSessionsReset) sessions_[worker] = 0;
  };
  hub_->on_cleared = [this](std::uint64_t, std::uint32_t, std::uint32_t ended) {
    ++cleared_answers_;
    cleared_ += ended;
  };
  hub_->on_gone = [this](std::uint64_t worker) { sessions_.erase(worker); };
  const auto now = SystemClock().now().mono;
  writer_->set_lease(now + std::chrono::seconds(5));
  writer_->set_connector_valid_until(1, now + std::chrono::hours(1));
}

Plane::~Plane() {
  stop_ = true;
  thread_.join();
}

void Plane::run() {
  auto next = Clock::now();
  while (!stop_) {
    int fd;
    {
      std::lock_guard lock(mutex_);
      if (renew_ && Clock::now() >= next) {
        writer_->set_lease(SystemClock().now().mono + std::chrono::seconds(5));
        next = Clock::now() + std::chrono::seconds(1);
      }
      hub_->handle();
      fd = hub_->poll_fd();
    }
    pollfd p{fd, POLLIN, 0};
    poll(&p, 1, 20);
  }
}

void Plane::change(const std::function<void(ecshm::Writer&)>& what) {
  std::lock_guard lock(mutex_);
  what(*writer_);
  writer_->notify();
}

void Plane::set_policies(const policy::PolicyTable& table) {
  auto blob = policy::compile(table);
  if (!blob) throw std::runtime_error(blob.error().message);
  policies_ = std::move(*blob);
  change([&](ecshm::Writer& w) {
    if (auto done = w.publish_policies(policies_); !done)
      throw std::runtime_error(done.error().message);
  });
}

void Plane::put(const Sha256& leaf, const ecshm::SlotData& data) {
  change([&](ecshm::Writer& w) {
    if (auto done = w.upsert(leaf, data); !done) throw std::runtime_error(done.error().message);
  });
}

void Plane::stop_lease() {
  std::lock_guard lock(mutex_);
  renew_ = false;
  // As it would be a moment before the end of the last renewal; what follows is the worker's own
  // noticing.
  writer_->set_lease(SystemClock().now().mono + std::chrono::milliseconds(300));
}

void Plane::resume_lease() {
  std::lock_guard lock(mutex_);
  renew_ = true;
  writer_->set_lease(SystemClock().now().mono + std::chrono::seconds(5));
}

std::vector<ecshm::Event> Plane::events() {
  std::lock_guard lock(mutex_);
  hub_->drain();
  return events_;
}

std::optional<ecshm::Event> Plane::wait_event(
    const std::function<bool(const ecshm::Event&)>& fits) {
  std::optional<ecshm::Event> found;
  wait_for([&] {
    for (const auto& event : events()) {
      if (fits(event)) found = event;
    }
    return found.has_value();
  });
  return found;
}

std::size_t Plane::questions() {
  std::lock_guard lock(mutex_);
  return questions_;
}

std::size_t Plane::workers() {
  std::lock_guard lock(mutex_);
  return hub_->workers();
}

std::uint32_t Plane::clear(const ecshm::ClearOrder& order) {
  std::size_t told = 0;
  {
    std::lock_guard lock(mutex_);
    cleared_answers_ = 0;
    cleared_ = 0;
    told = hub_->clear(order).size();
  }
  wait_for([&] {
    std::lock_guard lock(mutex_);
    return cleared_answers_ == told;
  });
  std::lock_guard lock(mutex_);
  return cleared_;
}

int Plane::live_sessions() {
  std::lock_guard lock(mutex_);
  hub_->drain();
  int sum = 0;
  for (const auto& [worker, count] : sessions_) sum += count;
  return sum;
}

void Plane::restart(const std::function<void(ecshm::Writer&)>& fill) {
  std::lock_guard lock(mutex_);
  hub_.reset();
  writer_.reset();
  sessions_.clear();
  open();
  if (auto done = writer_->publish_policies(policies_); !done) throw std::runtime_error(done.error().message);
  fill(*writer_);
  if (auto done = writer_->publish(); !done) throw std::runtime_error(done.error().message);
  writer_->notify();
}

}  // namespace postern::nginx::lab
