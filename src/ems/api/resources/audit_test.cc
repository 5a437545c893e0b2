#include "ems/api/api_lab.h"

namespace postern::ems::testing {
namespace {

std::uint64_t id_of(const json::value& entry) { return Reply::member(entry, "id").to_number<std::uint64_t>(); }

TEST_F(ApiLab, TheAuditLogSaysWhoDidWhat) {
  call("PUT", "/api/v1/profiles/Strict", "{}");
  browse(sign_in(), "DELETE", "/api/v1/profiles/Strict");
  const Reply log = read_only("GET", "/api/v1/audit");
  EXPECT_EQ(log.status, 200) << log.text;
  EXPECT_EQ(log.at("total").to_number<std::size_t>(), log.items().size());
  ASSERT_GE(log.items().size(), 2u);
  const json::array items = log.items();
  EXPECT_EQ(Reply::member(items[0], "action"), "profile.delete");
  EXPECT_EQ(Reply::member(items[0], "object"), "Strict");
  EXPECT_EQ(Reply::member(items[0], "actor"), "admin");
  EXPECT_EQ(Reply::member(items[0], "source"), "192.0.2.7");
  EXPECT_EQ(Reply::member(items[0], "at"), "2026-05-28T20:26:40.000Z");
  bool by_token = false;
  for (const auto& item : items) {
    if (Reply::member(item, "action") != "profile.create") continue;
    by_token = Reply::member(item, "actor") == "token:TOK-ken-of-admin (admin)";
  }
  EXPECT_TRUE(by_token);
  // What failed changed nothing, and is not logged as done.
  disk_full(true);
  call("PUT", "/api/v1/profiles/Never", "{}");
  disk_full(false);
  EXPECT_EQ(get("/api/v1/audit").text.find("Never"), std::string::npos);
}

TEST_F(ApiLab, TheAuditLogIsPagedBackwardsWhileItGrows) {
  for (int i = 0; i < 5; ++i) call("PUT", "/api/v1/profiles/P" + std::to_string(i), "{}");
  const Reply all = get("/api/v1/audit?limit=1000");
  const std::size_t count = all.items().size();
  ASSERT_GE(count, 5u);
  EXPECT_EQ(all.at("next_cursor"), nullptr);

  json::array seen;
  std::string cursor;
  for (std::size_t page = 0; page <= count; ++page) {
    const Reply reply = get("/api/v1/audit?limit=2" + cursor);
    EXPECT_EQ(reply.at("total").to_number<std::size_t>(), count + page);  // one more each time, below
    for (const auto& item : reply.items()) seen.push_back(item);
    if (reply.at("next_cursor").is_null()) break;
    cursor = "&cursor=" + reply.str("next_cursor");
    call("PUT", "/api/v1/profiles/New", "{}");  // an entry more, which must not move the pages
  }
  EXPECT_EQ(seen, all.items());

  const std::uint64_t third = id_of(all.items()[2]);
  const Reply before = get("/api/v1/audit?limit=2&before=" + std::to_string(third));
  ASSERT_EQ(before.items().size(), 2u);
  EXPECT_EQ(before.items()[0], all.items()[3]);
  const Reply on =
      get("/api/v1/audit?limit=2&before=" + std::to_string(third) + "&cursor=" + before.str("next_cursor"));
  ASSERT_FALSE(on.items().empty());
  EXPECT_LT(id_of(on.items()[0]), id_of(before.items()[1]));
  EXPECT_EQ(get("/api/v1/audit?before=1").items(), json::array{});
}

TEST_F(ApiLab, TheAuditLogTakesNoNonsense) {
  // A cursor has one spelling.
  const std::string right = get("/api/v1/audit?limit=1").str("next_cursor");
  EXPECT_EQ(get("/api/v1/audit?cursor=" + right).status, 200);
  for (const std::string& other :
       {right + "=", right + "A", right + "%3D%3D", right.substr(0, right.size() - 1), "+" + right}) {
    const Reply refused = get("/api/v1/audit?cursor=" + other);
    EXPECT_EQ(refused.status, 400) << other;
    EXPECT_NE(refused.message().find("cursor: is not one that this list gave"), std::string::npos) << refused.text;
  }
  for (const char* query :
       {"before=0", "before=-1", "before=x", "limit=0", "limit=1001", "cursor=MTIz", "colour=red"}) {
    EXPECT_EQ(get(std::string("/api/v1/audit?") + query).code(), "invalid_argument") << query;
  }
  EXPECT_EQ(nobody("GET", "/api/v1/audit").code(), "unauthenticated");
  EXPECT_EQ(call("DELETE", "/api/v1/audit").status, 405);
}

}  // namespace
}  // namespace postern::ems::testing
