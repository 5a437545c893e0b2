#include "ems/api/tag_body.h"

#include <boost/json.hpp>

#include <string_view>

#include "ems/api/services.h"
#include "posture/tag_json.h"

namespace postern::ems::api {
namespace {

constexpr std::string_view kReadOnly[] = {"id",          "built_in",   "has",        "unknown",
                                          "shared_with", "updated_at", "updated_by", "warnings", "version"};

}  // namespace

Result<posture::TagDefinition> read_tag(boost::json::value tag) {
  if (boost::json::object* object = tag.if_object()) {
    for (const std::string_view name : kReadOnly) object->erase(boost::json::string_view(name.data(), name.size()));
  }
  return posture::parse_tag_json(boost::json::serialize(tag));
}

Status check_seen(const CallPtr& call, const EmsCore::TagVersions& seen) {
  const EmsCore& core = call->services.core;
  Status ok = core.check_tag_versions(seen);
  if (ok) return ok;
  call->services.hooks.commit();  // who it was says the log
  return core.check_tag_versions(seen);
}

}  // namespace postern::ems::api
