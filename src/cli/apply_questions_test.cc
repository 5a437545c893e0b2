// What postern apply asks a person about before it saves, and what a script gets to read instead.
#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "cli/apply_lab.h"

namespace postern::cli {
namespace {

namespace json = boost::json;
using testing::HasSubstr;
using testing::Not;

TEST_F(Apply, WhoeverLosesIsNamedAndAPersonIsAsked) {
  would({}, {"Compliant"}, {}, {}, kHarmful, kOtherLoses, kCut);
  lab_.terminal.looks().interactive = true;
  lab_.terminal.answers = {"n"};
  EXPECT_EQ(apply(kChanged), kFailed);
  EXPECT_THAT(lab_.out(),
              HasSubstr("    7 endpoints would lose it: laptop7 and 6 more\n    1 endpoint would become unknown\n"
                        "    afterwards 1 endpoint has it, of 1 nobody knows\n1 changed\n"
                        "Other would change by it, because it refers to one of these:\n"
                        "  1 endpoint would lose it: laptop7\n"
                        "  afterwards 0 endpoints have it, of 0 nobody knows\n"
                        "2 live sessions would be cut: laptop7 at PGW1 (2)\n"
                        "of the sessions at PGW2 nobody knows: no answer\n"
                        "of the sessions at PGW3 nobody knows: too much would change to ask there\n"));
  EXPECT_EQ(lab_.err(), "nothing was saved\n");
  EXPECT_EQ(saved(), 0u);
  lab_.terminal.answers = {"yes"};
  EXPECT_EQ(apply(kChanged), kDone);
  EXPECT_EQ(saved(), 1u);
  EXPECT_EQ(apply(kChanged, {"--yes"}), kDone);
  EXPECT_EQ(lab_.terminal.questions, "");
  lab_.terminal.looks().interactive = false;
  EXPECT_EQ(apply(kChanged), kDone);  // a script: it has shown it, and goes on
  EXPECT_EQ(saved(), 3u);
}

TEST_F(Apply, ThatOnlyATagWhichRefersLosesIsAskedAboutToo) {
  would({}, {"Compliant"}, {}, {}, kHarmless, kOtherLoses);
  lab_.terminal.looks().interactive = true;
  lab_.terminal.answers = {"n"};
  EXPECT_EQ(apply("name: Compliant"), kFailed);
  EXPECT_THAT(lab_.terminal.questions, HasSubstr("Endpoints lose something"));
  EXPECT_EQ(saved(), 0u);
  would({}, {"Compliant"}, {}, {}, kHarmless, "[]", kCut);
  lab_.terminal.answers = {"n"};
  EXPECT_EQ(apply("name: Compliant"), kFailed);
  EXPECT_EQ(saved(), 0u);
}

TEST_F(Apply, WhoeverGainsIsAskedAboutToo) {
  lab_.terminal.looks().interactive = true;
  constexpr char kOtherGains[] =
      R"([{"name":"Other","gain":{"count":1,"uids":[]},"lose":{"count":0,"uids":[]},"become_unknown":{"count":0,"uids":[]}}])";
  constexpr char kNobody[] =
      R"({"gain":{"count":0,"uids":[]},"lose":{"count":0,"uids":[]},"become_unknown":{"count":0,"uids":[]}})";
  const auto asked = [&](std::vector<std::string> more = {}) {
    const std::size_t before = saved();
    lab_.terminal.answers = {"n"};
    EXPECT_EQ(apply("name: New", more), kFailed);
    EXPECT_EQ(saved(), before);
    return lab_.terminal.questions;
  };
  EXPECT_EQ(asked(), "Endpoints gain tags, which may grant them access. Save all this? [y/N] ");
  would({"New"}, {}, {}, {}, kNobody, kOtherGains);
  EXPECT_EQ(asked(), "Endpoints gain tags, which may grant them access. Save all this? [y/N] ");
  would({"New"}, {}, {}, {}, kHarmful, kOtherGains);
  EXPECT_EQ(asked(), "Endpoints lose something, others gain tags, which may grant them access. Save all this? [y/N] ");
  would({"New"}, {}, {}, {"Compliant"}, kHarmless);
  EXPECT_EQ(asked({"--prune"}), "Tags are deleted, endpoints lose something, others gain tags, which may grant them access. Save "
                                "all this? [y/N] ");
  would({"New"}, {}, {}, {}, kNobody);
  EXPECT_EQ(apply("name: New"), kDone);  // nobody gains or loses: nothing to ask
  EXPECT_EQ(lab_.terminal.questions, "");
  would({"New"}, {});
  lab_.terminal.answers = {"y"};
  EXPECT_EQ(apply("name: New"), kDone);
  EXPECT_EQ(apply("name: New", {"--yes"}), kDone);
  EXPECT_EQ(lab_.terminal.questions, "");
  lab_.terminal.looks().interactive = false;
  EXPECT_EQ(apply("name: New"), kDone);  // a script: it has shown it, and goes on
  EXPECT_EQ(saved(), 4u);
}

TEST_F(Apply, WhoeverMayGetInByWhatUnknownBecomesIsAskedAboutToo) {
  lab_.terminal.looks().interactive = true;
  const auto effect = [](const std::string& more) {
    return R"({"gain":{"count":0,"uids":[]},"lose":{"count":0,"uids":[]},"become_unknown":{"count":0,"uids":[]})" + more + "}";
  };
  const auto asked = [&](const std::string& more) {
    would({}, {"Compliant"}, {}, {}, effect(more).c_str());
    lab_.terminal.questions.clear();
    lab_.terminal.answers = {"n"};
    const int done = apply("name: Compliant");
    EXPECT_EQ(done, lab_.terminal.questions.empty() ? kDone : kFailed);
    return lab_.terminal.questions;
  };
  EXPECT_EQ(asked(R"(,"become_absent":{"count":2,"uids":[]})"),
            "Endpoints of which a tag was unknown are said to lack it, and policies that deny by it let them through. Save all this? "
            "[y/N] ");
  EXPECT_THAT(lab_.out(), HasSubstr("    2 endpoints of which nobody knew would not have it\n"));
  EXPECT_THAT(asked(R"(,"back":true)"), HasSubstr("let them through"));
  EXPECT_THAT(lab_.out(), HasSubstr("told of it again: policies that deny by it let through who does not have it\n"));
  EXPECT_EQ(asked(R"(,"on_unknown_changes":true)"),
            "Policies that deny by a tag make something else of unknown, and may let others through. Save all this? [y/N] ");
  EXPECT_THAT(lab_.out(), HasSubstr("    policies that deny by it would make something else of unknown (on_unknown)\n"));
  EXPECT_EQ(saved(), 0u);
  EXPECT_EQ(asked(R"(,"become_absent":{"count":2,"uids":[]},"gone":true)"), "");  // it counts as unknown for all
  EXPECT_THAT(lab_.out(), Not(HasSubstr("nobody knew")));
  EXPECT_EQ(asked(R"(,"become_absent":{"count":0,"uids":[]},"on_unknown_changes":false,"back":false)"), "");
}

TEST_F(Apply, PruningIsSaidTwice) {
  would({"New"}, {}, {}, {"Compliant"});
  EXPECT_EQ(apply("name: New", {"--prune"}), kFailed);
  EXPECT_THAT(lab_.out(), HasSubstr("- Compliant  deleted\n    2 endpoints would lose it\n"));
  EXPECT_THAT(lab_.err(), HasSubstr("add --yes"));
  EXPECT_EQ(saved(), 0u);
  EXPECT_EQ(apply("name: New", {"--prune", "--yes"}), kDone);
  ASSERT_EQ(saved(), 1u);
  // What was shown is deleted, and not what somebody made since.
  EXPECT_EQ(saves()[0].at("remove"), json::array{"Compliant"});
  EXPECT_FALSE(saves()[0].as_object().contains("prune"));
}

}  // namespace
}  // namespace postern::cli
