#include "gateway/syslog/log.h"

#include <fmt/format.h>

#include <utility>

namespace postern::gateway::syslog {

void Log::use(const std::optional<Target>& target, Origin origin) {
  origin_ = std::move(origin);
  if (target == target_) return;
  std::string waiting;
  if (sender_) {
    waiting = sender_->give_back();
    before_ = counters();
    sender_.reset();
  }
  target_ = target;
  if (target_) {
    sender_ = std::make_unique<Sender>(*target_, options_);
    sender_->take_over(waiting);
  } else {
    before_.dropped += Sender::count(waiting);
  }
}

void Log::add(const ecshm::EventView& event, const TrafficNames& names) {
  if (!sender_) return;
  line_.clear();
  put_message(line_, origin_, event, names);
  sender_->add(line_);
}

void Log::add(const ForwardCut& cut) {
  if (!sender_) return;
  line_.clear();
  put_message(line_, origin_, cut);
  sender_->add(line_);
}

void Log::flush() {
  if (sender_) sender_->flush();
}

void Log::end() {
  if (sender_) sender_->end();
}

Sender::Counters Log::counters() const {
  auto out = before_;
  out.queued = 0;
  if (!sender_) return out;
  const auto now = sender_->counters();
  out.sent += now.sent;
  out.dropped += now.dropped;
  out.queued = now.queued;
  return out;
}

Status Log::health() const {
  if (!sender_) return {};
  const auto trouble = sender_->trouble();
  if (trouble.empty()) return {};
  const auto counted = counters();
  return fail(ErrorCode::kUnavailable,
              fmt::format("{}; it is tried again all the time, and messages wait for it ({} KiB of {}; {} were dropped). The "
                          "traffic log's file has them all. Look at config log syslogd setting, and at the server",
                          trouble, (counted.queued + 1023) / 1024, options_.max_queued / 1024, counted.dropped));
}

}  // namespace postern::gateway::syslog
