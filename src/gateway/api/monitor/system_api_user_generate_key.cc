#include <boost/json.hpp>

#include "gateway/api/monitor/monitor.h"
#include "gateway/config/api_key.h"

namespace postern::gateway::api::monitors {
namespace {

void post_generate_key(const CallPtr& call, const boost::json::object& body) {
  const auto user = text_member(body, "api-user");
  if (user.empty()) return call->fail(400, ErrorNumber::kBadValue, "api-user: is missing; it names the program");
  const auto token = config::generate_api_key(call->services.store, user, call->services.random, {call->who.name, "api"});
  if (!token) return call->fail(token.error());
  call->reply_results(boost::json::object{{"access_token", *token}});
}

}  // namespace

Monitor system_api_user_generate_key() { return {"POST", "system/api-user/generate-key", {}, {"api-user"}, post_generate_key}; }

}  // namespace postern::gateway::api::monitors
