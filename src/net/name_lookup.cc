#include "net/name_lookup.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>

#include "net/detail/state.h"

namespace postern::net {
namespace {

constexpr std::size_t kMaxAddresses = 16;

using Found = Result<std::vector<IpAddress>>;

/// The way of a thread back to the loop, which may be gone by then.
struct Bridge {
  std::mutex mutex;
  Loop* loop = nullptr;
};

class Lookups final : public NameLookup {
 public:
  Lookups(Loop& loop, HostLookup lookup, NameLookupLimits limits)
      : loop_(loop), lookup_(std::make_shared<HostLookup>(std::move(lookup))), limits_(limits), bridge_(std::make_shared<Bridge>()) {
    bridge_->loop = &loop_;
  }
  ~Lookups() override {
    *alive_ = false;
    const std::lock_guard lock(bridge_->mutex);
    bridge_->loop = nullptr;
  }

  Handle find(const std::string& name, Done done) override {
    auto& entry = names_[name];
    const auto number = next_++;
    // Waits either for the look-up or for this: what is known already is told in a moment.
    const auto soon = [&](Found found) {
      loop_.post([alive = alive_, this, name, number, found = std::move(found)] {
        if (*alive) tell(name, number, found);
      });
    };
    if (!entry) entry = std::make_shared<Entry>();
    if (entry->waiting.size() >= limits_.waiting_for_one) return fail_soon(std::move(done), full());
    entry->waiting.emplace(number, std::move(done));
    switch (entry->state) {
      case State::kIdle:
        if (turns_.size() >= limits_.waiting_names) {
          soon(full());
          break;
        }
        entry->state = State::kTurn;
        entry->deadline = loop_.after(limits_.limit, [this, name] { late(name); });
        turns_.push_back(name);
        loop_.post([alive = alive_, this] {
          if (*alive) start_next();
        });
        break;
      case State::kTurn:
      case State::kRunning: break;
      case State::kLate: soon(too_late()); break;
      case State::kFailed: soon(entry->failure); break;
    }
    return detail::make_handle([alive = alive_, this, name, number] {
      if (!*alive) return;
      const auto it = names_.find(name);
      if (it != names_.end()) it->second->waiting.erase(number);
      drop_empty(name);
    });
  }

 private:
  enum class State {
    kIdle,
    kTurn,     // in turns_
    kRunning,  // a thread has it
    kLate,     // likewise, and nobody waits for it any more
    kFailed,   // kept for a while
  };
  struct Entry {
    State state = State::kIdle;
    std::map<std::uint64_t, Done> waiting;
    Handle deadline;  // of the look-up, or of what is kept
    Found failure = std::vector<IpAddress>{};
  };

  static Found full() { return fail(ErrorCode::kResourceExhausted, "too many wait for names"); }
  static Found too_late() { return fail(ErrorCode::kDeadlineExceeded, "the name servers don't answer"); }

  Handle fail_soon(Done done, Found found) {
    return loop_.after({}, [done = std::move(done), found = std::move(found)] { done(found); });
  }

  void drop_empty(const std::string& name) {
    const auto it = names_.find(name);
    if (it != names_.end() && it->second->state == State::kIdle && it->second->waiting.empty()) names_.erase(it);
  }

  void tell(const std::string& name, std::uint64_t number, const Found& found) {
    const auto it = names_.find(name);
    if (it == names_.end()) return;
    const auto one = it->second->waiting.extract(number);
    drop_empty(name);
    if (!one.empty()) one.mapped()(found);
  }

  /// Those who wait by now. The name's state is that behind the answer already: who is told may ask again.
  void tell_all(const std::string& name, Entry& entry, const Found& found) {
    std::vector<std::uint64_t> numbers;
    for (const auto& [number, done] : entry.waiting) numbers.push_back(number);
    for (const auto number : numbers) tell(name, number, found);
  }

  /// Who come while it runs on get no other: that would be one more thread for the same silence.
  void late(std::string name) {
    const auto entry = names_.at(name);
    if (entry->state == State::kRunning) {
      entry->state = State::kLate;
    } else {
      std::erase(turns_, name);
      keep(name, too_late());
    }
    tell_all(name, *entry, too_late());
  }

