// What --help says, as a terminal shows it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/program_lab.h"

namespace postern::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

class Help : public testing::Test {
 protected:
  std::string help(std::vector<std::string> of, std::size_t width) {
    lab_.terminal.looks().width = width;
    of.emplace_back("--help");
    EXPECT_EQ(lab_.run_alone(of), kDone) << lab_.err();
    return lab_.out();
  }
  void expect_golden(const std::string& name, const std::string& text) {
    EXPECT_EQ(text, ProgramLab::golden("postern-help-" + name + ".txt", text));
  }

  ProgramLab lab_;
};

TEST_F(Help, OfTheProgramAndOfCommands) {
  for (const std::size_t width : {80, 120}) expect_golden(std::to_string(width), help({}, width));
  expect_golden("whole", help({}, 0));
  for (const char* command : {"add-destination", "attribute", "change-destination", "classify", "destinations", "devices", "login", "remove-destination", "risks"})
    expect_golden(command, help({command}, 80));
}

TEST_F(Help, FitsTheTerminal) {
  for (const Command& command : all_commands()) {
    for (const std::size_t width : {80, 120}) {
      const std::string text = help({command.name}, width);
      const std::string before = text.substr(0, text.find("Examples:"));  // those are copied, and so never broken
      for (const std::string_view line : split(before, '\n'))
        EXPECT_LE(columns_of(line), width) << command.name << ": " << line;
    }
  }
}

TEST_F(Help, IsInNobodyElsesWords) {
  for (const Command& command : all_commands()) {
    for (const char* word : {"TEXT:", "UINT", "Positionals", "REQUIRED", ":{", "Print this"}) {
      EXPECT_THAT(help({command.name}, 80), Not(HasSubstr(word))) << command.name;
    }
  }
}

TEST_F(Help, SaysHowToBegin) { EXPECT_THAT(help({}, 80), HasSubstr("\nTo begin: postern login URL")); }

TEST_F(Help, NamesTheChoicesAsAPersonWould) {
  EXPECT_THAT(help({"devices"}, 80),
              HasSubstr("--state STATE         Only these: pending, authorised, refused or conflict\n"));
  EXPECT_THAT(help({"login"}, 80), HasSubstr("--role ROLE           What the token may: admin or readonly\n"));
}

TEST_F(Help, SaysThatSeveralNamesAreTaken) {
  EXPECT_THAT(help({"classify"}, 80), HasSubstr("Usage: postern classify [options] ENDPOINT [TAG...]\n"));
}

}  // namespace
}  // namespace postern::cli
