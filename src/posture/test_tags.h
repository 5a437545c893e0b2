#pragma once
// What the tests of this folder share: tags in few words.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "posture/tag_json.h"

namespace postern::posture::testing {

/// REQUIRES: `json` is a tag.
inline TagDefinition tag(std::string_view json) {
  auto parsed = parse_tag_json(json);
  EXPECT_TRUE(parsed.has_value()) << (parsed ? "" : parsed.error().message);
  return *parsed;
}

/// A tag of one rule on Linux: this process runs.
inline TagDefinition process_tag(const std::string& name, const std::string& process, bool negate = false) {
  TagDefinition t;
  t.name = TagName(name);
  t.rules = {{.id = 1,
              .os = OsFamily::kLinux,
              .type = "running-process",
              .negate = negate,
              .parameters = {{"processes", std::vector<std::string>{process}}}}};
  return t;
}

}  // namespace postern::posture::testing
