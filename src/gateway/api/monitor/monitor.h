#pragma once
// /api/v2/monitor/<path>: what is true now, and what can be done once. Each resource stands in a file of its own here.
#include <boost/json/fwd.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/api/call.h"

namespace postern::gateway::api {

struct Monitor {
  std::string_view method;              ///< "GET" or "POST".
  std::string_view path;                ///< Behind /api/v2/monitor/.
  std::vector<std::string_view> query;  ///< Parameters that it knows.
  std::vector<std::string_view> body;   ///< Members of the body that it knows.
  std::function<void(const CallPtr&, const boost::json::object& body)> run;
  bool confidential = false;  ///< The answer has secrets: not for those who may only look.
};

namespace monitors {
Monitor system_status();
Monitor system_api_user_generate_key();
Monitor system_config_backup();
Monitor system_config_backup_post();
Monitor system_config_restore();
Monitor system_config_revision();
Monitor system_config_revision_info();
Monitor system_config_revision_file();
Monitor system_config_revision_diff();
Monitor system_config_revision_save();
Monitor system_config_revision_update_comments();
Monitor system_config_revision_delete();
Monitor system_config_revision_rollback();
Monitor ems_status();
Monitor ems_status_summary();
Monitor ems_cert_status();
Monitor ems_verify_cert();
Monitor ems_unverify_cert();
Monitor record_list();
Monitor address_dynamic();
Monitor ztna_sessions();
Monitor ztna_session();
Monitor ztna_session_clear();
Monitor ztna_real_servers();
}  // namespace monitors

const std::vector<Monitor>& all_monitors();

/// `rest`: what follows /api/v2/monitor/; a trailing /select is taken. Every GET of a list takes ?filter=, ?sort=,
/// ?start=, ?count= and ?format=: see cmdb_query.h.
void serve_monitor(const CallPtr& call, std::string_view rest);

/// The connector that `ems_id` names, if it is configured. Errors: kInvalidArgument, kNotFound.
Result<ConnectorId> connector_of(const CallPtr& call, std::string_view ems_id);
Result<ConnectorId> connector_of(const CallPtr& call, const boost::json::object& body);
/// Its state; every configured connector has one.
cli::ConnectorStatus connector_status(const CallPtr& call, ConnectorId id);
/// A member of the body as a text; numbers count as texts. Empty: not there, or of another type.
std::string text_member(const boost::json::object& body, std::string_view name);

}  // namespace postern::gateway::api
