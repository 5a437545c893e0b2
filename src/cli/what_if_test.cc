// postern what-if, of one tag and of a file of several.
#include <boost/json.hpp>

#include "cli/apply_lab.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

TEST_F(Apply, WhatIfNamesWhoChanges) {
  EXPECT_EQ(lab_.run({"what-if", "-f", lab_.file("t.yaml", kChanged)}), kDone) << lab_.err();
  EXPECT_EQ(lab_.out(),
            "Compliant\n  1 endpoint would gain it: laptop7\n  afterwards 3 endpoints have it, of 0 nobody knows\n");
  EXPECT_EQ(lab_.run({"what-if", "--json", "-f", lab_.file("t.yaml", kChanged)}), kDone);
  EXPECT_EQ(json::parse(lab_.out()), json::parse(kHarmless));
  auto harmful = json::parse(kHarmful).as_object();
  harmful["referring"] = json::parse(kOtherLoses);
  harmful["sessions_cut"] = json::parse(kCut);
  lab_.ems.on("POST tags/what-if", json::serialize(harmful));
  EXPECT_EQ(lab_.run({"what-if", "-f", lab_.file("t.yaml", kChanged)}), kDone) << lab_.err();
  EXPECT_EQ(lab_.out(),
            "Compliant\n  7 endpoints would lose it: laptop7 and 6 more\n  1 endpoint would become unknown\n"
            "  afterwards 1 endpoint has it, of 1 nobody knows\n"
            "  Other would change by it, because it refers to it:\n    1 endpoint would lose it: laptop7\n"
            "    afterwards 0 endpoints have it, of 0 nobody knows\n"
            "  2 live sessions would be cut: laptop7 at PGW1 (2)\n  of the sessions at PGW2 nobody knows: no answer\n"
            "  of the sessions at PGW3 nobody knows: too much would change to ask there\n");
  EXPECT_EQ(saved(), 0u);
}

TEST_F(Apply, WhatIsLostAfterADelayIsNotCutAtOnce) {
  auto harmful = json::parse(kHarmful).as_object();
  harmful["kept_for"] = 5400;
  harmful["sessions_cut"] = json::parse(R"({"total":0,"endpoints":[],"not_answered":["PGW2"],"not_asked":[]})");
  harmful["sessions_cut_later"] = json::parse(R"({"total":2,"endpoints":[{"uid":"7F4704E462E2CF1430D14814C557BD7B","gateway":"PGW1","sessions":2}],
    "not_answered":["PGW2"],"not_asked":[]})");
  lab_.ems.on("POST tags/what-if", json::serialize(harmful));
  EXPECT_EQ(lab_.run({"what-if", "-f", lab_.file("t.yaml", kChanged)}), kDone) << lab_.err();
  EXPECT_EQ(lab_.out(),
            "Compliant\n  7 endpoints would lose it: laptop7 and 6 more\n"
            "    they keep it for 90 min at most, and lose it then (loss_delay)\n  1 endpoint would become unknown\n"
            "  afterwards 1 endpoint has it, of 1 nobody knows\n"
            "  no live session that is known of would be cut at once\n  of the sessions at PGW2 nobody knows: no answer\n"
            "  2 live sessions would be cut when what is lost is kept no longer (loss_delay): laptop7 at PGW1 (2)\n");
}

TEST_F(Apply, WhatIfOfAFileIsOfAllItsTagsTogether) {
  const std::string two = lab_.file("two.yaml", "- name: New\n  rules: [{id: 1, os: linux, type: tag, tags: [Compliant]}]\n- name: Compliant\n");
  would({"New"}, {"Compliant"}, {}, {}, kHarmless, kOtherLoses, kCut);
  lab_.ems.on("POST tags/apply/what-if", lab_.ems.told("POST tags/apply"));
  EXPECT_EQ(lab_.run({"what-if", "-f", two}), kDone) << lab_.err();
  EXPECT_EQ(lab_.out(),
            "New\n  1 endpoint would gain it: laptop7\n  afterwards 3 endpoints have it, of 0 nobody knows\n"
            "Compliant\n  1 endpoint would gain it: laptop7\n  afterwards 3 endpoints have it, of 0 nobody knows\n"
            "Other would change by it, because it refers to one of these:\n  1 endpoint would lose it: laptop7\n"
            "  afterwards 0 endpoints have it, of 0 nobody knows\n"
            "2 live sessions would be cut: laptop7 at PGW1 (2)\nof the sessions at PGW2 nobody knows: no answer\n"
            "of the sessions at PGW3 nobody knows: too much would change to ask there\n");
  const auto asked = lab_.ems.asked("POST tags/apply/what-if");
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(json::parse(asked[0].body).at("tags").as_array().size(), 2u);
  EXPECT_EQ(lab_.run({"--json", "what-if", "-f", two}), kDone);
  EXPECT_EQ(json::parse(lab_.out()), json::parse(lab_.ems.told("POST tags/apply")));
  EXPECT_TRUE(lab_.ems.asked("POST tags/what-if").empty());
  EXPECT_TRUE(lab_.ems.asked("POST tags/apply").empty());
  lab_.ems.refuse("POST tags/apply/what-if", 400, "invalid_argument", "New: rules: there is no tag Nope that they could refer to");
  EXPECT_EQ(lab_.run({"what-if", "-f", two}), kFailed);
  EXPECT_EQ(lab_.err(), "postern: New: rules: there is no tag Nope that they could refer to\n");
}

}  // namespace
}  // namespace postern::cli
