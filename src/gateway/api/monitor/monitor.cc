#include "gateway/api/monitor/monitor.h"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "gateway/api/cmdb_query.h"
#include "gateway/api/input.h"

namespace postern::gateway::api {

namespace json = boost::json;

const std::vector<Monitor>& all_monitors() {
  using namespace monitors;
  static const std::vector<Monitor> all = {
      system_status(),     system_api_user_generate_key(),
      system_config_backup(),
      system_config_backup_post(),
      system_config_restore(),
      system_config_revision(),
      system_config_revision_info(),
      system_config_revision_file(),
      system_config_revision_diff(),
      system_config_revision_save(),
      system_config_revision_update_comments(),
      system_config_revision_delete(),
      system_config_revision_rollback(),
      ems_status(),        ems_status_summary(),
      ems_cert_status(),   ems_verify_cert(),
      ems_unverify_cert(), record_list(),
      address_dynamic(),   ztna_sessions(), ztna_session(), ztna_session_clear(), ztna_real_servers(),
  };
  return all;
}

namespace {

/// What narrows a list, for every GET. A parameter that the monitor itself knows is its own.
Status take_listing(const CallPtr& call, const Monitor& monitor) {
  if (monitor.method != "GET") return {};
  std::map<std::string, std::string> own;
  auto& query = call->request.query;
  for (const auto& name : monitor.query) {
    if (auto node = query.extract(std::string(name))) own.insert(std::move(node));
  }
  const std::size_t before = query.size();
  auto list = take_list_query(query, call->more_filters(), [](std::string_view name) { return !name.empty(); }, monitor.path);
  if (!list) return fail(list.error());
  const bool asked = query.size() != before;
  query.merge(own);
  if (!asked) return {};
  call->shape = [list = std::move(*list)](json::value& results, json::object& envelope) {
    if (auto* entries = results.if_array()) {
      envelope["size"] = entries->size();
      envelope["matched_count"] = list.apply(*entries);
    } else if (auto* one = results.if_object()) {
      list.project(*one);
    }
  };
  return {};
}

}  // namespace

void serve_monitor(const CallPtr& call, std::string_view rest) {
  if (rest.ends_with("/select")) rest.remove_suffix(7);
  const auto last = rest.rfind('/');
  call->path = rest.substr(0, rest.find('/'));
  call->name = last == rest.npos ? std::string() : std::string(rest.substr(rest.find('/') + 1));
  std::string allowed;
  for (const auto& monitor : all_monitors()) {
    if (monitor.path != rest) continue;
    if (monitor.method != call->request.method) {
      allowed += (allowed.empty() ? "" : ", ") + std::string(monitor.method);
      continue;
    }
    if (auto listed = take_listing(call, monitor); !listed) return call->fail(listed.error());
    for (const auto& [name, value] : call->request.query) {
      if (name == "vdom" || name == "global" || name == "scope") continue;
      if (std::find(monitor.query.begin(), monitor.query.end(), name) == monitor.query.end()) {
        return call->fail(400, ErrorNumber::kBadValue, "unknown query parameter " + shown(name));
      }
    }
    const auto body = parse_object(call->request.body);
    if (!body) return call->fail(body.error());
    for (const auto& [name, value] : *body) {
      if (std::find(monitor.body.begin(), monitor.body.end(), std::string_view(name)) == monitor.body.end()) {
        return call->fail(400, ErrorNumber::kBadValue, "unknown member " + shown(name));
      }
    }
    if (monitor.confidential && call->who.read_only) {
      return call->fail(403, ErrorNumber::kNone,
                        fmt::format("{} may look, but not see secrets, and this answer has them (accprofile "
                                    "super_admin_readonly)",
                                    call->who.name));
    }
    return monitor.run(call, *body);
  }
  if (allowed.empty()) return call->fail(404, ErrorNumber::kNotFound, "there is no monitor " + shown(rest));
  call->add_header("Allow", allowed);
  call->fail(405, ErrorNumber::kNone, "this address takes " + allowed);
}

Result<ConnectorId> connector_of(const CallPtr& call, std::string_view ems_id) {
  const auto number = parse_u64(ems_id);
  if (!number || *number < 1 || *number > 7) {
    return fail(ErrorCode::kInvalidArgument, "ems_id: is the number of a connector, 1 to 7");
  }
  if (call->services.store.current()->find({{"endpoint-control fctems", std::to_string(*number)}}) == nullptr) {
    return fail(ErrorCode::kNotFound, fmt::format("EMS {} is not configured (endpoint-control/fctems)", *number));
  }
  return static_cast<ConnectorId>(*number);
}

Result<ConnectorId> connector_of(const CallPtr& call, const json::object& body) {
  return connector_of(call, text_member(body, "ems_id"));
}

cli::ConnectorStatus connector_status(const CallPtr& call, ConnectorId id) {
  for (auto& status : call->services.operations.connectors()) {
    if (status.id == id) return status;
  }
  cli::ConnectorStatus none;
  none.id = id;
  return none;
}

std::string text_member(const json::object& body, std::string_view name) {
  const auto* value = body.if_contains(name);
  if (value == nullptr) return {};
  if (const auto* text = value->if_string()) return std::string(*text);
  if (const auto* number = value->if_int64()) return std::to_string(*number);
  return {};
}

}  // namespace postern::gateway::api
