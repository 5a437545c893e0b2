#pragma once
// The EMS's REST API and its two plain pages: one function from an HTTP request to its answer.
//
// Identity: `Authorization: Bearer <token>`, or the cookie of a signed-in session with its CSRF token on every request
// that changes something. A route that is not listed does not exist, and a route that does not say otherwise demands a
// signed-in administrator. A write is acknowledged after the core says that it is committed, never before.
//
// Thread: the loop's, for everything. Errors never leave by exception.
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "net/http.h"
#include "net/loop.h"
#include "net/tls.h"

namespace postern::ems {

class EmsCore;

/// What the API needs from the program around it. All are called on the loop's thread.
struct ApiHooks {
  /// Runs `blocking` on a worker thread, then `done` on the loop's: Loop::offload. Required.
  std::function<void(std::function<void()> blocking, std::function<void()> done)> offload;
  /// One-shot timer: Loop::after. Required; ends the waiting of `changes`.
  std::function<net::Handle(std::chrono::nanoseconds, std::function<void()>)> after;
  /// Puts a web server certificate into effect for new connections, without a restart. An error keeps the old one in
  /// effect and nothing is recorded. Required.
  std::function<Status(const net::TlsIdentity&)> use_web_certificate;
  /// Feeds were added, changed or removed, and that is committed.
  std::function<void()> feeds_changed = {};
  /// Looks at the source of this feed now; empty: of all.
  std::function<void(const std::string& name)> refresh_feed = {};
  /// Commits what the core has queued (EmsCore::flush, its actions): called before a request that reads is answered, so
  /// that nobody is told what a failing commit would take back. Required.
  std::function<void()> commit;
};

class Api {
 public:
  /// `core`, `clock` and `random` outlive this. `random` guards sessions and tokens: the kernel's in programs.
  Api(EmsCore& core, const Clock& clock, Random& random, ApiHooks hooks);
  ~Api();
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  /// Answers once, now or later. Everything that is not a WebSocket upgrade on the HTTPS port goes through here:
  /// /api/v1/..., /fabric-authorization, /, and 404 for the rest.
  void handle(net::HttpRequest request, net::HttpResponder respond);
  /// The answer to what the listener refuses before it is a request: see net::RefusalHandler.
  net::HttpResponse refuse(int status, const Error& error);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace postern::ems
