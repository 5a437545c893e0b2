#include "ems/api/handling.h"

#include "ems/api/services.h"

namespace postern::ems::api {

Now now_of(const CallPtr& call) { return call->services.clock.now(); }

Actor actor_of(const CallPtr& call) { return {call->who.actor(), call->request.peer.remote_ip.str()}; }

DoneStatus done_empty(const CallPtr& call) {
  return [call](Status done) {
    if (!done) return call->fail(done.error());
    call->reply_empty();
  };
}

}  // namespace postern::ems::api
