#pragma once
// The socket between the gateway and each worker of the data plane: questions about certificates
// that have no slot, their answers, wake-ups, and orders to end sessions. For everything else messages only
// ever say "look": what is so stands in ec-shm.
#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "base/result.h"
#include "base/sha256.h"
#include "ecshm/clear.h"
#include "ecshm/event_ring.h"
#include "ecshm/server_tally.h"

namespace postern::ecshm {

enum class MessageType : std::uint32_t {
  kHello = 1,    ///< Worker: here I am; carries the descriptor of its event ring.
  kAsk = 2,      ///< Worker: this certificate has no slot. An answer follows.
  kEvents = 3,   ///< Worker: the ring of events has something.
  kCleared = 4,  ///< Worker: an order is carried out; `number` sessions ended.
  kTally = 5,    ///< Worker: how often it turned to a real server (ServerTally).
  kWake = 16,    ///< Gateway: look at the changes.
  kAnswer = 17,  ///< Gateway: the question is settled; look again.
  kClear = 18,   ///< Gateway: end sessions (ClearOrder). kCleared follows.
};

inline constexpr std::uint32_t kMessageVersion = 4;

struct Message {
  std::uint32_t type = 0;
  std::uint32_t version = kMessageVersion;
  Sha256 leaf{};
  // Of kClear and kCleared; otherwise 0.
  std::uint32_t ticket = 0;
  std::uint32_t number = 0;
  std::uint32_t proxy = 0;
  std::uint32_t policy = 0;
  std::uint32_t api_gateway = 0;
  std::uint32_t server = 0;
  // Of kTally: `server` and `number`, and these.
  std::uint64_t requests = 0;
  std::uint64_t failures = 0;
  std::uint8_t source[16] = {};
  std::uint8_t family = 0;  ///< 0, 4 or 6.
  std::uint8_t has_leaf = 0;
  std::uint8_t kind = 0;
  char administrator[65] = {};  ///< Ends with a NUL.
  char destination[88] = {};    ///< Likewise.
};

/// The bytes come from another process of our build. Anything odd in it is an order for nothing: nullopt.
std::optional<ClearOrder> clear_order(const Message& message);

struct HubOptions {
  gid_t reader_group = static_cast<gid_t>(-1);  ///< Owner group of the socket; -1: ours.
  std::vector<uid_t> workers;  ///< Users that workers run as; our own is always admitted.
};

/// The gateway's end. Does no waiting of its own: `poll_fd` is readable when `handle` has something
/// to do. Thread: one.
///
/// Events are taken in batches: after some came, it looks again by itself `kDoze` later, and until
/// then workers nudge only for denials and cuts. Questions never wait for that.
class Hub {
 public:
  static constexpr std::chrono::milliseconds kDoze{10};

  /// Errors: kPermissionDenied, kUnavailable.
  static Result<std::unique_ptr<Hub>> listen(const std::filesystem::path& dir,
                                             HubOptions options = {});
  ~Hub();
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  std::function<void(const Sha256& leaf)> on_ask;
  /// `worker` numbers connections; it is never used twice.
  /// Its texts live until this returns.
  std::function<void(std::uint64_t worker, const EventView& event)> on_event;
  /// All events that were there have been given to `on_event`: where batches are written.
  std::function<void()> on_drained;
  /// The worker is gone (exit, crash) with all its sessions.
  std::function<void(std::uint64_t worker)> on_gone;
  /// The worker has carried out an order: so many of its sessions ended.
  std::function<void(std::uint64_t worker, std::uint32_t ticket, std::uint32_t ended)> on_cleared;
  std::function<void(std::uint64_t worker, const ServerTally& tally)> on_tally;

  int poll_fd() const { return epoll_; }
  void handle();
  /// Takes events without waiting for a nudge.
  void drain();
  void wake();
  void answer(const Sha256& leaf);
  /// To every worker, those that are shutting down too. Their numbers; one that has no room for another message won't answer.
  std::set<std::uint64_t> clear(const ClearOrder& order);

  /// Whether what workers look for in the directory is there. Errors: kNotFound, and what of it somebody removed.
  Status missing() const;
  std::size_t workers() const { return workers_.size(); }
  std::uint64_t dropped_events() const;

 private:
  struct Worker {
    std::uint64_t id = 0;
    int fd = -1;
    std::optional<EventConsumer> events;
  };
  Hub(int dir, int listener, int epoll, int timer, HubOptions options);
  void accept_workers();
  bool receive(Worker& worker);  // False: it is gone.
  void remove(std::uint64_t id);
  void drain(Worker& worker);
  std::uint32_t take(Worker& worker);
  void doze();
  void end_of_batch();
  void send_all(const Message& message);

  int dir_;
  int listener_;
  int epoll_;
  int timer_;            // Runs out when a doze is over.
  bool dozing_ = false;  // The timer runs.
  bool taken_ = false;   // Events since the last `on_drained`.
  HubOptions options_;
  std::map<std::uint64_t, Worker> workers_;
  std::uint64_t next_id_ = 1;
  std::uint64_t dropped_before_ = 0;
};

/// The worker's end of the socket. Thread: one.
class Link {
 public:
  ~Link() { close(); }
  Link() = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  /// Connects at once, without waiting, and says hello. Errors: kUnavailable, kPermissionDenied,
  /// kNotFound.
  Status connect(const std::string& dir, const EventProducer& events);
  bool connected() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  /// False when the socket is full or gone: the question is not asked.
  bool ask(const Sha256& leaf);
  void nudge();
  void cleared(std::uint32_t ticket, std::uint32_t ended);
  /// False when the socket is full or gone: the gateway doesn't know it.
  bool tally(const ServerTally& tally);
  /// The next message; nullopt when there is none now. Sets connected() to false when the gateway
  /// is gone.
  std::optional<Message> receive();
  void close();

 private:
  int fd_ = -1;
};

}  // namespace postern::ecshm
