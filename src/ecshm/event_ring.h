#pragma once
// One worker's events on their way to the gateway: a ring in memory that both map, one producer,
// one consumer. When it is full the producer drops and counts; it never waits.
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/result.h"
#include "ecshm/event.h"
#include "ecshm/mapping.h"

namespace postern::ecshm {

/// What the events take that wait in a ring; some 7,000 of usual requests, and never fewer than kEventRingBytes /
/// (kMaxEventBytes + 8) - 1.
inline constexpr std::size_t kEventRingBytes = 1u << 20;

/// What the consumer does until it looks again, told to the producer through the ring.
enum class Rest : std::uint32_t {
  kSleep = 1,  ///< It waits: to be nudged with the next record.
  kDoze = 2,   ///< It looks again by itself in a moment: to be nudged only with what is urgent.
};

/// The worker's end. The memory is anonymous (memfd), sealed against shrinking; its descriptor goes
/// to the gateway over the socket, again after a restart of the gateway. Thread: one.
class EventProducer {
 public:
  static Result<EventProducer> create();
  EventProducer(EventProducer&& other) noexcept;
  EventProducer& operator=(EventProducer&&) = delete;
  ~EventProducer();

  /// False when the ring is full: the event is gone and counted.
  bool push(const EventView& event);
  /// After a push: must the consumer be nudged? True at most once per `rest`, so that what comes
  /// before it has looked is taken with the same nudge.
  bool take_nudge(bool urgent);
  int fd() const { return fd_; }
  std::uint64_t dropped() const;

 private:
  EventProducer(Mapping map, int fd) : map_(std::move(map)), fd_(fd) {}
  Mapping map_;
  int fd_;
};

/// The gateway's end. Trusts nothing it reads. Thread: one.
class EventConsumer {
 public:
  /// Errors: kInvalidArgument (not such a ring, or not sealed).
  static Result<EventConsumer> open(int fd);
  /// The next event; nullopt when there is none. Damaged ones are skipped and counted. Its texts live until the next
  /// `pop`, or until this is moved.
  std::optional<EventView> pop();
  /// To be called when `pop` had nothing. Call `pop` until it has nothing once more afterwards:
  /// what came in between came with no nudge.
  void rest(Rest how);
  std::uint64_t dropped() const;
  std::uint64_t damaged() const { return damaged_; }

 private:
  explicit EventConsumer(Mapping map) : map_(std::move(map)) {}
  Mapping map_;
  std::uint64_t damaged_ = 0;
  std::array<std::uint8_t, kMaxEventBytes> taken_;  // The producer may go on writing where it was.
};

}  // namespace postern::ecshm
