// What is said of a command line that can't be understood.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/program_lab.h"

namespace postern::cli {
namespace {

class Misuse : public testing::Test {
 protected:
  std::string error(const std::vector<std::string>& arguments) {
    EXPECT_EQ(lab_.run_alone(arguments), kMisused);
    EXPECT_EQ(lab_.out(), "");
    return lab_.err();
  }

  ProgramLab lab_;
};

TEST_F(Misuse, NamesTheValueAndWhatIsAllowed) {
  for (const char* value : {"0", "x", "-5", "1.5", "1000001", "99999999999999999999", "--all", ""}) {
    EXPECT_EQ(error({"risks", "--limit", value}),
              "postern: --limit: \"" + std::string(value) +
                  "\" is no whole number from 1 to 1000000; see postern risks --help\n");
  }
  EXPECT_EQ(error({"devices", "--state", "odd"}),
            "postern: --state: \"odd\" is not known; write pending, authorised, refused or conflict; see postern "
            "devices --help\n");
  EXPECT_EQ(
      error({"tags", "--kind", "odd"}),
      "postern: --kind: \"odd\" is not known; write security, classification or fabric; see postern tags --help\n");
  EXPECT_EQ(error({"login", "--role", "root", "ems"}),
            "postern: --role: \"root\" is not known; write admin or readonly; see postern login --help\n");
}

TEST_F(Misuse, ARevisionIsAnyNumber) {
  for (const char* value : {"-1", "x", "9223372036854775808"}) {
    EXPECT_EQ(error({"changes", "--after", value}),
              "postern: --after: \"" + std::string(value) +
                  "\" is no whole number from 0 to 9223372036854775807; see postern changes --help\n");
  }
}

TEST_F(Misuse, NamesTheWordThatIsTooMany) {
  EXPECT_EQ(error({"status", "d"}),
            "postern: \"d\" is too many: postern status takes no arguments; see postern status --help\n");
  EXPECT_EQ(error({"tag", "a", "b"}), "postern: \"b\" is too many: postern tag takes TAG; see postern tag --help\n");
  EXPECT_EQ(
      error({"attribute", "a", "b", "c", "d", "e"}),
      "postern: \"d\" is too many: postern attribute takes ENDPOINT [NAME] [VALUE]; see postern attribute --help\n");
  EXPECT_EQ(error({"status", "--odd"}), "postern: there is no option --odd; see postern status --help\n");
  EXPECT_EQ(error({"--odd", "status"}), "postern: there is no option --odd; see postern status --help\n");
  EXPECT_EQ(error({"tag", "--odd"}), "postern: there is no option --odd; see postern tag --help\n");
  EXPECT_EQ(error({"--odd"}), "postern: there is no option --odd; see postern --help\n");
  EXPECT_EQ(error({"odd"}), "postern: there is no command odd; see postern --help\n");
}

TEST_F(Misuse, NamesWhatIsMissing) {
  EXPECT_EQ(error({}), "postern: no command is given; to begin: postern login URL; see postern --help\n");
  EXPECT_EQ(error({"--json"}), "postern: no command is given; to begin: postern login URL; see postern --help\n");
  EXPECT_EQ(error({"tag"}), "postern: TAG is required; see postern tag --help\n");
  EXPECT_EQ(error({"apply"}), "postern: --file FILE is required; see postern apply --help\n");
  EXPECT_EQ(error({"apply", "tags.yaml"}), "postern: --file FILE is required; see postern apply --help\n");
  EXPECT_EQ(error({"risks", "--limit"}), "postern: N is missing behind --limit; see postern risks --help\n");
  EXPECT_EQ(error({"status", "--url"}), "postern: URL is missing behind --url; see postern status --help\n");
}

TEST_F(Misuse, AFlagThatIsSaidToBeOffIsNotOn) {
  EXPECT_EQ(error({"risks", "--all=no"}), "postern: --all takes no value; see postern risks --help\n");
  EXPECT_EQ(error({"deregister", "a", "--yes=no"}), "postern: --yes takes no value; see postern deregister --help\n");
  EXPECT_EQ(error({"status", "--json=no"}), "postern: --json takes no value; see postern status --help\n");
}

TEST_F(Misuse, WritesNothingToTheTerminalButText) {
  EXPECT_EQ(error({"status", "\x1b[2J"}),
            "postern: \" [2J\" is too many: postern status takes no arguments; see postern status --help\n");
  EXPECT_EQ(error({"\x1b[2J"}), "postern: there is no command  [2J; see postern --help\n");
  EXPECT_EQ(error({"--\x1b[2J"}), "postern: there is no option -- [2J; see postern --help\n");
  EXPECT_EQ(error({"risks", "--limit", "\x1b[2J"}),
            "postern: --limit: \" [2J\" is no whole number from 1 to 1000000; see postern risks --help\n");
}

}  // namespace
}  // namespace postern::cli
