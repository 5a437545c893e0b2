#include <boost/json.hpp>

#include "base/hex.h"
#include "gateway/api/monitor/monitor.h"

namespace postern::gateway::api::monitors {
namespace {

namespace json = boost::json;

void get_ztna_sessions(const CallPtr& call, const json::object&) {
  call->reply_results(json::object{{"live", call->services.operations.system_status().live_sessions}});
}

void get_ztna_session(const CallPtr& call, const json::object&) {
  json::array out;
  for (const auto& s : call->services.operations.sessions()) {
    out.push_back(json::object{{"id", s.id},
                               {"kind", s.kind},
                               {"access_proxy", s.access_proxy},
                               {"source", s.source.str()},
                               {"destination", s.destination},
                               {"connections", s.connections},
                               {"uid", s.uid.str()},
                               {"host", s.host_name},
                               {"ems_sn", s.ems_serial.str()},
                               {"certificate_sha256", to_hex_lower(s.leaf)}});
  }
  call->reply_results(std::move(out));
}

void post_ztna_session_clear(const CallPtr& call, const json::object& body) {
  using By = cli::SessionChoice::By;
  constexpr std::pair<std::string_view, By> kBy[] = {
      {"id", By::kId}, {"endpoint", By::kEndpoint}, {"policy", By::kPolicy}, {"access-proxy", By::kAccessProxy}};
  cli::SessionChoice which;
  std::size_t given = 0;
  for (const auto& [name, by] : kBy) {
    if (!body.contains(name)) continue;
    ++given;
    which = {by, text_member(body, name)};
    if (which.value.empty())
      return call->fail(400, ErrorNumber::kBadValue, std::string(name) + ": must be a text or number that is not empty");
  }
  if (const auto* all = body.if_contains("all")) {
    ++given;
    if (!all->is_bool() || !all->get_bool()) return call->fail(400, ErrorNumber::kBadValue, "all: must be true");
  }
  // Nothing said is not everything meant.
  if (given != 1)
    return call->fail(400, ErrorNumber::kBadValue, "needs one of: id, endpoint, policy, access-proxy, all");
  call->services.operations.clear_sessions(which, call->who.name, [call](const Result<cli::ClearedSessions>& cleared) {
    if (!cleared) return call->fail(cleared.error());
    call->reply_results(json::object{{"status", "success"}, {"ended", cleared->ended}, {"silent_workers", cleared->silent}});
  });
}

}  // namespace

Monitor ztna_sessions() { return {"GET", "ztna/sessions", {}, {}, get_ztna_sessions}; }
Monitor ztna_session() { return {"GET", "ztna/session", {}, {}, get_ztna_session}; }
Monitor ztna_session_clear() {
  return {"POST", "ztna/session/clear", {}, {"id", "endpoint", "policy", "access-proxy", "all"}, post_ztna_session_clear};
}

}  // namespace postern::gateway::api::monitors
