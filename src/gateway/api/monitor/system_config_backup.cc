#include <boost/json.hpp>

#include "base/log.h"
#include "gateway/api/monitor/system_config.h"

namespace postern::gateway::api::monitors {
namespace {

void backup_config(const CallPtr& call, const boost::json::object&) {
  const auto status = call->services.operations.system_status();
  log_info("config.backup", "the configuration was fetched by the REST API", {{"by", call->who.name}});
  reply_file(call,
             config::print_backup(*call->services.store.current(),
                                  {status.version, status.serial.str(), call->services.clock.now().wall}),
             status.hostname + ".conf");
}

}  // namespace

Monitor system_config_backup() { return {"GET", "system/config/backup", {"destination"}, {}, backup_config}; }
Monitor system_config_backup_post() {
  return {"POST", "system/config/backup", {"destination"}, {"destination", "scope"}, backup_config};
}

}  // namespace postern::gateway::api::monitors
