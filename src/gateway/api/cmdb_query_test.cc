// What a GET of a list can be narrowed to, and the lists of what there is.
#include <gmock/gmock.h>

#include "gateway/api/api_lab.h"
#include "gateway/api/cmdb_query.h"
#include "gateway/api/monitor/monitor.h"

namespace postern::gateway::api {
namespace {

namespace json = boost::json;
using testing::ElementsAre;
using testing::HasSubstr;

class QueryTest : public ApiLab {
 protected:
  void SetUp() override {
    configure("config firewall vip\nedit b\nset extport 9444\nset comment two\nnext\nedit a\nset extport 9445\nset "
              "comment two\nnext\nedit c\nset extport 443\nset comment one\nnext\nend\n");
  }
  std::vector<std::string> names(const std::string& query) {
    std::vector<std::string> out;
    const auto reply = cmdb("GET", "firewall/vip?" + query);
    EXPECT_EQ(reply.status, 200) << query << reply.text;
    if (reply.status != 200) return out;
    for (const auto& o : reply.at("/results").as_array()) out.emplace_back(o.at("name").as_string());
    return out;
  }
};

TEST_F(QueryTest, NumbersCompareAsNumbers) {
  EXPECT_THAT(names("filter=extport<=9444"), ElementsAre("b", "c"));
  EXPECT_THAT(names("filter=extport<9444"), ElementsAre("c"));
  EXPECT_THAT(names("filter=extport>=9444"), ElementsAre("a", "b"));
  EXPECT_THAT(names("filter=extport>9444"), ElementsAre("a"));
  EXPECT_THAT(names("filter=comment>1"), ElementsAre());
  EXPECT_THAT(names("filter=comment==a==b"), ElementsAre());
}

TEST_F(QueryTest, SortsByOneOrSeveralMembers) {
  EXPECT_THAT(names("sort=extport"), ElementsAre("c", "b", "a"));
  EXPECT_THAT(names("sort=extport,desc"), ElementsAre("a", "b", "c"));
  EXPECT_THAT(names("sort=comment,dsc,name"), ElementsAre("a", "b", "c"));
  EXPECT_THAT(names("sort=comment,name,desc"), ElementsAre("c", "b", "a"));
  EXPECT_THAT(names("sort=extport&count=1&start=1"), ElementsAre("b"));
  EXPECT_THAT(names("start=9"), ElementsAre());
  for (const char* query : {"sort=", "sort=no-such", "sort=desc", "sort=name,,comment", "filter==x", "filter=<1"}) {
    EXPECT_EQ(cmdb("GET", std::string("firewall/vip?") + query).status, 400) << query;
  }
  EXPECT_EQ(cmdb("GET", "firewall/vip?sort=extport&format=comment").at("/results/0").as_object().size(), 1u);
}

TEST_F(QueryTest, WhatHasNoMeaningHereDoesNoHarm) {
  EXPECT_THAT(names("datasource=1&with_meta=1&skip=1&vdom=root"), ElementsAre("a", "b", "c"));
}

TEST_F(QueryTest, MonitorsCanBeNarrowedToo) {
  configure("config endpoint-control fctems\nedit 1\nset server ems.example\nnext\nend\n");
  const auto all = monitor("GET", "endpoint-control/ems/status");
  const auto none = monitor("GET", "endpoint-control/ems/status?filter=ems_name==nobody");
  ASSERT_EQ(none.status, 200) << none.text;
  EXPECT_TRUE(none.at("/results").as_array().empty());
  EXPECT_EQ(none.at("/size"), all.at("/results").as_array().size());
  const auto short_one = monitor("GET", "endpoint-control/ems/status?ems_id=1&format=ems_name|ems_status");
  EXPECT_EQ(short_one.at("/results").as_object().size(), 2u);
  EXPECT_EQ(monitor("GET", "endpoint-control/ems/status?filter=nonsense").status, 400);
  EXPECT_EQ(monitor("POST", "endpoint-control/ems/verify-cert?filter=a==b", "{}").status, 400);
}

TEST_F(QueryTest, GlobalAndAllDomainsAnswerAsAList) {
  EXPECT_EQ(cmdb("GET", "firewall/vip/a?global=1").at("/0/results/0/name"), "a");
  EXPECT_EQ(cmdb("PUT", "firewall/vip/a?global=1", R"({"extport":"9446"})").at("/0/revision_changed"), true);
  EXPECT_EQ(cmdb("PUT", "firewall/vip/a?vdom=*", R"({"extport":9446})").at("/0/revision_changed"), false);
  EXPECT_EQ(cmdb("DELETE", "firewall/vip/nobody?global=1").at("/0/http_status"), 404);
  EXPECT_EQ(monitor("GET", "system/status?global=1").at("/0/results/hostname"), "machine");
  EXPECT_TRUE(cmdb("GET", "firewall/vip?global=0").body.is_object());
}

TEST_F(QueryTest, OfOneFilterOneConditionIsEnoughAndAllFiltersCount) {
  EXPECT_THAT(names("filter=name==a,name==c"), testing::UnorderedElementsAre("a", "c"));
  EXPECT_THAT(names("filter=name==a,name==c&filter=comment==two"), ElementsAre("a"));
  EXPECT_THAT(names("filter=name==a&filter=name==c"), ElementsAre());
  const auto wrong = cmdb("GET", "firewall/vip?filter=name==a&filter=colour==red");
  EXPECT_EQ(wrong.status, 400);
  EXPECT_THAT(wrong.cli_error(), HasSubstr("\"colour\" is not a member of firewall vip"));
}

TEST_F(QueryTest, WhatThereIsCanBeListed) {
  for (const char* at : {"/api/v2/cmdb", "/api/v2/cmdb/", "/api/v2/cmdb?action=schema"}) {
    const auto reply = ask("GET", at);
    ASSERT_EQ(reply.status, 200) << at;
    std::set<std::string> uris;
    for (const auto& table : reply.at("/results").as_array()) uris.emplace(table.at("uri").as_string());
    EXPECT_EQ(uris.size(), config::gateway_schema().root().tables.size());
    EXPECT_TRUE(uris.contains("/api/v2/cmdb/firewall.service/custom"));
    for (const auto& uri : uris) EXPECT_EQ(ask("GET", uri).status, 200) << uri;
  }
  const auto monitors = ask("GET", "/api/v2/monitor");
  EXPECT_EQ(monitors.at("/results").as_array().size(), all_monitors().size());
  EXPECT_EQ(ask("GET", "/api/v2/cmdb", "", {}).status, 401);
  EXPECT_EQ(ask("POST", "/api/v2/cmdb", "{}").status, 405);
  EXPECT_EQ(ask("GET", "/api/v2/cmdb?action=delete").status, 400);
}

TEST_F(QueryTest, NullSaysNothing) {
  const auto put = cmdb("PUT", "firewall/vip/a", R"({"extport":9450,"comment":null,"no-such-thing":null})");
  EXPECT_EQ(put.status, 200) << put.text;
  EXPECT_EQ(cmdb("GET", "firewall/vip/a").at("/results/0/comment"), "two");
  EXPECT_EQ(cmdb("GET", "firewall/vip/a").at("/results/0/extport"), "9450");
  EXPECT_EQ(cmdb("DELETE", "firewall/vip/c", "null").at("/revision_changed"), true);
  EXPECT_EQ(cmdb("PUT", "firewall/vip/b", "null").at("/revision_changed"), false);
  EXPECT_EQ(cmdb("PUT", "firewall/vip/b", "\"\"").at("/revision_changed"), false);
  EXPECT_EQ(cmdb("PUT", "firewall/vip/b", "\"x\"").status, 400);
}

}  // namespace
}  // namespace postern::gateway::api
