#pragma once
// The traffic log's way to a syslog server.
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "gateway/syslog/message.h"
#include "gateway/syslog/sender.h"

namespace postern::gateway::syslog {

/// Never waits for the server. Thread: one.
class Log {
 public:
  explicit Log(Sender::Options options = {}) : options_(options) {}

  /// nullopt: nothing is sent from now on, and what waits counts as dropped. Another target: what waits is sent there.
  void use(const std::optional<Target>& target, Origin origin);
  /// Sent with the next `flush`.
  void add(const ecshm::EventView& event, const TrafficNames& names);
  void add(const ForwardCut& cut);
  void flush();
  /// For an orderly end of the program.
  void end();

  bool on() const { return sender_ != nullptr; }
  /// Since the program began, whatever the targets were.
  Sender::Counters counters() const;
  /// Whether messages get through, as far as that can be known; what is wrong and what to do.
  Status health() const;

 private:
  const Sender::Options options_;
  std::optional<Target> target_;
  Origin origin_;
  std::unique_ptr<Sender> sender_;
  Sender::Counters before_;  // of targets before
  std::string line_;
};

}  // namespace postern::gateway::syslog
