#include "agent/shell/print_facts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace postern::agent {
namespace {

TEST(PrintFacts, WhatStandsInFilesIsNoCommandToATerminal) {
  const posture::FactMap facts{{"os.id", {std::string("debian\x1b[31m\n"), {}, "/etc/os-release\x1b]0;x\x07"}},
                               {"a", {std::vector<std::string>{"x\r", "y"}, {}, "s"}}};
  const std::string table = facts_table(facts);
  EXPECT_EQ(table.find_first_of("\x1b\r\x07"), std::string::npos) << table;
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 2);
  EXPECT_EQ(facts_json(facts).find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace postern::agent