  void keep(const std::string& name, Found found) {
    const auto entry = names_.at(name);
    entry->state = State::kFailed;
    entry->failure = std::move(found);
    entry->deadline = loop_.after(limits_.keep_failures, [this, name] { forget(name); });
  }
  void forget(std::string name) {
    names_.at(name)->state = State::kIdle;
    drop_empty(name);
  }

  void start_next() {
    while (running_ < limits_.at_once && !turns_.empty()) {
      const auto name = std::move(turns_.front());
      turns_.pop_front();
      const auto entry = names_.at(name);
      if (entry->waiting.empty()) {  // all have gone
        entry->deadline.cancel();
        entry->state = State::kIdle;
        drop_empty(name);
        continue;
      }
      entry->state = State::kRunning;
      ++running_;
      try {
        std::thread(look_up, bridge_, lookup_, alive_, this, name).detach();
      } catch (const std::system_error&) {
        found(name, fail(ErrorCode::kUnavailable, "no thread can be started"));
      }
    }
  }

  /// On a thread of its own. `self` is for the loop's thread.
  static void look_up(std::shared_ptr<Bridge> bridge, std::shared_ptr<HostLookup> lookup, std::shared_ptr<bool> alive, Lookups* self,
                      std::string name) {
    Found out = fail(ErrorCode::kUnavailable, "the look-up failed");
    try {
      out = (*lookup)(name);
    } catch (const std::exception&) {
    }
    const std::lock_guard lock(bridge->mutex);
    if (bridge->loop == nullptr) return;
    bridge->loop->post([alive, self, name = std::move(name), out = std::move(out)] {
      if (*alive) self->found(name, out);
    });
  }

  void found(const std::string& name, const Found& found) {
    --running_;
    const auto entry = names_.at(name);
    entry->deadline.cancel();
    if (found) {
      entry->state = State::kIdle;
    } else {
      keep(name, found);
    }
    tell_all(name, *entry, found);
    drop_empty(name);
    start_next();
  }

  Loop& loop_;
  std::shared_ptr<HostLookup> lookup_;
  const NameLookupLimits limits_;
  std::shared_ptr<Bridge> bridge_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // touched on the loop's thread alone
  std::map<std::string, std::shared_ptr<Entry>> names_;
  std::deque<std::string> turns_;
  std::size_t running_ = 0;
  std::uint64_t next_ = 0;
};

}  // namespace

Result<std::vector<IpAddress>> system_lookup(const std::string& name) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int error = ::getaddrinfo(name.c_str(), nullptr, &hints, &list);
  if (error != 0) {
    const bool none = error == EAI_NONAME || error == EAI_NODATA;
    return fail(none ? ErrorCode::kNotFound : ErrorCode::kUnavailable, ::gai_strerror(error));
  }
  std::vector<IpAddress> out;
  for (const auto* one = list; one != nullptr && out.size() < kMaxAddresses; one = one->ai_next) {
    std::string bytes;
    if (one->ai_family == AF_INET) {
      const auto& in = reinterpret_cast<const sockaddr_in*>(one->ai_addr)->sin_addr;
      bytes.assign(reinterpret_cast<const char*>(&in), sizeof in);
    } else if (one->ai_family == AF_INET6) {
      const auto& in = reinterpret_cast<const sockaddr_in6*>(one->ai_addr)->sin6_addr;
      bytes.assign(reinterpret_cast<const char*>(&in), sizeof in);
    }
    const auto address = IpAddress::from_bytes(bytes);
    if (address && std::find(out.begin(), out.end(), *address) == out.end()) out.push_back(*address);
  }
  ::freeaddrinfo(list);
  return out;
}

std::unique_ptr<NameLookup> NameLookup::create(Loop& loop, HostLookup lookup, NameLookupLimits limits) {
  return std::make_unique<Lookups>(loop, std::move(lookup), limits);
}

}  // namespace postern::net
