#include <boost/json.hpp>

#include "base/hex.h"
#include "base/text.h"
#include "gateway/api/monitor/monitor.h"

namespace postern::gateway::api::monitors {
namespace {

void get_system_status(const CallPtr& call, const boost::json::object&) {
  auto& operations = call->services.operations;
  const auto s = operations.system_status();
  boost::json::array health;
  for (const auto& part : operations.health()) {
    health.push_back({{"part", part.part}, {"status", to_lower(cli::health_word(part.state))}, {"message", part.text}});
  }
  call->reply_results(boost::json::object{{"model_name", "Postern"},
                                          {"model", "gateway"},
                                          {"hostname", s.hostname},
                                          {"serial", s.serial.str()},
                                          {"version", "v" + s.version},
                                          {"device_key_sha256", to_hex_colons(s.device_key)},
                                          {"live_sessions", s.live_sessions},
                                          {"dropped_events", s.dropped_events},
                                          {"lost_log_lines", s.lost_log_lines},
                                          {"health", std::move(health)}});
}

}  // namespace

Monitor system_status() { return {"GET", "system/status", {}, {}, get_system_status}; }

}  // namespace postern::gateway::api::monitors
