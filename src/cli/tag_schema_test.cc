#include "cli/tag_schema.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace postern::cli {
namespace {

namespace json = boost::json;

const json::value kDescription = json::parse(R"({"components": {"schemas": {
    "Tag": {"properties": {"id": {"readOnly": true}, "comment": {}, "enabled": {"default": true},
                           "rules": {"items": {"$ref": "#/components/schemas/Rule"}}}},
    "Rule": {"properties": {"negate": {"default": false}, "os": {}}}}}})");

TEST(TagSchema, LeavesOutOnlyWhatIsEmptyAndSaysTheSameAsNothing) {
  const TagSchema schema(kDescription);
  const auto tag = json::parse(R"({"id": 7, "name": "T", "comment": "", "enabled": true, "rules": [
      {"os": "linux", "type": "vulnerability-count", "negate": false, "max": 0},
      {"os": "linux", "type": "certificate", "negate": true, "subject": "x", "ca": false, "usages": [], "issuer": ""}]})");
  EXPECT_EQ(schema.definition(tag.as_object()), json::parse(R"({"name": "T", "enabled": true, "rules": [
      {"os": "linux", "type": "vulnerability-count", "max": 0},
      {"os": "linux", "type": "certificate", "negate": true, "subject": "x", "ca": false, "usages": [], "issuer": ""}]})"));
}

TEST(TagSchema, ADisabledTagStaysDisabled) {
  const TagSchema schema(kDescription);
  EXPECT_EQ(schema.definition(json::parse(R"({"name": "T", "enabled": false})").as_object()),
            json::parse(R"({"name": "T", "enabled": false})"));
}

}  // namespace
}  // namespace postern::cli
