#include "gateway/cli/manual.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "base/text.h"

namespace postern::gateway::cli {
namespace {

using testing::HasSubstr;

constexpr const char* kManualPage = POSTERN_SOURCE_DIR "/docs/reference/gateway-configuration.md";

TEST(Manual, PageIsWhatTheSchemaSays) {
  const auto page = config::manual_markdown(config::gateway_schema(), manual_commands());
  if (std::getenv("POSTERN_UPDATE_GOLDEN")) std::ofstream(kManualPage) << page;
  std::ifstream file(kManualPage);
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_TRUE(text.str() == page) << "docs/reference/gateway-configuration.md is not what the schema says; postern-gateway "
                                     "manual --format markdown > docs/reference/gateway-configuration.md";
}

void expect_described(const std::string& page, const config::Table& table) {
  EXPECT_TRUE(table.help.ends_with('.')) << table.name;
  for (const auto& a : table.attributes) {
    SCOPED_TRACE(table.name + " " + a.name);
    EXPECT_THAT(page, HasSubstr("\n| `" + a.name + "` | "));
    EXPECT_TRUE(a.help.ends_with('.') || a.help.ends_with('?'));
    for (const auto& o : a.options) EXPECT_TRUE(o.help.ends_with('.')) << o.name;
  }
  for (const auto& n : table.tables) expect_described(page, n);
}

TEST(Manual, EverythingIsInItAndExplained) {
  const auto page = config::manual_markdown(config::gateway_schema(), manual_commands());
  for (const auto& t : config::gateway_schema().root().tables) {
    EXPECT_THAT(page, HasSubstr("\n## " + t.name + "\n"));
    EXPECT_THAT(page, HasSubstr("\n- REST: `" + config::rest_address(t.name) + "`\n"));
    expect_described(page, t);
  }
  for (const auto& c : manual_commands()) {
    EXPECT_THAT(page, HasSubstr("\n## " + c.words + "\n"));
    EXPECT_TRUE(c.help.ends_with('.') || c.help.ends_with('?')) << c.words;
  }
}

TEST(Manual, LinksLeadToHeadings) {
  const auto page = config::manual_markdown(config::gateway_schema(), manual_commands());
  std::set<std::string> anchors;
  for (const auto line : split(page, '\n')) {
    if (!line.starts_with('#')) continue;
    const auto heading = line.substr(line.find(' ') + 1);
    std::string name;
    for (const char c : to_lower(heading)) {
      if (c == ' ') name += '-';
      else if (std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_') name += c;
    }
    EXPECT_TRUE(anchors.insert(name).second) << "two headings " << heading;
  }
  std::size_t links = 0;
  for (auto at = page.find("](#"); at != page.npos; at = page.find("](#", at + 1), ++links) {
    const auto name = page.substr(at + 3, page.find(')', at) - at - 3);
    EXPECT_TRUE(anchors.contains(name)) << name;
  }
  EXPECT_GT(links, 40u);
}

TEST(Manual, TextFitsATerminal) {
  std::ostringstream out, err;
  ASSERT_EQ(manual_main("text", out, err), 0);
  const std::string text = out.str();
  for (const auto line : split(text, '\n')) EXPECT_LE(line.size(), 100u) << line;
  EXPECT_THAT(text, HasSubstr("\nconfig firewall access-proxy > api-gateway > realservers\n"));
  EXPECT_EQ(manual_main("pdf", out, err), 2);
  EXPECT_EQ(err.str(), "manual: format \"pdf\" is none of markdown, text\n");
}

TEST(Manual, RestAddressesAreThoseOfTheApi) {
  EXPECT_EQ(config::rest_address("firewall vip"), "/api/v2/cmdb/firewall/vip");
  EXPECT_EQ(config::rest_address("firewall service custom"), "/api/v2/cmdb/firewall.service/custom");
  EXPECT_EQ(config::rest_address("endpoint-control fctems"), "/api/v2/cmdb/endpoint-control/fctems");
}

}  // namespace
}  // namespace postern::gateway::cli
