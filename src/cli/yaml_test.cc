#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "cli/yaml_reader.h"
#include "cli/yaml_writer.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

std::string read(std::string_view text) {
  const auto documents = parse_yaml(text);
  if (!documents) return "error: " + documents.error().message;
  std::string out;
  for (const json::value& document : *documents) out += (out.empty() ? "" : " | ") + json::serialize(document);
  return out;
}

TEST(Yaml, TypesAreThoseOfTheCoreSchema) {
  EXPECT_EQ(read("[true, False, TRUE, yes, No, on, y]"), R"([true,false,true,"yes","No","on","y"])");
  EXPECT_EQ(read("[1, -1, +1, 0o17, 0x1F, 007]"), "[1,-1,1,15,31,7]");
  EXPECT_EQ(read("[~, null, Null, nUll]"), R"([null,null,null,"nUll"])");
  EXPECT_EQ(read("a:\nb: ''"), R"({"a":null,"b":""})");
  EXPECT_EQ(read("['12', \"true\", !!str 12, 12:30, 1_000, 2026-11-26, 1.2.3, '']"),
            R"(["12","true","12","12:30","1_000","2026-11-26","1.2.3",""])");
  EXPECT_EQ(read("[1.5, .5, 2e3, 1.]"), "[1.5E0,5E-1,2E3,1E0]");
  EXPECT_EQ(read("a: |\n  two\n  lines\n"), R"({"a":"two\nlines\n"})");
}

TEST(Yaml, DocumentsAndComments) {
  EXPECT_EQ(read("# nothing\n"), "");
  EXPECT_EQ(read("---\na: 1\n---\n---\nb: [x, {c: d}]\n...\n"), R"({"a":1} | {"b":["x",{"c":"d"}]})");
  EXPECT_EQ(read("1: one"), R"({"1":"one"})");  // a key is always a text
}

TEST(Yaml, WhatIsWrongIsToldWithItsPlace) {
  EXPECT_EQ(read("a: 1\na: 2"), "error: line 2, column 1: \"a\" is given twice");
  EXPECT_EQ(read("a: [1, 2"), "error: line 1, column 1: end of sequence flow not found");
  EXPECT_EQ(read("a: !ruby/object x"), "error: line 1, column 4: the tag \"!ruby/object\" is not taken");
  EXPECT_EQ(read("? [a]\n: b"), "error: line 1, column 3: a key has to be a text");
  EXPECT_EQ(read("a: .inf"), "error: line 1, column 4: .inf can't be told in JSON; a text has to be in quotes");
  EXPECT_EQ(read("a: 99999999999999999999"),
            "error: line 1, column 4: the number 99999999999999999999 is too large; a text has to be in quotes");
  EXPECT_TRUE(read("a: \xff\xfe").starts_with("error: ")) << read("a: \xff\xfe");
}

TEST(Yaml, AnchorsAndAliasesAreNotTaken) {
  EXPECT_EQ(read("a: &x 1"), "error: line 1, column 4: anchors (&name) are not taken; write it out");
  EXPECT_EQ(read("a: &x [1]\nb: *x"), "error: line 1, column 4: anchors (&name) are not taken; write it out");
  // The classic: ten lines that stand for gigabytes.
  std::string bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n";
  for (char c = 'b'; c <= 'i'; ++c) {
    bomb += std::string(1, c) + ": &" + c + " [";
    for (int i = 0; i < 9; ++i) bomb += (i > 0 ? ", *" : "*") + std::string(1, static_cast<char>(c - 1));
    bomb += "]\n";
  }
  EXPECT_TRUE(read(bomb).starts_with("error: line 1"));
}

TEST(Yaml, IsBounded) {
  EXPECT_TRUE(read(std::string(100'000, '[')).starts_with("error: ")) << read(std::string(100'000, '['));
  std::string deep;
  for (std::size_t i = 0; i <= kMaxYamlDepth; ++i) deep = "[" + deep + "]";
  EXPECT_NE(read(deep).find("nested deeper"), std::string::npos) << read(deep);
  EXPECT_TRUE(read(std::string(kMaxYamlBytes + 1, ' ')).starts_with("error: has "));
  std::string many = "[";
  for (std::size_t i = 0; i <= kMaxYamlNodes; ++i) many += "1,";
  EXPECT_TRUE(read(many + "]").starts_with("error: there are more than")) << many.size();
}

TEST(Yaml, WhatIsWrittenIsReadBackAsTheSame) {
  for (
      const char* text :
      {R"J({"tags":[{"name":"A","rules":[{"id":1,"os":"linux","paths":["/etc/x","/a b,c"]},{"id":2}],"logic":{"linux":"(1 and 2)"}}]})J",
       R"J({"a":"yes","b":"12","c":"","d":" x","e":"a: b","f":"a #b","g":"- x","h":"null","i":"~","j":"0x1F","k":"1.5"})J",
       R"J({"a":[],"b":{},"c":[[1,2],[]],"d":[{"x":{"y":[{"z":null}]}}],"e":true,"f":1.5,"g":-3,"h":2.0})J",
       R"J({"a":"two\nlines\ttab","b":"\"quoted\" \\ back","c":"\u001b[2J\u0007","d":"ü ✓ 漢","e":"\u2028x","yes":1,"12":2})J",
       R"J({"list":["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","ccccccccccccccccccccc"]})J"}) {
    const json::value value = json::parse(text);
    const std::string yaml = print_yaml(value);
    const auto again = parse_yaml(yaml);
    ASSERT_TRUE(again) << again.error().message << "\n" << yaml;
    ASSERT_EQ(again->size(), 1u) << yaml;
    EXPECT_EQ(again->front(), value) << yaml;
    EXPECT_EQ(yaml.find('\x1b'), std::string::npos);
  }
}

TEST(Yaml, IsWrittenForPeople) {
  EXPECT_EQ(
      print_yaml(json::parse(R"({"tags":[{"name":"Compliant","enabled":true,"message":"Start it, then: go","rules":[
      {"id":1,"paths":["/etc/x","b, c"]},{"id":2,"version":"12"}]}]})")),
      "tags:\n"
      "  - name: Compliant\n"
      "    enabled: true\n"
      "    message: \"Start it, then: go\"\n"
      "    rules:\n"
      "      - id: 1\n"
      "        paths: [/etc/x, \"b, c\"]\n"
      "      - id: 2\n"
      "        version: \"12\"\n");
}

}  // namespace
}  // namespace postern::cli
