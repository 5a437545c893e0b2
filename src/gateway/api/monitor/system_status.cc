#include <boost/json.hpp>

#include "base/hex.h"
#include "gateway/api/monitor/monitor.h"

namespace postern::gateway::api::monitors {
namespace {

void run(const CallPtr& call, const boost::json::object&) {
  const auto s = call->services.operations.system_status();
  call->reply_results(boost::json::object{{"model_name", "Postern"},
                                          {"model", "gateway"},
                                          {"hostname", s.hostname},
                                          {"serial", s.serial.str()},
                                          {"version", "v" + s.version},
                                          {"device_key_sha256", to_hex_colons(s.device_key)},
                                          {"live_sessions", s.live_sessions}});
}

}  // namespace

Monitor system_status() { return {"GET", "system/status", {}, {}, run}; }

}  // namespace postern::gateway::api::monitors
