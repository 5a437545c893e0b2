// PUT, PATCH /api/v1/endpoints/{uid}/classifications: the classification tags that are given to an endpoint by hand.
#include <algorithm>

#include "base/sort_unique.h"
#include "ems/api/endpoint_json.h"
#include "ems/api/handling.h"
#include "ems/api/resources/resources.h"
#include "ems/api/services.h"

namespace postern::ems::api {
namespace {

void classify(const CallPtr& call, const EndpointUid& uid, const std::vector<std::string>& tags) {
  call->services.core.classify(now_of(call), actor_of(call), uid, tags,
                               done_showing(call, [call, uid] {
                                 const EmsCore& core = call->services.core;
                                 const Endpoint* now = core.endpoint(uid);
                                 return now == nullptr ? boost::json::object() : endpoint_json(core, *now);
                               }));
}

void classify_endpoint(const CallPtr& call) {
  const auto endpoint = find_endpoint(call);
  if (!endpoint) return call->fail(endpoint.error());
  classify(call, (*endpoint)->uid, call->texts("tags").value_or(std::vector<std::string>()));
}

/// Others stay, whoever gave them meanwhile.
void add_and_remove(const CallPtr& call) {
  const auto endpoint = find_endpoint(call);
  if (!endpoint) return call->fail(endpoint.error());
  EmsCore& core = call->services.core;
  std::vector<std::string> tags;
  for (const Tag* tag : core.tags()) {
    if (std::ranges::binary_search((*endpoint)->classifications, tag->id)) tags.push_back(tag->definition.name.str());
  }
  const auto add = call->texts("add").value_or(std::vector<std::string>()), remove = call->texts("remove").value_or(std::vector<std::string>());
  if (add.empty() && remove.empty()) return call->fail({ErrorCode::kInvalidArgument, "name tags in add, in remove, or in both"});
  for (const auto& name : remove) {
    if (core.tag(name) == nullptr) return call->fail({ErrorCode::kInvalidArgument, "remove: there is no tag " + name});
    if (std::ranges::find(add, name) != add.end()) {
      return call->fail({ErrorCode::kInvalidArgument, "the tag " + name + " is to be added and to be removed; choose one"});
    }
    std::erase(tags, name);
  }
  tags.insert(tags.end(), add.begin(), add.end());
  sort_unique(tags);
  classify(call, (*endpoint)->uid, tags);
}

}  // namespace

Resource endpoint_classifications_resource() {
  return {.name = "endpoint classifications",
          .description = "Classification tags without rules are given by hand",
          .routes = {{.method = "PUT",
                      .path = "/api/v1/endpoints/{uid}/classifications",
                      .handler = classify_endpoint,
                      .summary = "Give exactly these classification tags; an empty list takes all away. Who is not "
                                 "registered any more is given none (409)",
                      .body_kind = BodyKind::kFields,
                      .body = {{.name = "tags", .type = FieldType::kTexts, .required = true, .max = 64}},
                      .result = "Endpoint"},
                     {.method = "PATCH",
                      .path = "/api/v1/endpoints/{uid}/classifications",
                      .handler = add_and_remove,
                      .summary = "Give and take these classification tags; the others stay",
                      .body_kind = BodyKind::kFields,
                      .body = {{.name = "add", .type = FieldType::kTexts, .max = 64},
                               {.name = "remove", .type = FieldType::kTexts, .max = 64}},
                      .result = "Endpoint"}}};
}

}  // namespace postern::ems::api
