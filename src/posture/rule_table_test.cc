#include "posture/rule_table.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <fstream>
#include <sstream>

#include "posture/on_fabric.h"
#include "posture/rules/registry.h"

namespace postern::posture {
namespace {

using ::testing::HasSubstr;

TEST(RuleTable, TheDocumentIsWhatTheTypesSay) {
  std::ifstream file(POSTERN_SOURCE_DIR "/docs/rule-types.md");
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_TRUE(text.str() == rule_types_markdown()) << "docs/rule-types.md is not what the rule types say; postern-ems "
                                                      "rule-types --format markdown > docs/rule-types.md";
}

TEST(RuleTable, EveryTypeTellsWhatItReadsAndWhatItTakes) {
  const std::string page = rule_types_markdown();
  for (const RuleType* type : rule_types()) {
    SCOPED_TRACE(type->name);
    EXPECT_EQ(type->facts.empty(), type->name == "time");  // the one that asks nothing of the endpoint
    EXPECT_THAT(page, HasSubstr("\n| [" + std::string(type->name) + "](#"));
    EXPECT_THAT(page, HasSubstr("\n## " + std::string(type->name) + "\n"));
    for (const ParameterSpec& spec : type->parameters) {
      EXPECT_THAT(page, HasSubstr("\n| `" + std::string(spec.name) + "`"));
      EXPECT_TRUE(spec.help.ends_with('.')) << spec.name;
    }
    EXPECT_TRUE(type->help.ends_with('.'));
    EXPECT_TRUE(type->unknown.empty() || type->unknown.ends_with('.'));
  }
}

TEST(RuleTable, DetectionTypesAreListedToo) {
  const std::string page = rule_types_markdown();
  const std::string detection = page.substr(page.find("\n# Detection types\n"));
  ASSERT_EQ(detection_types().size(), 11u);
  for (const RuleType* type : detection_types()) {
    const auto row = "\n| `" + std::string(type->name) + "` | ";
    EXPECT_THAT(detection, HasSubstr(row + std::string(type->help) + " | `"));
    for (const ParameterSpec& spec : type->parameters)
      EXPECT_THAT(detection, HasSubstr(row + "`" + std::string(spec.name) + "`"));
    EXPECT_EQ(type->systems.size(), kOsFamilies) << type->name;  // as the page says
  }
}

TEST(RuleTable, JsonSaysTheSame) {
  const auto types = boost::json::parse(rule_types_json()).as_array();
  ASSERT_EQ(types.size(), rule_types().size());
  for (std::size_t i = 0; i < types.size(); ++i) {
    EXPECT_EQ(types[i].at("type").as_string(), std::string(rule_types()[i]->name));
    EXPECT_EQ(types[i].at("parameters").as_array().size(), rule_types()[i]->parameters.size());
  }
}

TEST(RuleTable, CommandKnowsItsFormats) {
  std::ostringstream out, err;
  EXPECT_EQ(rule_types_main("table", out, err), 0);
  EXPECT_THAT(out.str(), HasSubstr("\nkernel-version"));
  EXPECT_EQ(rule_types_main("xml", out, err), 2);
  EXPECT_EQ(err.str(), "rule-types: format \"xml\" is none of table, markdown, json\n");
}

}  // namespace
}  // namespace postern::posture
