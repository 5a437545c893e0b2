#include "ems/api/api_lab.h"

namespace postern::ems::testing {
namespace {

TEST_F(ApiLab, FeedsAreListedAlsoThoseThatCouldNotBeRead) {
  EXPECT_EQ(get("/api/v1/feeds").at("total"), 0);
  Feed osv{"/feeds/debian.zip", "osv", 41'000, "2026-05-27", clock.now().wall, ""};
  osv.path = osv.name;
  osv.given = true;
  osv.advisories = 12;
  osv.cvss4 = 3;
  osv.bytes = 1234;
  osv.checked_at = clock.now().wall;
  Feed broken{"/feeds/broken.jsonl", "", 0, "", {}, "line 3 is not JSON"};
  broken.given = true;
  broken.failed_at = clock.now().wall;
  core->set_matching(clock.now(), nullptr, {osv, broken});
  settle();
  const Reply reply = read_only("GET", "/api/v1/feeds");
  ASSERT_EQ(reply.items().size(), 2u) << reply.text;
  EXPECT_EQ(reply.items()[0].at("name"), "/feeds/broken.jsonl");
  EXPECT_EQ(reply.items()[0].at("in_use"), false);
  EXPECT_EQ(reply.items()[0].at("kind"), nullptr);
  EXPECT_EQ(reply.items()[0].at("age_s"), nullptr);
  EXPECT_EQ(reply.items()[0].at("error"), "line 3 is not JSON");
  EXPECT_EQ(reply.items()[0].at("failed_at"), "2026-05-28T20:26:40.000Z");
  EXPECT_EQ(reply.items()[1], (json::object{{"name", "/feeds/debian.zip"},
                                            {"kind", "osv"},
                                            {"state", "idle"},
                                            {"fetched_bytes", nullptr},
                                            {"url", nullptr},
                                            {"path", "/feeds/debian.zip"},
                                            {"given", true},
                                            {"interval_s", nullptr},
                                            {"in_use", true},
                                            {"records", 41'000},
                                            {"advisories", 12},
                                            {"marks", 0},
                                            {"not_affected", 0},
                                            {"undetermined", 0},
                                            {"withdrawn", 0},
                                            {"foreign", 0},
                                            {"cvss4", 3},
                                            {"left_out", 0},
                                            {"left_out_example", nullptr},
                                            {"bytes", 1234},
                                            {"data_date", "2026-05-27"},
                                            {"age_s", 160'000},
                                            {"loaded_at", "2026-05-28T20:26:40.000Z"},
                                            {"checked_at", "2026-05-28T20:26:40.000Z"},
                                            {"next_check_at", nullptr},
                                            {"error", nullptr},
                                            {"failed_at", nullptr}}))
      << reply.text;
  for (const char* date : {"2026-05-27T00:00:00Z", "2026-05-27T00:00:00+0000", "2026-05-27T00:00:00.000Z"}) {
    Feed other = osv;
    other.data_date = date;
    core->note_feed(clock.now(), other);
    settle();
    EXPECT_EQ(get("/api/v1/feeds").items()[1].at("age_s"), 160'000) << date;
  }
  const Reply page = get("/api/v1/feeds?limit=1");
  EXPECT_EQ(page.items().size(), 1u);
  EXPECT_EQ(get("/api/v1/feeds?limit=1&cursor=" + page.str("next_cursor")).at("next_cursor"), nullptr);
  EXPECT_EQ(get("/api/v1/feeds?limit=0").code(), "invalid_argument");
  EXPECT_EQ(nobody("GET", "/api/v1/feeds").code(), "unauthenticated");
  // Kept over a restart, and gone once the command line no longer names them.
  restart_all();
  EXPECT_EQ(get("/api/v1/feeds").items().size(), 2u);
  core->set_matching(clock.now(), nullptr, {osv});
  settle();
  EXPECT_EQ(get("/api/v1/feeds").items().size(), 1u);
}

TEST_F(ApiLab, AFeedIsAddedChangedAndRemoved) {
  Reply reply = post("/api/v1/feeds", R"({"name":"kev","url":"https://feeds.example/kev.json"})");
  ASSERT_EQ(reply.status, 201) << reply.text;
  EXPECT_EQ(reply.str("url"), "https://feeds.example/kev.json");
  EXPECT_EQ(reply.at("interval_s"), 21'600);
  EXPECT_EQ(reply.at("in_use"), false);
  EXPECT_EQ(feed_calls, std::vector<std::string>{"changed"});
  EXPECT_EQ(post("/api/v1/feeds", R"({"name":"kev","url":"https://feeds.example/other"})").code(), "already_exists");
  // What was read of it stays when it comes from elsewhere; what the old server called it does not.
  Feed read = *core->feed("kev");
  read.kind = "kev";
  read.records = 7;
  read.loaded_at = read.checked_at = clock.now().wall;
  read.etag = "\"a\"";
  core->note_feed(clock.now(), read);
  settle();
  reply = call("PATCH", "/api/v1/feeds/kev", R"({"path":"/mnt/kev.json","interval_s":300})");
  ASSERT_EQ(reply.status, 200) << reply.text;
  EXPECT_EQ(reply.at("url"), nullptr);
  EXPECT_EQ(reply.str("path"), "/mnt/kev.json");
  EXPECT_EQ(reply.at("interval_s"), 300);
  EXPECT_EQ(reply.at("records"), 7);
  EXPECT_EQ(core->feed("kev")->etag, "");
  // What a worker finds out about the old source is not noted as the new one's.
  core->note_feed(clock.now(), read);
  EXPECT_EQ(core->feed("kev")->etag, "");
  EXPECT_EQ(core->feed("kev")->path, "/mnt/kev.json");
  restart_all();
  EXPECT_EQ(get("/api/v1/feeds/kev").str("path"), "/mnt/kev.json");
  feed_calls.clear();
  EXPECT_EQ(post("/api/v1/feeds/kev/refresh").status, 202);
  EXPECT_EQ(post("/api/v1/feeds/refresh").status, 204);
  EXPECT_EQ(feed_calls, (std::vector<std::string>{"refresh kev", "refresh "}));
  EXPECT_EQ(call("DELETE", "/api/v1/feeds/kev").status, 204);
  EXPECT_EQ(get("/api/v1/feeds/kev").code(), "not_found");
  core->note_feed(clock.now(), read);  // a worker that comes too late
  settle();
  EXPECT_EQ(get("/api/v1/feeds/kev").code(), "not_found");
}

TEST_F(ApiLab, AFeedSaysWhatIsWrongWithIt) {
  const std::pair<const char*, const char*> bad[] = {
      {R"({"name":"a"})", "url or a path"},
      {R"({"name":"a","url":"https://a/","path":"/a"})", "url or a path"},
      {R"({"name":"a/b","url":"https://a/"})", "name"},
      {R"({"name":"a","url":"http://feeds.example/"})", "use https"},
      {R"({"name":"a","url":"https://user:pw@feeds.example/"})", "password"},
      {R"({"name":"a","path":"relative"})", "path"},
      {R"({"name":"a","path":"/a","interval_s":1})", "interval_s"},
      {R"({"name":"a","path":"/a","interval_s":604801})", "interval_s"},
      {R"({"url":"https://a/"})", "name"}};
  for (const auto& [body, says] : bad) {
    const Reply reply = post("/api/v1/feeds", body);
    EXPECT_EQ(reply.status, 400) << body;
    EXPECT_NE(reply.message().find(says), std::string::npos) << reply.text;
  }
  EXPECT_EQ(read_only("POST", "/api/v1/feeds", R"({"name":"a","path":"/a"})").status, 403);
  EXPECT_EQ(call("PATCH", "/api/v1/feeds/none", "{}").code(), "not_found");
  EXPECT_EQ(call("DELETE", "/api/v1/feeds/none").code(), "not_found");
  EXPECT_EQ(post("/api/v1/feeds/none/refresh").code(), "not_found");
  EXPECT_TRUE(core->feeds().empty());
  for (int i = 0; i < 64; ++i) {
    ASSERT_EQ(post("/api/v1/feeds", R"({"name":"f)" + std::to_string(i) + R"(","path":"/a"})").status, 201);
  }
  EXPECT_EQ(post("/api/v1/feeds", R"({"name":"one-more","path":"/a"})").code(), "resource_exhausted");
}

}  // namespace
}  // namespace postern::ems::testing
