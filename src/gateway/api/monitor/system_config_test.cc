// Backup, restore and history over REST.
#include <gmock/gmock.h>

#include "base/hex.h"
#include "gateway/api/api_lab.h"
#include "gateway/config/text.h"

namespace postern::gateway::api {
namespace {

using testing::HasSubstr;

class SystemConfigTest : public ApiLab {
 protected:
  LabReply restore(const std::string& text, const std::string& more = "") {
    return monitor("POST", "system/config/restore",
                   R"({"source":"upload","scope":"global","file_content":")" + to_base64(as_bytes(text)) + '"' + more + '}');
  }
  std::string whole() const { return config::print_tree(*store->current()); }
};

TEST_F(SystemConfigTest, ABackupBringsEverythingBack) {
  cmdb("POST", "firewall/vip", R"({"name":"web","extport":8444})");
  const auto backup = monitor("GET", "system/config/backup?scope=global");
  ASSERT_EQ(backup.status, 200);
  EXPECT_THAT(backup.text, testing::AllOf(HasSubstr("# serial: PGW0000000000001\n"), HasSubstr("set extport 8444")));
  EXPECT_EQ(monitor("POST", "system/config/backup", R"({"destination":"file","scope":"global"})").text, backup.text);
  const auto before = whole();
  ASSERT_EQ(cmdb("DELETE", "firewall/vip/web").status, 200);
  const auto reply = restore(backup.text);
  ASSERT_EQ(reply.status, 200) << reply.text;
  EXPECT_EQ(reply.at("/results/config_restored"), true);
  EXPECT_EQ(reply.at("/revision_changed"), true);
  EXPECT_EQ(whole(), before);
}

TEST_F(SystemConfigTest, WhatIsWrongChangesNothing) {
  const auto before = whole();
  const auto backup = monitor("GET", "system/config/backup").text;
  EXPECT_EQ(restore(backup.substr(0, backup.size() - 3)).status, 424);
  EXPECT_EQ(restore("config system global\nset hostname x\nend\n").status, 424);
  const auto wrong = restore("config firewall vip\nedit a\nset extport 0\nset colour red\nnext\nend\n", R"(,"force":true)");
  EXPECT_EQ(wrong.status, 424);
  EXPECT_EQ(wrong.at("/errors/0/line"), 3);
  EXPECT_EQ(wrong.at("/errors/1/line"), 4);
  EXPECT_THAT(wrong.cli_error(), HasSubstr("nothing was changed: line 3: firewall vip a: extport: \"0\""));
  EXPECT_EQ(monitor("POST", "system/config/restore", R"({"source":"upload","file_content":"?"})").status, 400);
  EXPECT_EQ(monitor("POST", "system/config/restore", R"({"source":"usb"})").status, 400);
  EXPECT_EQ(monitor("POST", "system/config/restore", R"({"source":"upload","scope":"vdom","file_content":"eA=="})").status, 400);
  EXPECT_EQ(restore("x", R"(,"force":"yes")").status, 400);
  EXPECT_EQ(whole(), before);
}

TEST_F(SystemConfigTest, HistoryIsListedComparedNamedAndGoneBackTo) {
  const auto start = store->current()->revision();
  const auto first = std::to_string(start + 1), second = std::to_string(start + 2);
  cmdb("POST", "firewall/vip", R"({"name":"web","extport":8444})");
  cmdb("PUT", "firewall/vip/web", R"({"extport":8445})");
  const auto list = monitor("GET", "system/config-revision");
  ASSERT_EQ(list.status, 200);
  const auto& last = list.at("/results/revisions").as_array().back().as_object();
  EXPECT_EQ(last.at("id"), start + 2);
  EXPECT_EQ(last.at("by"), "api");
  EXPECT_EQ(last.at("changed"), "firewall vip web changed");
  EXPECT_EQ(last.at("in_force"), true);
  EXPECT_FALSE(last.at("admin").as_string().empty());
  EXPECT_THAT(std::string(monitor("GET", "system/config-revision/diff?config_id=" + first).at("/results/diff").as_string()),
              HasSubstr("-        set extport 8444\n+        set extport 8445\n"));
  EXPECT_THAT(monitor("GET", "system/config-revision/file?config_id=" + first).text, HasSubstr("set extport 8444"));
  EXPECT_EQ(monitor("POST", "system/config-revision/save", R"({"comments":"good"})").at("/results/config_id"), start + 2);
  EXPECT_EQ(monitor("GET", "system/config-revision/info?config_id=" + second).at("/results/comment"), "good");
  EXPECT_EQ(monitor("POST", "system/config-revision/update-comments", "{\"config_id\":" + first + ",\"comments\":\"old\"}").status, 200);
  EXPECT_EQ(store->revisions().find(start + 1)->author.comment, "old");
  EXPECT_EQ(monitor("POST", "system/config-revision/rollback", "{\"config_id\":" + first + "}").status, 200);
  EXPECT_THAT(shown("firewall vip"), HasSubstr("8444"));
  EXPECT_EQ(monitor("POST", "system/config/restore", R"({"source":"revision","config_id":)" + second + "}").status, 200);
  EXPECT_THAT(shown("firewall vip"), HasSubstr("8445"));
  EXPECT_EQ(monitor("POST", "system/config-revision/delete", "{\"config_ids\":[" + first + "]}").status, 200);
  EXPECT_EQ(store->revisions().find(start + 1), nullptr);
  EXPECT_EQ(monitor("POST", "system/config-revision/delete", "{\"config_ids\":[" + std::to_string(start + 4) + "]}").status, 424);
  EXPECT_EQ(monitor("GET", "system/config-revision/info?config_id=99").status, 404);
  EXPECT_EQ(monitor("GET", "system/config-revision/file").status, 400);
}

TEST_F(SystemConfigTest, WhoMayOnlyLookGetsNoKeys) {
  cmdb("POST", "firewall/vip", R"({"name":"web","extport":8444})");
  const auto id = std::to_string(store->current()->revision());
  configure("config system api-user\nedit tests\nset accprofile super_admin_readonly\nnext\nend\n");
  EXPECT_EQ(monitor("GET", "system/config/backup").status, 403);
  EXPECT_EQ(monitor("GET", "system/config-revision/file?config_id=" + id).status, 403);
  EXPECT_EQ(monitor("POST", "system/config/backup").status, 403);
  EXPECT_EQ(monitor("GET", "system/config-revision").status, 200);
  EXPECT_EQ(monitor("GET", "system/config-revision/diff?config_id=" + id).status, 200);
}

TEST_F(SystemConfigTest, AChangeMayDemandThatNothingChangedMeanwhile) {
  cmdb("POST", "firewall/vip", R"({"name":"web","extport":8444})");
  const auto seen = std::string(cmdb("GET", "firewall/vip/web").at("/revision").as_string());
  ASSERT_EQ(cmdb("PUT", "firewall/vip/web?expected_revision=" + seen, R"({"extport":8445})").status, 200);
  const auto late = cmdb("PUT", "firewall/vip/web?expected_revision=" + seen, R"({"extport":8446})");
  EXPECT_EQ(late.status, 412);
  EXPECT_THAT(late.cli_error(), HasSubstr("was changed by somebody else"));
  EXPECT_EQ(cmdb("DELETE", "firewall/vip/web?expected_revision=" + seen).status, 412);
  EXPECT_THAT(shown("firewall vip"), HasSubstr("8445"));
}

}  // namespace
}  // namespace postern::gateway::api
