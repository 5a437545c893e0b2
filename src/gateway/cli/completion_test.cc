#include "gateway/cli/completion.h"

#include <gmock/gmock.h>

namespace postern::gateway::cli {
namespace {

/// The line as Tab leaves it; "?" behind it: candidates are shown.
std::string tabbed(std::string line, const std::vector<std::string>& words) {
  std::vector<Candidate> candidates;
  for (const auto& w : words) candidates.push_back({w, "help"});
  const auto done = complete(line, candidates);
  EXPECT_LE(done.erase, line.size());
  line.resize(line.size() - done.erase);
  return line + done.insert + (done.list.empty() ? "" : "?");
}

TEST(Completion, InsertsWhatIsCertain) {
  EXPECT_EQ(tabbed("conf", {"config"}), "config ");
  EXPECT_EQ(tabbed("config ", {"firewall"}), "config firewall ");
  EXPECT_EQ(tabbed("e", {"execute", "exit"}), "ex");
  EXPECT_EQ(tabbed("ex", {"execute", "exit"}), "ex?");
  EXPECT_EQ(tabbed("x", {"execute", "exit"}), "x");
  EXPECT_EQ(tabbed("", {"show", "get"}), "?");
  EXPECT_EQ(tabbed("show", {}), "show");
}

TEST(Completion, NeverInsertsAPlaceholder) {
  EXPECT_EQ(tabbed("set hostname ", {"<value>"}), "set hostname ?");
  EXPECT_EQ(tabbed("set hostname a", {"<value>"}), "set hostname a?");
  EXPECT_EQ(tabbed("edit ", {"web", "<name>"}), "edit web ");
  EXPECT_EQ(tabbed("edit x", {"web", "<name>"}), "edit x?");
  EXPECT_EQ(tabbed("verify 1 ", {"[sha256]"}), "verify 1 ?");
}

TEST(Completion, QuotesNamesThatNeedIt) {
  EXPECT_EQ(tabbed("edit m", {"\"my web\"", "other"}), "edit \"my web\" ");
  EXPECT_EQ(tabbed("edit ", {"\"my web\"", "\"my app\""}), "edit \"my ");
  EXPECT_EQ(tabbed("edit \"my ", {"\"my web\"", "\"my app\""}), "edit \"my ?");
  EXPECT_EQ(tabbed("edit \"my w", {"\"my web\"", "\"my app\""}), "edit \"my web\" ");
  EXPECT_EQ(tabbed("edit \"we", {"web"}), "edit \"web\" ");
  EXPECT_EQ(tabbed("edit 'we", {"web"}), "edit 'web' ");
  EXPECT_EQ(tabbed("edit s", {"\"say \\\"x\\\"\""}), "edit \"say \\\"x\\\"\" ");
}

TEST(Completion, CutsNoCharacterInHalf) { EXPECT_EQ(tabbed("edit ", {"aä", "aö"}), "edit a"); }

TEST(Completion, TheLastWordIsFoundBehindQuotes) {
  EXPECT_EQ(last_typed_word("set a \"b c\" d"), "d");
  EXPECT_EQ(last_typed_word("set a \"b c"), "\"b c");
  EXPECT_EQ(last_typed_word("set a "), "");
  EXPECT_EQ(last_typed_word(""), "");
  EXPECT_EQ(last_typed_word("'a\" b"), "'a\" b");
}

}  // namespace
}  // namespace postern::gateway::cli
