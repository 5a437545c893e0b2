// Feeds from a real server on this machine's loopback, into a real core.
#include "ems/shell/feed_service.h"

#include <gmock/gmock.h>

#include <fstream>

#include "base/file.h"
#include "ems/feeds/store.h"
#include "ems/shell/feed_service_lab.h"
#include "net/one_answer_lab.h"

namespace postern::ems::testing {
namespace {

namespace fs = std::filesystem;

TEST_F(FeedServiceTest, AFeedIsFetchedAndABrokenOneNeverTakesItsPlace) {
  TestAgent agent;
  join_with_inventory(agent);
  start();
  net::HttpHeaders headers;
  headers.add("ETag", "\"one\"");
  headers.add("Last-Modified", "Mon, 25 Aug 2025 12:00:00 GMT");
  serve(advisory("CVE-2024-0001", "2"), 200, headers);
  add("osv", url());
  EXPECT_EQ(core->feed("osv")->state, FeedState::kFetching);
  until([&] { return settled() && core->feed("osv")->in_use(); });
  EXPECT_EQ(fixed(agent), "2");
  EXPECT_EQ(core->feed("osv")->kind, "osv");
  EXPECT_EQ(core->feed("osv")->records, 1u);
  EXPECT_EQ(core->feed("osv")->etag, "\"one\"");
  EXPECT_GT(core->feed("osv")->next_check, clock.now().wall + Seconds(5 * 3600));
  const auto loaded = core->feed("osv")->loaded_at;

  const std::string packed = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\x56";  // the beginning of a gzip
  const struct {
    std::string body;
    int status;
    const char* says;
  } broken[] = {{"<html>sign in first</html>\n", 200, "no OSV record"},
                {packed, 200, "truncated"},
                {"", 200, "the file is empty"},
                {"not there", 404, "status 404"},
                {"busy", 503, "status 503"},
                {std::string(2u << 20, 'x'), 200, "larger than the limit"}};
  for (const auto& b : broken) {
    serve(b.body, b.status);
    const auto& feed = again("osv");
    EXPECT_EQ(feed.state, FeedState::kFailed) << b.says;
    EXPECT_NE(feed.error.find(b.says), std::string::npos) << feed.error;
    EXPECT_NE(feed.error.find("stays in use"), std::string::npos) << feed.error;
    EXPECT_EQ(feed.failed_at, clock.now().wall);
    EXPECT_EQ(feed.loaded_at, loaded);
    EXPECT_EQ(feed.records, 1u);
    EXPECT_EQ(fixed(agent), "2");
    EXPECT_EQ(requests.back().headers.find("If-None-Match") == nullptr ? "" : *requests.back().headers.find("If-None-Match"),
              "\"one\"");
  }
  hang = true;
  EXPECT_NE(again("osv").error.find("nothing came"), std::string::npos);
  hang = false;
  EXPECT_EQ(fixed(agent), "2");

  serve("", 304);
  EXPECT_EQ(again("osv").error, "");
  EXPECT_EQ(core->feed("osv")->state, FeedState::kIdle);
  EXPECT_EQ(core->feed("osv")->loaded_at, loaded);
  EXPECT_EQ(core->feed("osv")->checked_at, clock.now().wall);

  serve(advisory("CVE-2024-0001", "3"));
  EXPECT_EQ(again("osv").error, "");
  EXPECT_EQ(core->feed("osv")->loaded_at, clock.now().wall);
  EXPECT_EQ(core->feed("osv")->etag, "");
  EXPECT_EQ(fixed(agent), "3");
  EXPECT_TRUE(std::ranges::none_of(fs::directory_iterator(dir / "feeds"),
                                   [](const auto& e) { return e.path().extension() == ".part"; }));
}

TEST_F(FeedServiceTest, AnAnswerWhoseEndNobodyToldMayHaveBeenCut) {
  start();
  // It ends at the end of a line: nothing in it tells that there was more.
  net::OneAnswer other("HTTP/1.0 200 OK\r\n\r\n" + advisory("CVE-2024-0001", "2"));
  add("osv", "http://127.0.0.1:" + std::to_string(other.port()) + "/feed");
  until([&] { return settled() && core->feed("osv")->state == FeedState::kFailed; });
  EXPECT_FALSE(core->feed("osv")->in_use());
  EXPECT_NE(core->feed("osv")->error.find("doesn't say how long its answer is"), std::string::npos) << core->feed("osv")->error;
}

TEST_F(FeedServiceTest, NothingHasChangedIsNoAnswerToWhoHasNothing) {
  start();
  net::HttpHeaders headers;
  headers.add("ETag", "\"one\"");
  serve("", 304, headers);
  add("osv", url());
  until([&] { return settled() && !core->feed("osv")->error.empty(); });
  for (int i = 0; i < 2; ++i) {
    const auto& feed = i == 0 ? *core->feed("osv") : again("osv");
    EXPECT_EQ(feed.state, FeedState::kFailed);
    EXPECT_NE(feed.error.find("status 304"), std::string::npos) << feed.error;
    EXPECT_EQ(feed.checked_at, WallTime());
    EXPECT_EQ(feed.etag, "");
    EXPECT_EQ(requests.back().headers.find("If-None-Match"), nullptr);
    EXPECT_EQ(requests.back().headers.find("If-Modified-Since"), nullptr);
  }
  serve(advisory("CVE-2024-0001", "2"));  // in use, without anything to ask by
  EXPECT_EQ(again("osv").error, "");
  serve("", 304);
  EXPECT_NE(again("osv").error.find("stays in use"), std::string::npos);
  serve(advisory("CVE-2024-0001", "2"), 200, headers);
  EXPECT_EQ(again("osv").error, "");
  serve("", 304);
  EXPECT_EQ(again("osv").error, "");
}

TEST_F(FeedServiceTest, AfterARestartWhatWasReadIsInForceWithoutANetwork) {
  TestAgent agent;
  join_with_inventory(agent);
  start();
  serve(advisory("CVE-2024-0001", "2"));
  add("osv", url());
  until([&] { return settled() && core->feed("osv")->in_use(); });
  const auto loaded = core->feed("osv")->loaded_at;
  const auto asked = requests.size();
  service.reset();
  restart();
  server.reset();
  start();
  EXPECT_EQ(fixed(agent), "2");
  EXPECT_EQ(core->feed("osv")->loaded_at, loaded);
  EXPECT_EQ(requests.size(), asked);  // its time has not come
  clock.advance(Seconds(8 * 3600));
  service->tick();
  until([&] { return settled() && core->feed("osv")->failed_at == clock.now().wall; });
  EXPECT_NE(core->feed("osv")->error.find("stays in use"), std::string::npos) << core->feed("osv")->error;
  EXPECT_EQ(fixed(agent), "2");
  // And soon again, but not at once.
  EXPECT_GE(core->feed("osv")->next_check, clock.now().wall + Seconds(54));
  EXPECT_LE(core->feed("osv")->next_check, clock.now().wall + Seconds(66));
}

TEST_F(FeedServiceTest, LooksAgainWhenItsTimeHasComeAndNotBefore) {
  start();
  serve(advisory("CVE-2024-0001", "2"));
  add("osv", url());
  until([&] { return settled() && core->feed("osv")->in_use(); });
  ASSERT_EQ(requests.size(), 1u);
  clock.advance(Seconds(5 * 3600));
  service->tick();
  EXPECT_TRUE(settled());
  clock.advance(Seconds(2 * 3600));
  service->tick();
  EXPECT_EQ(core->feed("osv")->state, FeedState::kFetching);
  until([&] { return settled(); });
  EXPECT_EQ(requests.size(), 2u);
}

TEST_F(FeedServiceTest, ASourceThatHardlySendsAnythingIsGivenUp) {
  start();
  serve(advisory("CVE-2024-0001", "2"));
  add("osv", url());
  until([&] { return settled() && core->feed("osv")->in_use(); });
  hang = true;
  clock.advance(Seconds(7 * 3600));
  service->tick();
  clock.advance(Seconds(119));
  service->tick();
  EXPECT_EQ(core->feed("osv")->state, FeedState::kFetching);
  clock.advance(Seconds(1));
  service->tick();
  EXPECT_EQ(core->feed("osv")->state, FeedState::kFailed);
  EXPECT_NE(core->feed("osv")->error.find("sends less than 1024 bytes a second; given up after 0 bytes; what was read before stays in use"),
            std::string::npos)
      << core->feed("osv")->error;
  EXPECT_LE(core->feed("osv")->next_check, clock.now().wall + Seconds(66));
  EXPECT_TRUE(core->feed("osv")->in_use());
}

TEST_F(FeedServiceTest, IsSentOnToAnotherAddressAFewTimes) {
  start();
  net::HttpHeaders there;
  there.add("Location", "/elsewhere");
  serve("", 302, there);
  add("osv", url());
  until([&] { return settled() && !core->feed("osv")->error.empty(); });
  EXPECT_NE(core->feed("osv")->error.find("too often"), std::string::npos) << core->feed("osv")->error;
  EXPECT_EQ(requests.size(), 6u);
  EXPECT_EQ(requests.back().path, "/elsewhere");
  net::HttpHeaders away;
  away.add("Location", "http://feeds.example/");
  serve("", 301, away);
  EXPECT_NE(again("osv").error.find("use https"), std::string::npos) << core->feed("osv")->error;
}

TEST_F(FeedServiceTest, FilesAndDirectoriesOfTheCommandLineAreReadAgainWhenAsked) {
  TestAgent agent;
  join_with_inventory(agent);
  write("given/one", advisory("CVE-2024-0001", "2"));
  write("alone", "cve,epss,percentile\nCVE-2024-0001,0.5,0.5\n");
  start({dir / "given", dir / "alone"});
  ASSERT_EQ(core->feeds().size(), 2u);
  EXPECT_EQ(core->feeds()[0]->name, (dir / "alone").string());
  EXPECT_EQ(core->feeds()[0]->kind, "epss");
  EXPECT_TRUE(core->feeds()[1]->given);
  EXPECT_EQ(fixed(agent), "2");
  // A broken file changes nothing, also not over a restart; the others go on.
  write("given/one", "rubbish");
  write("alone", "cve,epss,percentile\nCVE-2024-0001,0.75,0.5\n");
  clock.advance(Seconds(1));
  service->refresh("");
  until([&] { return settled() && core->feeds()[1]->failed_at == clock.now().wall; });
  EXPECT_EQ(fixed(agent), "2");
  EXPECT_EQ((*core->findings(agent.uid()))[0].note->epss, 7500);
  service.reset();
  restart();
  start({dir / "given", dir / "alone"});
  EXPECT_EQ(fixed(agent), "2");
  EXPECT_NE(core->feeds()[1]->error.find("stays in use"), std::string::npos);
  // A file that is taken out of the directory is a feed less.
  write("given/two", advisory("CVE-2024-0001", "3"));
  fs::remove(dir / "given/one");
  clock.advance(Seconds(1));
  service->refresh("");
  until([&] { return settled() && core->feeds().size() == 2 && core->feeds()[1]->name == (dir / "given/two").string() && core->feeds()[1]->in_use(); });
  EXPECT_EQ(fixed(agent), "3");
  // The next start names none.
  service.reset();
  restart();
  start();
  EXPECT_TRUE(core->feeds().empty());
  EXPECT_TRUE(fs::is_empty(dir / "feeds"));
}

TEST_F(FeedServiceTest, AFeedThatIsRemovedSaysNothingAnyMore) {
  TestAgent agent;
  join_with_inventory(agent);
  write("file", advisory("CVE-2024-0001", "2"));
  start();
  add("osv", (dir / "file").string());
  until([&] { return settled() && core->feed("osv")->in_use(); });
  EXPECT_EQ(fixed(agent), "2");
  core->remove_feed(clock.now(), admin, "osv", nullptr);
  run();
  service->changed();
  until([&] { return !core->findings(agent.uid()); });
  EXPECT_EQ(core->findings(agent.uid()).error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(fs::is_empty(dir / "feeds"));
}

TEST_F(FeedServiceTest, AnotherKindNeverTakesAFeedsPlace) {
  constexpr const char* kScores = "cve,epss,percentile\nCVE-2024-0001,0.5,0.5\n";
  TestAgent agent;
  join_with_inventory(agent);
  write("given", advisory("CVE-2024-0001", "1.5"));
  start({dir / "given"});
  serve(advisory("CVE-2024-0001", "2"));
  add("osv", url());
  until([&] { return settled() && core->feed("osv")->in_use(); });
  const auto loaded = core->feed("osv")->loaded_at;
  const auto known = fixed(agent);
  const auto refused = [&](const std::string& name) {
    const auto& feed = *core->feed(name);
    EXPECT_EQ(feed.state, FeedState::kFailed);
    EXPECT_EQ(feed.error, "feed " + name +
                              ": it was osv, and is epss now: give the feed's own file, or delete the feed and add it anew; "
                              "what was read before stays in use");
    EXPECT_EQ(feed.kind, "osv");
    EXPECT_EQ(feed.records, 1u);
    EXPECT_EQ(feed.loaded_at, loaded);
    EXPECT_EQ(fixed(agent), known);
  };
  serve(kScores);
  again("osv");
  refused("osv");
  write("given", kScores);
  again((dir / "given").string());
  refused((dir / "given").string());
  // What it was is known after a restart, and where another address gives it.
  service.reset();
  restart();
  start({dir / "given"});
  refused((dir / "given").string());
  again("osv");
  refused("osv");
  add("osv", url("/new"));
  until([&] { return settled() && requests.back().path == "/new"; });
  refused("osv");
  // Its own is taken again.
  serve(advisory("CVE-2024-0001", "3"));
  EXPECT_EQ(again("osv").error, "");
  EXPECT_EQ(core->feed("osv")->loaded_at, clock.now().wall);
  // Added anew it may be anything.
  core->remove_feed(clock.now(), admin, "osv", nullptr);
  run();
  service->changed();
  until([&] { return settled(); });
  serve(kScores);
  add("osv", url());
  until([&] { return settled() && core->feed("osv")->in_use(); });
  EXPECT_EQ(core->feed("osv")->kind, "epss");
  EXPECT_EQ(core->feed("osv")->error, "");
}

TEST_F(FeedServiceTest, WhatBeginsAsNoFeedIsBrokenOff) {
  serve(std::string(1u << 20, 'a'));
  start();
  add("endless", url());
  const Feed& feed = again("endless");
  EXPECT_EQ(feed.state, FeedState::kFailed);
  // Whoever reads a whole file names the feed and not the address.
  EXPECT_THAT(feed.error, ::testing::StartsWith(url() + ": it begins as no feed does"));
  // What may be one is read on.
  serve("[{" + std::string((1u << 20) - 2, ' '));
  EXPECT_THAT(again("endless").error, ::testing::Not(::testing::HasSubstr("begins as no feed")));
}

TEST_F(FeedServiceTest, ACutOffFileNeverTakesAFeedsPlace) {
  TestAgent agent;
  join_with_inventory(agent);
  const auto whole = advisory("CVE-2024-0002", "2") + advisory("CVE-2024-0001", "2");
  start();
  serve(whole);
  add("osv", url());
  until([&] { return settled() && core->feed("osv")->in_use(); });
  serve(whole.substr(0, whole.size() - 20));
  const auto& feed = again("osv");
  EXPECT_EQ(feed.state, FeedState::kFailed);
  EXPECT_EQ(feed.error, "feed osv: it ends in the middle of line 2: the file was cut off; give the whole file; "
                        "what was read before stays in use");
  EXPECT_EQ(feed.records, 2u);
  EXPECT_EQ(core->findings(agent.uid())->size(), 2u);
}

TEST_F(FeedServiceTest, AnotherAddressIsAskedAtOnceWithoutWhatTheOldOneCalledIt) {
  start();
  net::HttpHeaders headers;
  headers.add("ETag", "\"one\"");
  serve(advisory("CVE-2024-0001", "2"), 200, headers);
  add("osv", url("/old"));
  until([&] { return settled() && core->feed("osv")->in_use(); });
  add("osv", url("/new"));
  until([&] { return settled() && requests.size() == 2; });
  EXPECT_EQ(requests.back().path, "/new");
  EXPECT_EQ(requests.back().headers.find("If-None-Match"), nullptr);
}

TEST_F(FeedServiceTest, ACopyThatWasDamagedOnDiskIsFetchedAnew) {
  TestAgent agent;
  join_with_inventory(agent);
  start();
  serve(advisory("CVE-2024-0001", "2"));
  add("osv", url());
  until([&] { return settled() && core->feed("osv")->in_use(); });
  service.reset();
  restart();
  std::ofstream(feed_file(dir / "feeds", "osv")) << "damaged";
  start();
  EXPECT_NE(core->feed("osv")->error, "");
  EXPECT_FALSE(core->feed("osv")->in_use());
  clock.advance(Seconds(66));  // its interval is not waited for
  service->tick();
  until([&] { return settled() && core->feed("osv")->in_use(); });
  EXPECT_EQ(core->feed("osv")->error, "");
  EXPECT_EQ(requests.back().headers.find("If-None-Match"), nullptr);
  EXPECT_EQ(fixed(agent), "2");
}

TEST_F(FeedServiceTest, WhatIsNoFileInADirectoryOfFeedsIsToldOnce) {
  write("given/one", advisory("CVE-2024-0001", "2"));
  fs::create_directories(dir / "given/sub");
  ::testing::internal::CaptureStderr();
  start({dir / "given"});
  service->refresh("");
  until([&] { return settled(); });
  const auto text = ::testing::internal::GetCapturedStderr();
  const auto at = text.find("feed.passed_over");
  ASSERT_NE(at, std::string::npos) << text;
  EXPECT_EQ(text.find("feed.passed_over", at + 1), std::string::npos) << text;
  EXPECT_NE(text.find((dir / "given/sub").string()), std::string::npos) << text;
}

}  // namespace
}  // namespace postern::ems::testing
