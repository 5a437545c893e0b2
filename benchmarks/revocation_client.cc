// The client of `./bench revocation`. It changes the posture of the endpoint that it runs on and watches what becomes of
// its own access, on one clock: by turns it kills a process that a policy demands and makes a file that a policy forbids.
//
//   cut       a download is held open; time from just before the change to the last byte it brought
//   decision  requests are made on a kept connection, one each half millisecond; time to the first one refused
//
// Each change is undone before the next, and access has to be back. One line of JSON per change on stdout; ends with 1,
// and says why, if a change had no effect.
#include <csignal>
#include <optional>
#include <random>

#include "arguments.h"
#include "posture_change.h"
#include "timing.h"
#include "tls_client.h"
#include "wire_watch.h"

namespace {

using namespace postern::bench;

constexpr Nanos kMs = 1'000'000;
constexpr Nanos kPatience = 10'000 * kMs;
constexpr int kTimeoutMs = 10'000;

class Client {
 public:
  Client(const Arguments& arguments)
      : target_{arguments.text("address"), static_cast<std::uint16_t>(arguments.number("port"))},
        context_(client_context(arguments.text("certificate"), arguments.text("key"))),
        posture_(arguments.text("program"), arguments.text("file")),
        random_(static_cast<unsigned>(now())) {
    if (const auto netns = arguments.text("watch-namespace", ""); !netns.empty()) {
      watch_.emplace(netns, WireWatch::Ports{static_cast<std::uint16_t>(arguments.number("telemetry-port")),
                                             static_cast<std::uint16_t>(arguments.number("fabric-port")), target_.port});
    }
  }

  void cut(bool process) {
    wait_allowed();
    TlsClient download(context_.get(), target_, kTimeoutMs);
    download.get("/stream");
    if (const int status = download.read_head(); status != 200) wrong("the download got " + std::to_string(status));
    settle(download);
    const Nanos start = change(process);
    while (download.read(start + kPatience) > 0) {}
    if (download.end() == TlsClient::End::kOpen) wrong("a session stayed open for ten seconds after its tag was lost");
    report(process, "cut", start, download.last_byte(), download.ended_at(),
           download.end() == TlsClient::End::kReset ? "reset" : "closed");
    undo(process);
  }

  void decision(bool process) {
    wait_allowed();
    TlsClient kept(context_.get(), target_, kTimeoutMs);
    settle(kept);
    const Nanos start = change(process);
    for (Nanos next = now();; next = std::max(next + kMs / 2, now())) {
      sleep_until(next);
      if (now() > start + kPatience) wrong("requests were still allowed ten seconds after the tag was lost");
      kept.get("/");
      const int status = kept.read_head();
      const Nanos at = now();
      // A request that was under way at that moment is a session: it is cut.
      if (status == 403 || kept.end() != TlsClient::End::kOpen) {
        report(process, "decision", start, at, at, status == 403 ? "refused" : "cut");
        break;
      }
      if (status != 200 || !kept.read_body()) wrong("a request got " + std::to_string(status));
    }
    undo(process);
  }

 private:
  int status() {
    TlsClient one(context_.get(), target_, kTimeoutMs);
    return one.get("/") ? one.read_head() : 0;
  }

  void wait_allowed() {
    const Nanos until = now() + 2 * kPatience;
    while (status() != 200) {
      if (now() > until) wrong("access did not come back within twenty seconds");
      sleep_until(now() + 2 * kMs);
    }
  }

  /// Lets what the mending of the posture set going come to rest, for a time that has nothing to do with anybody's
  /// ticks.
  void settle(TlsClient& session) {
    const Nanos until = now() + 60 * kMs + std::uniform_int_distribution<Nanos>(0, 40 * kMs)(random_);
    while (now() < until) {
      session.read(until);
      if (session.end() != TlsClient::End::kOpen) wrong("a session ended although nothing had changed");
    }
  }

  Nanos change(bool process) {
    if (watch_) watch_->clear();
    const Nanos start = now();
    posture_.change(process);
    return start;
  }

  void undo(bool process) {
    // An end of the session for another reason is no revocation.
    if (const int now_refused = status(); now_refused != 403) {
      wrong("after the change a new request got " + std::to_string(now_refused) + " instead of 403");
    }
    posture_.mend(process);
  }

  void report(bool process, const char* what, Nanos start, Nanos effect, Nanos ended, const char* how) {
    const auto us = [&](Nanos t) { return static_cast<double>(t - start) / 1000; };
    std::printf("{\"measure\": \"%s\", \"change\": \"%s\", \"us\": %.1f, \"end_us\": %.1f, \"how\": \"%s\"", what,
                process ? "process" : "file", us(effect), us(ended), how);
    if (watch_) {
      const auto seen = watch_->since(start);
      const std::pair<const char*, std::optional<Nanos>> stages[] = {
          {"report", seen.report}, {"ack", seen.ack}, {"delta", seen.delta}, {"cut", seen.cut}};
      for (const auto& [name, at] : stages) {
        if (at) std::printf(", \"%s_us\": %.1f", name, us(*at));
      }
    }
    std::printf("}\n");
    std::fflush(stdout);
  }

  Target target_;
  std::shared_ptr<SSL_CTX> context_;
  Posture posture_;
  std::optional<WireWatch> watch_;
  std::minstd_rand random_;
};

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments(argc, argv);
  ::signal(SIGPIPE, SIG_IGN);
  try {
    if (const auto netns = arguments.text("namespace", ""); !netns.empty()) enter_namespace(netns);
    Client client(arguments);
    const bool decisions = arguments.text("measure") == "decision";
    for (long i = 0, changes = arguments.number("changes"); i < changes; ++i) {
      decisions ? client.decision(i % 2 == 0) : client.cut(i % 2 == 0);
    }
  } catch (const std::runtime_error& error) {
    std::fprintf(stderr, "revocation_client: %s\n", error.what());
    return 1;
  }
}
