// The client of `./bench revocation` with a thousand open sessions. All of them are this endpoint's, of every kind, and each
// brings a piece from time to time while its posture changes: by turns a process that a policy demands is killed and a file
// that a policy forbids is made. Measured is each session, on one clock: from just before the change to its last byte and
// to its end as the client sees it. Those that are told end when the client hears of it; a connection through the firewall
// falls silent.
//
// Each change is undone before the next, and access has to be back. One line of JSON per change on stdout; ends with 1,
// and says why, if a session went on or ended before the change.
//
// Usage: mixed_client --changes N --sessions N --address A --port N --app-address A --app-port N --certificate FILE --key FILE
//                     --program FILE --file FILE --namespace NS --watch-namespace NS --telemetry-port N --fabric-port N
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>
#include <random>

#include "arguments.h"
#include "live_session.h"
#include "posture_change.h"
#include "wire_watch.h"

namespace {

using namespace postern::bench;

constexpr Nanos kMs = 1'000'000;
constexpr Nanos kPatience = 20'000 * kMs;
constexpr Nanos kSilence = 500 * kMs;

/// A kind's share of the sessions in thousandths, how many share a connection, and how often each brings a piece. One of
/// `kDense` brings them more often, so that there is always somebody who would see a byte too many.
struct Share {
  Kind kind;
  long thousandths;
  int streams;
  Nanos every;
};
constexpr Share kShares[] = {
    {Kind::kHttp1, 250, 1, 100 * kMs},     {Kind::kKept, 50, 1, 40 * kMs},    {Kind::kHttp2, 300, 10, 100 * kMs},
    {Kind::kGrpc, 100, 10, 100 * kMs},     {Kind::kWebSocket, 150, 1, 100 * kMs}, {Kind::kTunnel, 50, 1, 100 * kMs},
    {Kind::kRouted, 100, 1, 20 * kMs},
};
constexpr long kDense = 25;
constexpr Nanos kDenseEvery = 5 * kMs;

class Client {
 public:
  Client(const Arguments& arguments)
      : sessions_(arguments.number("sessions")),
        ways_{{arguments.text("address"), port(arguments, "port")}, {arguments.text("app-address"), port(arguments, "app-port")}},
        context_(client_context(arguments.text("certificate"), arguments.text("key"))),
        posture_(arguments.text("program"), arguments.text("file")),
        watch_(arguments.text("watch-namespace"),
               {port(arguments, "telemetry-port"), port(arguments, "fabric-port"), ways_.proxy.port}),
        random_(static_cast<unsigned>(now())) {
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  }

  void change(bool process) {
    wait_allowed();
    open_all();
    while_open([&] { return all([](const Live& one) { return one.live; }); }, "bring a first piece");
    // What opening a thousand sessions set going comes to rest, for a time that has nothing to do with anybody's ticks.
    const Nanos rest = now() + 300 * kMs + std::uniform_int_distribution<Nanos>(0, 100 * kMs)(random_);
    while_open([&] { return now() > rest; }, "rest");

    watch_.clear();
    const Nanos start = now();
    posture_.change(process);
    while (!all([](const Live& one) { return one.ended_at != 0; })) {
      pump();
      fall_silent(start);
      if (now() > start + kPatience) wrong(still_open() + " stayed open for twenty seconds after the tag was lost");
    }
    report(process, start);
    carriers_.clear();
    if (const int now_refused = status(); now_refused != 403) {
      wrong("after the change a new request got " + std::to_string(now_refused) + " instead of 403");
    }
    posture_.mend(process);
  }

 private:
  static std::uint16_t port(const Arguments& arguments, const char* name) {
    return static_cast<std::uint16_t>(arguments.number(name));
  }

  int status() {
    TlsClient one(context_.get(), ways_.proxy, 10'000);
    return one.get("/") ? one.read_head() : 0;
  }

  /// Does the firewall let a new connection through? One that it drops is not answered.
  bool routed() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(ways_.app.port);
    ::inet_pton(AF_INET, ways_.app.address.c_str(), &address.sin_addr);
    ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
    pollfd one{fd, POLLOUT, 0};
    const bool open = ::poll(&one, 1, 50) == 1 && (one.revents & (POLLERR | POLLHUP)) == 0;
    ::close(fd);
    return open;
  }

  void wait_allowed() {
    const Nanos until = now() + kPatience;
    while (status() != 200 || !routed()) {
      if (now() > until) wrong("access did not come back within twenty seconds");
      sleep_until(now() + 2 * kMs);
    }
  }

