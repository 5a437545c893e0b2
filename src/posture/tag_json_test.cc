#include "posture/tag_json.h"

#include <gmock/gmock.h>

#include <fstream>
#include <iterator>
#include <string>

#include "posture/compiled_tag.h"

namespace postern::posture {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::string_view kGolden =
    R"({"name":"Vulnerable-Device","kind":"security","enabled":true,"message":"Install the updates.","comment":"",)"
    R"("on_unknown":"deny","loss_delay":0,"rules":[)"
    R"({"id":1,"os":"linux","type":"vulnerable-devices","negate":false,"severity":"high"},)"
    R"({"id":2,"os":"linux","type":"ip-range","negate":true,"match":"any","ranges":["10.0.1.0/24","10.0.2.1-10.0.2.9"]},)"
    R"({"id":3,"os":"windows","type":"ems-management","negate":false}],)"
    R"("logic":{"linux":"1 and 2"}})";

TEST(TagJson, GoldenBothWays) {
  const auto tag = parse_tag_json(kGolden);
  ASSERT_TRUE(tag.has_value()) << tag.error().message;
  TagDefinition expected;
  expected.name = TagName("Vulnerable-Device");
  expected.message = "Install the updates.";
  expected.rules = {
      {.id = 1,
       .os = OsFamily::kLinux,
       .type = "vulnerable-devices",
       .parameters = {{"severity", "high"}}},
      {.id = 2,
       .os = OsFamily::kLinux,
       .type = "ip-range",
       .negate = true,
       .parameters = {{"match", "any"},
                      {"ranges", std::vector<std::string>{"10.0.1.0/24", "10.0.2.1-10.0.2.9"}}}},
      {.id = 3, .os = OsFamily::kWindows, .type = "ems-management", .parameters = {}}};
  expected.logic = {{OsFamily::kLinux, "1 and 2"}};
  EXPECT_EQ(*tag, expected);
  EXPECT_EQ(print_tag_json(*tag), kGolden);
}

TEST(TagJson, OnlyTheNameIsRequired) {
  const auto tag = parse_tag_json(R"({"name":"A"})");
  ASSERT_TRUE(tag.has_value()) << tag.error().message;
  TagDefinition expected;
  expected.name = TagName("A");
  EXPECT_EQ(*tag, expected);
  EXPECT_EQ(parse_tag_json(print_tag_json(*tag)).value(), expected);
}

TEST(TagJson, EveryValueOfEveryEnumerationSurvives) {
  for (const TagKind kind : {TagKind::kSecurity, TagKind::kClassification, TagKind::kFabric}) {
    for (const OnUnknown on_unknown : {OnUnknown::kDeny, OnUnknown::kIgnore}) {
      for (const OsFamily os : kAllOsFamilies) {
        TagDefinition tag;
        tag.name = TagName("Tag 1");
        tag.kind = kind;
        tag.on_unknown = on_unknown;
        tag.enabled = false;
        tag.message = "Zeile 1\nline \"2\" \\ ∧ 🛡";
        tag.comment = "\tc";
        tag.rules = {
            {.id = 7, .os = os, .type = "ems-management", .negate = true, .parameters = {}}};
        tag.logic = {{os, "not 7"}};
        const auto again = parse_tag_json(print_tag_json(tag));
        ASSERT_TRUE(again.has_value()) << again.error().message;
        EXPECT_EQ(*again, tag);
      }
    }
  }
}

TEST(TagJson, TheBuiltInTagIsPrintedAndReadLikeOthers) {
  const TagDefinition tag = all_registered_clients_definition();
  const auto again = parse_tag_json(print_tag_json(tag));
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ(*again, tag);
}

std::string with_rule(const std::string& rule) { return R"({"name":"A","rules":[)" + rule + "]}"; }
std::string linux_rule(const std::string& rest) {
  return with_rule(R"({"id":2,"os":"linux",)" + rest + "}");
}

TEST(TagJson, ErrorsNameRuleFieldValueAndWhatIsAllowed) {
  struct Case {
    std::string json;
    const char* message;
  };
  const std::string long_text(1025, 'x');
  const Case cases[] = {
      {"", "not valid JSON at character 1: incomplete JSON"},
      {R"({"name":"A"} x)", "not valid JSON at character"},
      {R"({"name":"A",})", "not valid JSON at character"},
      {"{\"name\":\"A\xff\"}", "not valid JSON at character"},
      {"[]", "a tag must be an object, not a list"},
      {"{}", "name: is missing"},
      {R"({"name":7})", "name: 7 must be a text"},
      {R"({"name":""})", "name: \"\" is not allowed; a tag's name has 1 to 63 characters"},
      {R"({"name":"a/b"})", "name: \"a/b\" is not allowed"},
      {R"({"name":"all_registered_clients"})", "name: \"all_registered_clients\" is built in"},
      {R"({"name":"A","name":"B"})", "\"name\": is given twice"},
      {R"({"name":"A","n\u0061me":"B"})", "\"name\": is given twice"},
      {R"({"name":"A","colour":"red"})",
       "\"colour\": there is no such field; a tag has name, kind, enabled, message, comment, "
       "on_unknown, loss_delay, rules, logic"},
      {R"({"name":"A","kind":"zero"})",
       "kind: \"zero\" must be one of security, classification, fabric"},
      {R"({"name":"A","enabled":1})", "enabled: 1 must be true or false"},
      {R"({"name":"A","on_unknown":"pass"})", "on_unknown: \"pass\" must be one of deny, ignore"},
      {R"({"name":"A","message":")" + long_text + "\"}",
       "message: has 1025 bytes, allowed are 1024"},
      {R"({"name":"A","message":"\u0000"})",
       "message: must be UTF-8 text without control characters"},
      {R"({"name":"A","comment":[]})", "comment: a list must be a text"},
      {R"({"name":"A","loss_delay":-1})", "loss_delay: -1 is not allowed; it must be 0 to 86400 seconds"},
      {R"({"name":"A","loss_delay":86401})", "loss_delay: 86401 is not allowed; it must be 0 to 86400 seconds"},
      {R"({"name":"A","loss_delay":"5m"})", "loss_delay: \"5m\" must be a whole number of seconds, 0 to 86400"},
      {linux_rule(R"("type":"ems-management","max_age":-1)"),
       "rule 2 (ems-management): max_age: -1 is not allowed; it must be 60 to 31622400 seconds"},
      {R"({"name":"A","rules":{}})", "rules: an object must be a list of rules"},
      {with_rule("1"), "rules[0]: 1 must be an object with id, os and type"},
      {with_rule(R"({"os":"linux","type":"file"})"), "rules[0]: id: is missing"},
      {with_rule(R"({"id":0,"os":"linux","type":"file"})"),
       "rules[0]: id: 0 must be a whole number from 1 to 9999"},
      {with_rule(R"({"id":1.5,"os":"linux","type":"file"})"),
       "rules[0]: id: 1.5E0 must be a whole number"},
      {with_rule(R"({"id":18446744073709551615,"os":"linux","type":"file"})"),
       "must be a whole number from 1 to 9999"},
      {with_rule(R"({"id":2,"type":"file"})"), "rule 2: os: is missing"},
      {with_rule(R"({"id":2,"os":"linux"})"), "rule 2: type: is missing"},
      {with_rule(R"({"id":2,"os":"plan9","type":"file"})"),
       "rule 2 (file): os: \"plan9\" must be one of linux, windows, macos, ios, android"},
      {with_rule(R"({"id":2,"os":"ios","type":"file","paths":["/a"]})"),
       "rule 2 (file): os: \"ios\" has no such rule; it must be one of linux, windows, macos"},
      {linux_rule(R"("type":"ip-rage")"),
       "rule 2: type: \"ip-rage\" is not known; did you mean ip-range? `postern-ems rule-types` lists the "},
      {linux_rule(R"("type":"ems-management","negate":"no")"),
       "rule 2 (ems-management): negate: \"no\" must be true or false"},
      {linux_rule(R"("type":"ems-management","severity":"low")"),
       "rule 2 (ems-management): \"severity\": there is no such parameter; this rule type takes "
       "none"},
      {linux_rule(R"("type":"vulnerable-devices")"),
       "rule 2 (vulnerable-devices): severity: is missing; it must be one of low, medium, high, "
       "critical"},
      {linux_rule(R"("type":"vulnerable-devices","severity":"hihg")"),
       "rule 2 (vulnerable-devices): severity: \"hihg\" is not allowed; it must be one of low, "
       "medium, high, critical"},
      {linux_rule(R"("type":"vulnerable-devices","severity":3)"),
       "rule 2 (vulnerable-devices): severity: must be a text, not a whole number"},
      {linux_rule(R"("type":"vulnerable-devices","severity":["low"])"),
       "rule 2 (vulnerable-devices): severity: must be a text, not a list"},
      {linux_rule(R"("type":"ip-range","range":["10.0.0.0/8"])"),
       "rule 2 (ip-range): \"range\": there is no such parameter; it takes ranges, address, match"},
      {linux_rule(R"("type":"ip-range")"), "rule 2 (ip-range): ranges: is missing"},
      {linux_rule(R"("type":"ip-range","ranges":[])"),
       "rule 2 (ip-range): ranges: the list is empty; give 1 to 64 entries"},
      {linux_rule(R"("type":"ip-range","ranges":"10.0.0.0/8")"),
       "rule 2 (ip-range): ranges: must be a list of texts, not a text"},
      {linux_rule(R"("type":"ip-range","ranges":["10.0.0.1",9])"),
       "rule 2 (ip-range): ranges[1]: 9 must be a text"},
      {linux_rule(R"("type":"ip-range","ranges":["10.0.0.1","10.0.0.300"])"),
       "rule 2 (ip-range): ranges[1]: \"10.0.0.300\" is not a range of addresses; write "
       "10.0.1.0/24, 10.0.2.1-10.0.2.9"},
      {linux_rule(R"("type":"ip-range","ranges":["10.0.0.9-10.0.0.1"])"),
       "ranges[0]: \"10.0.0.9-10.0.0.1\" is not a range"},
      {linux_rule(R"("type":"ip-range","ranges":["10.0.0.0/33"])"),
       "ranges[0]: \"10.0.0.0/33\" is not a range"},
      {linux_rule(R"("type":"ip-range","ranges":["::1","::1"])"),
       "ranges[1]: \"::1\" stands in the list twice"},
      {linux_rule(R"("type":"ip-range","ranges":["::1"],"match":"both")"),
       "rule 2 (ip-range): match: \"both\" is not allowed; it must be one of all, any"},
      {linux_rule(R"("type":"running-process","processes":["sbin/sshd"])"),
       "rule 2 (running-process): processes[0]: \"sbin/sshd\" must be a process's name alone, such as sshd, or the "},
      {linux_rule(R"("type":"running-process","processes":[""])"),
       "processes[0]: must not be empty"},
      {linux_rule(R"("type":"running-process","processes":[" a"])"),
       "processes[0]: \" a\" begins or ends with a space"},
      {linux_rule(R"("type":"running-process","processes":["a\u0007"])"),
       "processes[0]: must be UTF-8 text without control"},
      {linux_rule(R"("type":"running-process","processes":[")" + std::string(256, 'x') + "\"]"),
       "has 256 bytes, allowed are 255"},
      {linux_rule(R"("type":"file","paths":["etc/x"])"),
       "rule 2 (file): paths[0]: \"etc/x\" must be an absolute path such as /etc/x"},
      {linux_rule(R"("type":"file","paths":["/etc/../x"])"),
       "paths[0]: \"/etc/../x\" must be an absolute path"},
      {linux_rule(R"("type":"file","paths":["/etc//x"])"), "paths[0]: \"/etc//x\" must be"},
      {linux_rule(R"("type":"file","paths":["/etc/"])"), "paths[0]: \"/etc/\" must be"},
      {linux_rule(R"("type":"file","paths":["/"])"), "paths[0]: \"/\" must be"},
      {linux_rule(R"("type":"file","paths":["/)" + std::string(480, 'x') + "\"]"),
       "has 481 bytes, allowed are 480"},
      {with_rule(R"({"id":2,"os":"windows","type":"file","paths":["/etc/x"]})"),
       R"(must be an absolute path such as C:\)"},
      {linux_rule(R"("type":"os-version")"), "rule 2 (os-version): versions: is missing"},
      {linux_rule(R"("type":"os-version","versions":["Debian 12"],"op":"=")"),
       "versions: can't stand beside family, op and version"},
      {linux_rule(R"("type":"os-version","versions":["Ubuntu 22.04 LTS"])"),
       "rule 2 (os-version): versions[0]: \"Ubuntu 22.04 LTS\" can't be told apart"},
      {linux_rule(R"("type":"os-version","family":"debian","op":">=")"),
       "version: is missing; a comparison needs family, op and version"},
      {linux_rule(R"("type":"os-version","family":"debian","op":"~","version":"12")"),
       "op: \"~\" is not allowed; it must be one of =, !=, <, <=, >, >="},
      {linux_rule(R"("type":"os-version","family":"debian","op":"=","version":"12b")"),
       "version: \"12b\" must be numbers separated by dots"},
      {linux_rule(R"("type":"os-version","family":"Linux","op":">","version":"6")"),
       "family: \"Linux\" has no version of its own"},
      {linux_rule(R"("type":"os-version","family":"debian","op":"=","version":"12","match":"all")"),
       "match: belongs to versions"},
      {with_rule(
           R"({"id":1,"os":"linux","type":"ems-management"},{"id":1,"os":"windows","type":"ems-management"})"),
       "rules[1]: id: 1 is another rule's already"},
      {R"({"name":"A","logic":"1"})", "logic: \"1\" must be an object"},
      {R"({"name":"A","logic":{"linux":1}})", "logic.linux: 1 must be a text"},
      {R"({"name":"A","logic":{"beos":"1"}})",
       "logic: \"beos\" must be one of linux, windows, macos, ios, android"},
      {R"({"name":"A","logic":{"linux":"1"}})", "logic.linux: there is no rule 1; it has none"},
      {R"({"name":"A","rules":[{"id":1,"os":"linux","type":"ems-management"}],"logic":{"linux":"1 and 3"}})",
       "logic.linux: there is no rule 3; its rules are 1"},
      {R"({"name":"A","rules":[{"id":1,"os":"linux","type":"ems-management"},{"id":2,"os":"macos","type":"ems-management"}],)"
       R"("logic":{"linux":"1 and 2"}})",
       "logic.linux: rule 2 is one of macos, and an endpoint is judged by the rules of its own "
       "system only; its rules are 1"},
      {R"({"name":"A","rules":[{"id":1,"os":"linux","type":"ems-management"}],"logic":{"linux":"1 and ("}})",
       "logic.linux: at character 8: it ends"},
  };
  for (const Case& c : cases) {
    const auto tag = parse_tag_json(c.json);
    ASSERT_FALSE(tag.has_value()) << c.json;
    EXPECT_EQ(tag.error().code, ErrorCode::kInvalidArgument) << c.json;
    EXPECT_THAT(tag.error().message, HasSubstr(c.message)) << c.json.substr(0, 200);
    EXPECT_LT(tag.error().message.size(), 500u);
  }
}

TEST(TagJson, SizesAreBounded) {
  const std::string big(kMaxTagJsonBytes + 1, ' ');
  EXPECT_EQ(parse_tag_json(big).error().code, ErrorCode::kResourceExhausted);

  const std::string deep = R"({"name":"A","rules":)" + std::string(100'000, '[');
  EXPECT_THAT(parse_tag_json(deep).error().message, HasSubstr("not valid JSON"));

  const auto rules = [](std::size_t count) {
    std::string text = R"({"name":"A","rules":[)";
    for (std::size_t i = 1; i <= count; ++i) {
      text += (i > 1 ? "," : "") + (R"({"id":)" + std::to_string(i)) +
              R"(,"os":"linux","type":"ems-management"})";
    }
    return text + "]}";
  };
  EXPECT_TRUE(parse_tag_json(rules(kMaxRules)).has_value());
  EXPECT_THAT(parse_tag_json(rules(kMaxRules + 1)).error().message,
              HasSubstr("rules: there are 101, allowed are 100"));

  const auto list = [](std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i)
      text += (i > 0 ? ",\"" : "\"") + ("p" + std::to_string(i)) + "\"";
    return linux_rule(R"("type":"running-process","processes":[)" + text + "]");
  };
  EXPECT_TRUE(parse_tag_json(list(64)).has_value());
  EXPECT_THAT(parse_tag_json(list(65)).error().message,
              HasSubstr("the list has 65 entries, allowed are 64"));
}

TEST(TagJson, LongAndBrokenTextIsNotEchoedWhole) {
  const auto tag = parse_tag_json(R"({"name":")" + std::string(10'000, 'a') + "\"}");
  ASSERT_FALSE(tag.has_value());
  EXPECT_THAT(tag.error().message, AllOf(HasSubstr("aaa…\""), HasSubstr("is not allowed")));
  EXPECT_LT(tag.error().message.size(), 300u);
}

}  // namespace
}  // namespace postern::posture
