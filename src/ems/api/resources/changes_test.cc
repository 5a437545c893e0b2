#include "ems/api/api_lab.h"
#include "ems/api/services.h"

namespace postern::ems::testing {
namespace {

std::uint64_t number(const json::value& value) { return value.to_number<std::uint64_t>(); }

class Changes : public ApiLab {
 protected:
  void save_profile(const std::string& name) { ASSERT_EQ(call("PUT", "/api/v1/profiles/" + name, "{}").status, 200); }
  std::string here() const { return std::to_string(core->revision()); }
  std::shared_ptr<Reply> poll(const std::string& query) {
    auto r = request("GET", "/api/v1/changes?" + query);
    r.headers.add("Authorization", "Bearer " + admin_token);
    auto reply = begin(std::move(r));
    settle();
    return reply;
  }
};

TEST_F(Changes, EveryChangeIsListedOnceInOrder) {
  const std::string start = here();
  for (const char* name : {"A", "B", "C"}) save_profile(name);
  std::vector<std::string> keys;
  std::string after = start;
  for (int page = 0; page < 5; ++page) {
    const Reply reply = read_only("GET", "/api/v1/changes?limit=1&after=" + after);
    EXPECT_EQ(number(reply.at("revision")), core->revision());
    if (reply.items().empty()) break;
    const json::value item = reply.items()[0];
    EXPECT_EQ(Reply::member(item, "kind"), "profile");
    EXPECT_EQ(Reply::member(Reply::member(item, "change"), "event"), "added");
    EXPECT_EQ(Reply::member(item, "revision"), reply.at("next_after"));
    keys.emplace_back(Reply::member(item, "key").get_string());
    after = std::to_string(number(reply.at("next_after")));
  }
  EXPECT_EQ(keys, (std::vector<std::string>{"A", "B", "C"}));
  // The same by cursor.
  const Reply first = get("/api/v1/changes?limit=2&after=" + start);
  const Reply rest = get("/api/v1/changes?limit=2&after=" + start + "&cursor=" + first.str("next_cursor"));
  ASSERT_EQ(rest.items().size(), 1u);
  EXPECT_EQ(Reply::member(rest.items()[0], "key"), "C");
  EXPECT_EQ(rest.at("next_cursor"), nullptr);
  // Of one key; and what other keys did counts as seen.
  const Reply b = get("/api/v1/changes?key=B&after=" + start);
  ASSERT_EQ(b.items().size(), 1u);
  EXPECT_EQ(number(b.at("next_after")), core->revision());
  // From the very beginning.
  EXPECT_EQ(number(get("/api/v1/changes").items()[0].at("revision")), 1u);
}

TEST_F(Changes, APollIsAnsweredByTheNextCommit) {
  const auto reply = poll("wait=30&after=" + here());
  EXPECT_EQ(reply->status, 0);
  save_profile("New");
  EXPECT_EQ(reply->status, 200);
  ASSERT_EQ(reply->items().size(), 1u) << reply->text;
  EXPECT_EQ(Reply::member(reply->items()[0], "key"), "New");
  // What is there already is not waited for.
  EXPECT_EQ(poll("wait=30&after=0")->status, 200);
  pass(std::chrono::seconds(60));  // the timer of the answered one is gone: it would answer twice
}

TEST_F(Changes, APollEndsEmptyWhenItsTimeIsOver) {
  const std::string start = here();
  const auto reply = poll("wait=30&after=" + start);
  pass(std::chrono::seconds(29));
  EXPECT_EQ(reply->status, 0);
  pass(std::chrono::seconds(1));
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->items().size(), 0u);
  EXPECT_EQ(number(reply->at("next_after")), std::stoull(start));
  save_profile("Later");  // nobody waits any more
  EXPECT_EQ(reply->items().size(), 0u);
}

TEST_F(Changes, APollOfOneKeySleepsThroughOthers) {
  const auto reply = poll("wait=30&key=Mine&after=" + here());
  save_profile("Other");
  save_profile("Another");
  EXPECT_EQ(reply->status, 0);
  save_profile("Mine");
  EXPECT_EQ(reply->status, 200);
  ASSERT_EQ(reply->items().size(), 1u);
  EXPECT_EQ(Reply::member(reply->items()[0], "key"), "Mine");
  const auto never = poll("wait=30&key=Never&after=" + here());
  save_profile("Other2");
  pass(std::chrono::seconds(30));
  EXPECT_EQ(never->status, 200);
  EXPECT_EQ(number(never->at("next_after")), core->revision());
}

TEST_F(Changes, ACommitThatFailedWakesNobody) {
  const auto reply = poll("wait=30&after=" + here());
  disk_full(true);
  EXPECT_EQ(call("PUT", "/api/v1/profiles/Never", "{}").status, 507);
  EXPECT_EQ(reply->status, 0);
  disk_full(false);
  save_profile("Stored");
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->text.find("Never"), std::string::npos);
}

TEST_F(Changes, OnlySoManyWaitAndTheirPlacesComeFree) {
  const std::string query = "wait=30&after=" + here();
  std::vector<std::shared_ptr<Reply>> waiting;
  for (std::size_t i = 0; i < api::kMaxWaiting; ++i) waiting.push_back(poll(query));
  const auto refused = poll(query);
  EXPECT_EQ(refused->status, 429);
  EXPECT_EQ(refused->code(), "resource_exhausted");
  EXPECT_NE(refused->header("Retry-After"), "");
  EXPECT_EQ(get("/api/v1/changes?after=" + here()).status, 200);  // without waiting
  save_profile("New");
  for (const auto& reply : waiting) EXPECT_EQ(reply->status, 200);
  const std::string next = "wait=30&after=" + here();
  const auto timed = poll(next);
  EXPECT_EQ(timed->status, 0);
  pass(std::chrono::seconds(30));
  for (std::size_t i = 0; i < api::kMaxWaiting; ++i) EXPECT_EQ(poll(next)->status, 0) << i;
}

TEST_F(Changes, AnEmsThatGoesAwayAnswersThoseWhoWait) {
  const auto reply = poll("wait=30&after=" + here());
  restart_all();
  EXPECT_EQ(reply->status, 503);
  EXPECT_EQ(reply->code(), "unavailable");
}

TEST_F(Changes, WhatTheLogDoesNotHaveIsSaid) {
  const Reply future = get("/api/v1/changes?wait=30&after=" + std::to_string(core->revision() + 1));
  EXPECT_EQ(future.code(), "not_found");
  save_profile("Old");
  ASSERT_TRUE(store.prune(clock.now().wall + Seconds(1), WallTime{}, 1'000'000));
  const Reply past = get("/api/v1/changes?after=0");
  EXPECT_EQ(past.code(), "not_found");
  EXPECT_NE(past.message().find("go on from revision " + here()), std::string::npos);
  EXPECT_EQ(get("/api/v1/changes?after=" + here()).status, 200);
  for (const char* query : {"after=-1", "after=x", "wait=61", "limit=0", "cursor=MTIz", "colour=red"}) {
    EXPECT_EQ(get(std::string("/api/v1/changes?") + query).code(), "invalid_argument") << query;
  }
  EXPECT_EQ(nobody("GET", "/api/v1/changes").code(), "unauthenticated");
}

}  // namespace
}  // namespace postern::ems::testing