  void open_all() {
    for (const auto& share : kShares) {
      const long count = std::max(share.thousandths * sessions_ / 1000, 1L);
      for (long i = 0; i < count; i += share.streams) {
        const bool dense = share.streams == 1 && share.kind != Kind::kKept && i % kDense == 0;
        const int streams = static_cast<int>(std::min<long>(share.streams, count - i));
        carriers_.push_back(std::make_unique<Carrier>(share.kind, dense ? kDenseEvery : share.every, streams, context_.get(),
                                                      ways_));
      }
    }
    for (auto& one : carriers_) {
      one->begin();
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.ptr = one.get();
      if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, one->fd(), &event) != 0) give_up("epoll_ctl");
    }
  }

  void pump() {
    epoll_event events[64];
    const int n = ::epoll_wait(epoll_, events, 64, 5);
    for (int i = 0; i < n; ++i) {
      auto* carrier = static_cast<Carrier*>(events[i].data.ptr);
      carrier->read();
      if (carrier->over()) ::epoll_ctl(epoll_, EPOLL_CTL_DEL, carrier->fd(), nullptr);
    }
    const Nanos at = now();
    if (at < next_tick_) return;
    next_tick_ = at + 2 * kMs;
    for (auto& one : carriers_) one->tick(at);
  }

  template <typename Wanted>
  void while_open(Wanted wanted, const char* what) {
    const Nanos until = now() + kPatience;
    while (!wanted()) {
      pump();
      for (const auto& carrier : carriers_) {
        for (const auto& one : carrier->sessions()) {
          if (one.ended_at != 0) {
            wrong(std::string("a session of kind ") + name_of(one.kind) + " ended (" + one.how + ") although nothing had changed");
          }
        }
      }
      if (now() > until) wrong("not all sessions did within twenty seconds: " + std::string(what));
    }
  }

  template <typename Holds>
  bool all(Holds holds) const {
    return std::all_of(carriers_.begin(), carriers_.end(), [&](const auto& carrier) {
      return std::all_of(carrier->sessions().begin(), carrier->sessions().end(), holds);
    });
  }

  /// Nobody tells a routed connection of its end.
  void fall_silent(Nanos start) {
    const Nanos at = now();
    for (auto& carrier : carriers_) {
      for (auto& one : carrier->sessions()) {
        if (one.kind != Kind::kRouted || one.ended_at != 0) continue;
        if (at < std::max(one.last_byte, start) + kSilence) continue;
        one.ended_at = one.last_byte;
        one.how = "silent";
      }
    }
  }

  std::string still_open() const {
    std::string out;
    long count = 0;
    for (const auto& carrier : carriers_) {
      for (const auto& one : carrier->sessions()) {
        if (one.ended_at == 0 && ++count <= 5) out += std::string(out.empty() ? "" : ", ") + name_of(one.kind);
      }
    }
    return std::to_string(count) + " sessions (" + out + "…)";
  }

  void report(bool process, Nanos start) {
    const auto us = [&](Nanos t) { return static_cast<double>(t - start) / 1000; };
    std::printf("{\"measure\": \"mixed\", \"change\": \"%s\"", process ? "process" : "file");
    const auto seen = watch_.since(start);
    const std::pair<const char*, std::optional<Nanos>> stages[] = {
        {"report", seen.report}, {"ack", seen.ack}, {"delta", seen.delta}, {"cut", seen.cut}};
    for (const auto& [name, at] : stages) {
      if (at) std::printf(", \"%s_us\": %.1f", name, us(*at));
    }
    std::printf(", \"sessions\": [");
    const char* between = "";
    for (const auto& carrier : carriers_) {
      for (const auto& one : carrier->sessions()) {
        std::printf("%s[\"%s\", %lld, %.1f, %.1f, \"%s\"]", between, name_of(one.kind), static_cast<long long>(one.every / 1000),
                    us(one.last_byte), us(one.ended_at), one.how);
        between = ", ";
      }
    }
    std::printf("]}\n");
    std::fflush(stdout);
  }

  long sessions_;
  Ways ways_;
  std::shared_ptr<SSL_CTX> context_;
  Posture posture_;
  WireWatch watch_;
  std::minstd_rand random_;
  int epoll_ = -1;
  Nanos next_tick_ = 0;
  std::vector<std::unique_ptr<Carrier>> carriers_;
};

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments(argc, argv);
  ::signal(SIGPIPE, SIG_IGN);
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  try {
    enter_namespace(arguments.text("namespace"));
    Client client(arguments);
    for (long i = 0, changes = arguments.number("changes"); i < changes; ++i) client.change(i % 2 == 0);
  } catch (const std::runtime_error& error) {
    std::fprintf(stderr, "mixed_client: %s\n", error.what());
    return 1;
  }
}
