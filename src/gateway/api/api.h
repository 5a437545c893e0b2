#pragma once
// The gateway's REST API: one function from an HTTP request to its answer, after the conventions of FortiOS
// (/api/v2/cmdb, /api/v2/monitor).
//
// Identity: an API user's token as `Authorization: Bearer` or `?access_token=` (which never reaches a log), or an
// administrator's session: a cookie, with its CSRF token in X-CSRFTOKEN on every request that changes something. What
// is not listed does not exist, and nothing but signing in is for everybody. A change is answered after it is durable.
//
// Thread: the loop's, for everything. Errors never leave by exception.
#include <memory>

#include "base/clock.h"
#include "base/random.h"
#include "gateway/cli/operations.h"
#include "gateway/config/store.h"
#include "net/http.h"

namespace postern::gateway {

class Api {
 public:
  /// All outlive this. `random` guards sessions and tokens: the kernel's in programs.
  Api(config::ConfigStore& store, cli::GatewayOperations& operations, const Clock& clock, Random& random);
  ~Api();
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  /// Answers once, now or later.
  void handle(net::HttpRequest request, net::HttpResponder respond);
  /// The answer to what the listener refuses before it is a request: see net::RefusalHandler.
  net::HttpResponse refuse(int status, const Error& error);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace postern::gateway
