// One name of a list by an address of its own, such as one tag of a policy.
#include <gmock/gmock.h>

#include "gateway/api/api_lab.h"

namespace postern::gateway::api {
namespace {

using testing::HasSubstr;

const std::string kTags = "firewall/policy/1/ztna-ems-tag";

class MembersTest : public ApiLab {
 protected:
  void SetUp() override {
    configure(R"(config firewall policy
edit 1
set srcintf port1
set dstintf port2
set srcaddr all
set dstaddr all
set service ALL
set ztna-status enable
set ztna-ems-tag EMS1_ZTNA_A EMS1_ZTNA_B
set action accept
next
end
)");
  }
  std::string tags() const {
    const auto* policy = store->current()->find({{"firewall policy", "1"}});
    std::string out;
    for (const auto& tag : policy->values.at("ztna-ems-tag")) out += tag.substr(10);
    return out;
  }
};

TEST_F(MembersTest, AListAndItsMembersCanBeRead) {
  const auto list = cmdb("GET", kTags);
  ASSERT_EQ(list.status, 200) << list.text;
  EXPECT_EQ(list.at("/results").as_array().size(), 2u);
  EXPECT_EQ(list.at("/results/1/name"), "EMS1_ZTNA_B");
  const auto one = cmdb("GET", kTags + "/EMS1_ZTNA_B?vdom=root");
  EXPECT_EQ(one.at("/results/0/name"), "EMS1_ZTNA_B");
  EXPECT_EQ(one.at("/mkey"), "EMS1_ZTNA_B");
  EXPECT_EQ(cmdb("GET", kTags + "/EMS1_ZTNA_C").status, 404);
  EXPECT_EQ(cmdb("GET", kTags + "/EMS1_ZTNA_B/x").status, 404);
  EXPECT_EQ(cmdb("GET", "firewall/policy/2/ztna-ems-tag").status, 404);
  EXPECT_EQ(cmdb("GET", "firewall/policy/1/action").status, 404) << "not a list";
}

TEST_F(MembersTest, OneIsAddedAndTakenAwayWithoutAWordAboutTheOthers) {
  const auto added = cmdb("POST", kTags, R"({"name":"EMS1_ZTNA_C"})");
  EXPECT_EQ(added.status, 200) << added.text;
  EXPECT_EQ(added.at("/revision_changed"), true);
  EXPECT_EQ(tags(), "ABC");
  const auto same = cmdb("PUT", kTags + "/EMS1_ZTNA_C", R"({"name":"EMS1_ZTNA_C"})");
  EXPECT_EQ(same.status, 200) << same.text;
  EXPECT_EQ(same.at("/revision_changed"), false);
  EXPECT_EQ(cmdb("DELETE", kTags + "/EMS1_ZTNA_A").at("/revision_changed"), true);
  EXPECT_EQ(tags(), "BC");
  const auto gone = cmdb("DELETE", kTags + "/EMS1_ZTNA_A");
  EXPECT_EQ(gone.status, 404);
  EXPECT_EQ(gone.at("/http_method"), "DELETE");
  EXPECT_EQ(gone.at("/revision_changed"), false);
}

TEST_F(MembersTest, WhatIsRefusedSaysWhyAndChangesNothing) {
  const auto twice = cmdb("POST", kTags, R"({"name":"EMS1_ZTNA_B"})");
  EXPECT_EQ(twice.status, 424);
  EXPECT_EQ(twice.at("/error"), -5);
  const auto wrong = cmdb("POST", kTags, R"({"name":"Z"})");
  EXPECT_EQ(wrong.status, 424);
  EXPECT_THAT(wrong.cli_error(), HasSubstr("firewall policy 1: ztna-ems-tag: \"Z\""));
  EXPECT_THAT(wrong.cli_error(), HasSubstr("allowed: EMS<1..7>_ZTNA_<tag>"));
  for (const char* body : {"", "[]", R"({"name":""})", R"({"name":{}})", R"({"nam":"EMS1_ZTNA_C"})"}) {
    EXPECT_EQ(cmdb("POST", kTags, body).status, 424) << body;
  }
  EXPECT_EQ(cmdb("PUT", kTags + "/EMS1_ZTNA_B", R"({"name":"EMS1_ZTNA_C"})").status, 424);
  EXPECT_EQ(cmdb("PUT", kTags + "/EMS1_ZTNA_C", R"({"name":"EMS1_ZTNA_C"})").status, 404);
  EXPECT_EQ(cmdb("PUT", kTags, "{}").status, 405);
  EXPECT_EQ(cmdb("POST", kTags + "/EMS1_ZTNA_B", "{}").status, 405);
  EXPECT_EQ(cmdb("DELETE", kTags).status, 405);
  const auto unknown = cmdb("POST", "firewall/policy/1/srcaddr", R"({"name":"nobody"})");
  EXPECT_EQ(unknown.status, 424);
  EXPECT_THAT(unknown.cli_error(), HasSubstr("nobody"));
  EXPECT_EQ(tags(), "AB");
}

TEST_F(MembersTest, TheLastOneIsNotTakenBecauseNoneWouldMeanMore) {
  EXPECT_EQ(cmdb("DELETE", "firewall/policy/1/srcaddr/all").status, 424) << "required";
  configure("config firewall vip\nedit web\nset extport 9443\nnext\nend\n"
            "config firewall access-proxy\nedit web\nset vip web\nnext\nend\n"
            "config firewall address\nedit lan\nset subnet 10.0.1.0/24\nnext\nend\n"
            "config firewall proxy-policy\nedit 1\nset access-proxy web\nset srcaddr lan\nnext\nend\n");
  const auto reply = cmdb("DELETE", "firewall/proxy-policy/1/srcaddr/lan");
  EXPECT_EQ(reply.status, 424);
  EXPECT_THAT(reply.cli_error(), HasSubstr("would mean all"));
  EXPECT_EQ(cmdb("GET", "firewall/proxy-policy/1").at("/results/0/srcaddr/0/name"), "lan");
  EXPECT_EQ(cmdb("DELETE", kTags + "/EMS1_ZTNA_A").status, 200);
  const auto last = cmdb("DELETE", kTags + "/EMS1_ZTNA_B");
  EXPECT_EQ(last.status, 424);
  EXPECT_THAT(last.cli_error(), HasSubstr("would ask for no tag; if that is meant: unset ztna-ems-tag"));
  EXPECT_EQ(tags(), "B");
}

}  // namespace
}  // namespace postern::gateway::api
