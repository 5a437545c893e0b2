// /api/v1/endpoints/{uid}: what administrators do to one.
#include "ems/api/endpoint_json.h"
#include "ems/api/handling.h"
#include "ems/api/resources/resources.h"
#include "ems/api/services.h"

namespace postern::ems::api {
namespace {

/// Runs `act` on the endpoint that the path names; answers with what became of it.
template <class Act>
void on_endpoint(const CallPtr& call, Act act) {
  const auto endpoint = find_endpoint(call);
  if (!endpoint) return call->fail(endpoint.error());
  const EndpointUid uid = (*endpoint)->uid;
  act(call->services.core, uid, done_showing(call, [call, uid] {
        const EmsCore& core = call->services.core;
        const Endpoint* now = core.endpoint(uid);
        return now == nullptr ? boost::json::object() : endpoint_json(core, *now);
      }));
}

void quarantine(const CallPtr& call) {
  on_endpoint(call, [&](EmsCore& core, const EndpointUid& uid, DoneStatus done) {
    core.quarantine(now_of(call), actor_of(call), uid, call->text("reason").value_or(""), std::move(done));
  });
}

void unquarantine(const CallPtr& call) {
  on_endpoint(call, [&](EmsCore& core, const EndpointUid& uid, DoneStatus done) {
    core.unquarantine(now_of(call), actor_of(call), uid, std::move(done));
  });
}

void deregister(const CallPtr& call) {
  on_endpoint(call, [&](EmsCore& core, const EndpointUid& uid, DoneStatus done) {
    core.deregister(now_of(call), actor_of(call), uid, std::move(done));
  });
}

void revoke_endpoint(const CallPtr& call) {
  on_endpoint(call, [&](EmsCore& core, const EndpointUid& uid, DoneStatus done) {
    core.revoke_certificates(now_of(call), actor_of(call), uid, std::move(done));
  });
}

void act_on_endpoint(const CallPtr& call) {
  const std::string profile = *call->text("profile");
  on_endpoint(call, [&](EmsCore& core, const EndpointUid& uid, DoneStatus done) {
    if (core.profile(profile) == nullptr) {
      return call->fail({ErrorCode::kInvalidArgument, "profile: there is no endpoint profile \"" + profile + "\""});
    }
    core.set_endpoint_profile(now_of(call), actor_of(call), uid, profile, std::move(done));
  });
}

}  // namespace

Resource endpoint_actions_resource() {
  const std::string of = "/api/v1/endpoints/{uid}";
  return {.name = "endpoint actions",
          .description = "What administrators do to an endpoint; each reaches gateways before it is answered",
          .routes = {{.method = "POST",
                      .path = of + "/quarantine",
                      .handler = quarantine,
                      .summary = "Quarantine: no policy lets it through until it is released",
                      .body_kind = BodyKind::kFields,
                      .body = {{.name = "reason", .description = "For administrators and the audit log"}},
                      .result = "Endpoint"},
                     {.method = "POST",
                      .path = of + "/unquarantine",
                      .handler = unquarantine,
                      .summary = "Release from quarantine",
                      .result = "Endpoint"},
                     {.method = "POST",
                      .path = of + "/deregister",
                      .handler = deregister,
                      .summary = "End its registration; it is refused until it enrols again",
                      .result = "Endpoint"},
                     {.method = "POST",
                      .path = of + "/revoke",
                      .handler = revoke_endpoint,
                      .summary = "Revoke its certificates; it has to enrol again with a new key",
                      .result = "Endpoint"},
                     {.method = "PATCH",
                      .path = of,
                      .handler = act_on_endpoint,
                      .summary = "Give it another endpoint profile",
                      .body_kind = BodyKind::kFields,
                      .body = {{.name = "profile", .required = true, .min = 1, .max = 63}},
                      .result = "Endpoint"}}};
}

}  // namespace postern::ems::api
