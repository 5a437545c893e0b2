#include "ems/api/tag_body.h"

#include <boost/json.hpp>

#include <string_view>

#include "posture/tag_json.h"

namespace postern::ems::api {
namespace {

constexpr std::string_view kReadOnly[] = {"id",          "built_in",   "has",        "unknown",
                                          "shared_with", "updated_at", "updated_by", "warnings"};

}  // namespace

Result<posture::TagDefinition> read_tag(boost::json::value tag) {
  if (boost::json::object* object = tag.if_object()) {
    for (const std::string_view name : kReadOnly) object->erase(boost::json::string_view(name.data(), name.size()));
  }
  return posture::parse_tag_json(boost::json::serialize(tag));
}

}  // namespace postern::ems::api
