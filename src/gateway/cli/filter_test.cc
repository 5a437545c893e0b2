#include "gateway/cli/filter.h"

#include <gmock/gmock.h>

namespace postern::gateway::cli {
namespace {

using testing::HasSubstr;

constexpr std::string_view kSample =
    "config firewall address\n"
    "    edit \"lan\"\n"
    "        set subnet 10.0.1.0 255.255.255.0\n"
    "    next\n"
    "    edit \"servers\"\n"
    "        set comment \"first\nnext\nlast\"\n"
    "        set type iprange\n"
    "    next\n"
    "end\n"
    "config system global\n"
    "    set hostname \"gw1\"\n"
    "    set admin-sport 8443\n"
    "end\n"
    "config firewall access-proxy\n"
    "    edit \"web\"\n"
    "        config api-gateway\n"
    "            edit 1\n"
    "                set url-map \"/lan\"\n"
    "            next\n"
    "        end\n"
    "    next\n"
    "end\n";

std::string filtered(std::string_view line) {
  const auto parts = split_filter(line);
  if (!parts) return "error: " + parts.error().message;
  return parts->filter ? parts->filter->apply(kSample) : std::string(kSample);
}

TEST(Filter, PrintsLinesThatHoldTheText) {
  EXPECT_EQ(filtered("show | grep hostname"), "    set hostname \"gw1\"\n");
  EXPECT_EQ(filtered("show|grep HOSTNAME"), "");
  EXPECT_EQ(filtered("show | grep -i HOSTNAME"), "    set hostname \"gw1\"\n");
  EXPECT_EQ(filtered("show | grep -n \"set hostname\""), "13:    set hostname \"gw1\"\n");
  EXPECT_EQ(filtered("show | grep -c next"), "5\n");
  EXPECT_EQ(filtered("show | grep -vc set"), "18\n");
  EXPECT_EQ(filtered("show | grep -- -i"), "");
  EXPECT_EQ(filtered("show"), kSample);
  EXPECT_EQ(filtered("show \"a|b\""), kSample) << "a bar in quotes is a character";
}

TEST(Filter, PrintsWholeEntriesWithTheirTable) {
  EXPECT_EQ(filtered("show | grep -f 10.0.1.0"),
            "config firewall address\n    edit \"lan\"\n        set subnet 10.0.1.0 255.255.255.0\n    next\nend\n");
  // A text over several lines, with words of the language in it, is one value.
  EXPECT_EQ(filtered("show | grep -f last"),
            "config firewall address\n    edit \"servers\"\n        set comment \"first\nnext\nlast\"\n"
            "        set type iprange\n    next\nend\n");
  EXPECT_EQ(filtered("show | grep -f 8443"),
            "config system global\n    set hostname \"gw1\"\n    set admin-sport 8443\nend\n");
  // What stands deep in an entry brings all of it.
  EXPECT_EQ(filtered("show | grep -fn url-map"),
            "16:config firewall access-proxy\n17:    edit \"web\"\n18:        config api-gateway\n19:            edit 1\n"
            "20:                set url-map \"/lan\"\n21:            next\n22:        end\n23:    next\n24:end\n");
  EXPECT_THAT(filtered("show | grep -fi ADDRESS"), testing::AllOf(HasSubstr("lan"), HasSubstr("servers")))
      << "the table's own line names all of it";
  EXPECT_EQ(filtered("show | grep -fc nothing"), "0\n");
  EXPECT_THAT(filtered("show | grep -fv lan"),
              testing::AllOf(HasSubstr("servers"), HasSubstr("hostname"), testing::Not(HasSubstr("lan"))));
}

TEST(Filter, OtherOutputHasLinesAlone) {
  const auto parts = split_filter("diagnose x | grep -f b");
  ASSERT_TRUE(parts && parts->filter);
  EXPECT_EQ(parts->command, "diagnose x ");
  EXPECT_EQ(parts->filter->apply("a\nb\nab"), "b\nab\n");
  EXPECT_EQ(parts->filter->apply(""), "");
}

TEST(Filter, SaysHowItIsUsed) {
  for (const char* line : {"show | grep", "show | grep -i", "show | grep a b", "show | grep \"\"", "show | grep -v --"}) {
    EXPECT_THAT(filtered(line), HasSubstr("error: usage: <command> | grep [-i]")) << line;
  }
  EXPECT_THAT(filtered("show | sort"), HasSubstr("\"sort\" can't stand behind |"));
  EXPECT_THAT(filtered("show |"), HasSubstr("can't stand behind |"));
  EXPECT_THAT(filtered("show | grep -q x"), HasSubstr("\"-q\" is not an option"));
  EXPECT_THAT(filtered("show | grep \"x"), HasSubstr("a quote is never closed"));
}

}  // namespace
}  // namespace postern::gateway::cli
