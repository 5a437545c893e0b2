// Feeds from a real server on this machine's loopback, into a real core.
#include "ems/shell/feed_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

#include "base/file.h"
#include "ems/core/test_lab.h"
#include "ems/feeds/store.h"
#include "net/one_answer_lab.h"
#include "net/server.h"
#include "proto/deflate.h"
#include "wire/telemetry.pb.h"

namespace postern::ems::testing {
namespace {

namespace fs = std::filesystem;

std::string advisory(std::string_view cve, std::string_view fixed) {
  return std::string(R"({"id":"DEBIAN-)").append(cve).append(R"(","upstream":[")").append(cve)
      .append(R"("],"affected":[{"package":{"ecosystem":"Debian:12","name":"a"},"ranges":[{"type":"ECOSYSTEM",)")
      .append(R"("events":[{"introduced":"0"},{"fixed":")").append(fixed).append("\"}]}]}]}\n");
}

constexpr const char* kOnePackage = "postern-inventory 1\ndistro debian 12\na all 1 a 1\n";

class FeedServiceTest : public Lab {
 protected:
  FeedServiceTest() {
    std::string name = (fs::temp_directory_path() / "postern-feed-service-XXXXXX").native();
    dir = ::mkdtemp(name.data());
    auto listening = net::Server::listen_plain(
        loop, *IpAddress::parse("127.0.0.1"), 0,
        [this](net::HttpRequest request, net::HttpResponder respond) {
          requests.push_back(std::move(request));
          if (hang) {
            held.push_back(std::move(respond));
          } else {
            respond(answer);
          }
        },
        nullptr);
    EXPECT_TRUE(listening) << listening.error().message;
    server = std::move(*listening);
  }
  ~FeedServiceTest() override {
    service.reset();
    fs::remove_all(dir);
  }

  void start(std::vector<fs::path> given = {}) {
    FeedServiceOptions options;
    options.directory = dir / "feeds";
    options.given = std::move(given);
    options.limits = {1u << 20, std::chrono::milliseconds(100), std::chrono::milliseconds(10'000)};
    options.after_event = [this] {
      loop.post([this] { run(); });
    };
    service = std::make_unique<FeedService>(loop, *core, clock, random, std::move(options));
    service->start();
    until([this] { return settled(); });
  }
  /// Nothing is under way, and the core knows what became of it.
  bool settled() {
    if (service->busy()) return false;
    run();
    return std::ranges::all_of(core->feeds(), [](const Feed* f) {
      return f->state == FeedState::kIdle || f->state == FeedState::kFailed;
    });
  }
  template <class Condition>
  void until(Condition condition) {
    auto guard = loop.after(std::chrono::seconds(20), [this] { loop.stop(); });
    auto poll = loop.every(std::chrono::milliseconds(1), [&] {
      if (condition()) loop.stop();
    });
    loop.run();
    EXPECT_TRUE(condition());
  }
  std::string url(const std::string& path = "/feed") {
    return "http://127.0.0.1:" + std::to_string(server->port()) + path;
  }
  void add(const std::string& name, const std::string& from) {
    Feed feed;
    feed.name = name;
    (from.starts_with('/') ? feed.path : feed.url) = from;
    Status done = fail(ErrorCode::kInternal, "not called");
    core->save_feed(clock.now(), admin, feed, false, [&](Status s) { done = s; });
    run();
    ASSERT_TRUE(done) << done.error().message;
    service->changed();
  }
  void serve(std::string body, int status = 200, net::HttpHeaders headers = {}) { answer = {status, std::move(headers), std::move(body)}; }
  /// Looks at the source again and waits for what comes of it.
  const Feed& again(const std::string& name) {
    const auto before = core->feed(name)->checked_at, failed = core->feed(name)->failed_at;
    clock.advance(Seconds(1));
    service->refresh(name);
    until([&] {
      const auto* f = core->feed(name);
      return f != nullptr && settled() && (f->checked_at != before || f->failed_at != failed);
    });
    return *core->feed(name);
  }
  void write(const std::string& name, std::string_view text) {
    fs::create_directories((dir / name).parent_path());
    std::ofstream(dir / name) << text;
  }
  /// The fix that is known for CVE-2024-0001; empty: none of it is known.
  std::string fixed(TestAgent& agent) {
    run();
    const auto findings = core->findings(agent.uid());
    return findings && !findings->empty() ? (*findings)[0].fixed : std::string();
  }
  void join_with_inventory(TestAgent& agent) {
    join(agent);
    wire::TelemetryFrame offer, inventory;
    const auto hash = sha256(kOnePackage);
    offer.mutable_inventory_offer()->set_hash(std::string(as_text(hash)));
    send(agent, offer);
    run();
    inventory.mutable_inventory()->set_hash(std::string(as_text(hash)));
    inventory.mutable_inventory()->set_zlib(proto::deflate_text(kOnePackage));
    send(agent, inventory);
    run();
  }

  fs::path dir;
  net::Loop loop;
  std::unique_ptr<net::Server> server;
  std::unique_ptr<FeedService> service;
  net::HttpResponse answer;
  std::vector<net::HttpRequest> requests;
  bool hang = false;
  std::vector<net::HttpResponder> held;
};

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

/// Two records, a restart without a network, and in between something happened to the copy of them.
class FeedCopyTest : public FeedServiceTest {
 protected:
  FeedCopyTest() {
    join_with_inventory(agent);
    start();
    net::HttpHeaders headers;
    headers.add("ETag", "\"one\"");
    serve(whole, 200, headers);
    add("osv", url());
    until([&] { return settled() && core->feed("osv")->in_use(); });
  }
  void start_again(std::vector<fs::path> given = {}) {
    service.reset();
    restart();
    start(std::move(given));
  }
  std::string held() { return read_file(copy(), 1u << 20).value_or("nothing"); }
  fs::path copy() { return feed_file(dir / "feeds", "osv"); }
  void put(const fs::path& path, std::string_view text) { std::ofstream(path) << text; }

  static constexpr const char* kChanged =
      "feed osv: the copy in the data directory was changed or cut; fetch it again (POST feeds/refresh)";
  TestAgent agent;
  const std::string first = advisory("CVE-2024-0002", "2"), whole = first + advisory("CVE-2024-0001", "2");
};

TEST_F(FeedCopyTest, OneThatWasCutOrChangedIsNoFeedAlthoughItReadsAsOne) {
  auto changed = whole;
  changed[changed.rfind("\"fixed\":\"2") + 9] = '1';
  for (const auto& damaged : {first, changed, whole + first}) {
    put(copy(), damaged);
    answer.status = 503;
    start_again();
    EXPECT_EQ(core->feed("osv")->state, FeedState::kFailed);
    EXPECT_EQ(core->feed("osv")->error, kChanged);
    EXPECT_FALSE(core->feed("osv")->in_use());
    run();
    EXPECT_EQ(core->findings(agent.uid()).error().code, ErrorCode::kUnavailable);
    EXPECT_NE(again("osv").error.find("status 503"), std::string::npos);
    start_again();  // and so it stays
    EXPECT_EQ(core->feed("osv")->error, kChanged);
    EXPECT_FALSE(core->feed("osv")->in_use());
    answer.status = 200;
    EXPECT_EQ(again("osv").error, "");
    EXPECT_EQ(requests.back().headers.find("If-None-Match"), nullptr);
    EXPECT_EQ(held(), whole);
    EXPECT_EQ(core->findings(agent.uid())->size(), 2u);
  }
}

TEST_F(FeedCopyTest, WhileTheEmsRunsWhatWasReadStaysInForce) {
  put(copy(), first);
  write("other", "cve,epss,percentile\nCVE-2024-0001,0.5,0.5\n");
  add("epss", (dir / "other").string());
  until([&] { return settled() && core->feed("osv")->state == FeedState::kFailed; });
  EXPECT_EQ(core->feed("osv")->error, std::string(kChanged) + "; the feeds read before stay in use");
  EXPECT_EQ(core->findings(agent.uid())->size(), 2u);
  EXPECT_EQ(again("osv").error, "");
  EXPECT_EQ(requests.back().headers.find("If-None-Match"), nullptr);
  EXPECT_EQ(held(), whole);
}

TEST_F(FeedCopyTest, AFileOfTheCommandLineIsReadAgainFromWhereItCameOrNotAtAll) {
  const auto given = (dir / "given").string();
  write("given", whole);
  start_again({given});
  const auto file = feed_file(dir / "feeds", given);
  put(file, first);
  start_again({given});
  EXPECT_EQ(core->feed(given)->error, "");
  EXPECT_EQ(core->feed(given)->records, 2u);
  EXPECT_EQ(read_file(file, 1u << 20).value_or(""), whole);
  put(file, first);
  fs::remove(dir / "given");
  start_again({given});
  EXPECT_FALSE(core->feed(given)->in_use());
  EXPECT_THAT(core->feed(given)->error,
              ::testing::StartsWith("feed " + given +
                                    ": the copy in the data directory was changed or cut; fetch it again (POST "
                                    "feeds/refresh); its source: opening "));
  // The same damage in both is no damage: somebody gives this file.
  write("given", first);
  start_again({given});
  EXPECT_EQ(core->feed(given)->error, "");
  EXPECT_EQ(core->feed(given)->records, 1u);
}

TEST_F(FeedCopyTest, OneOfAnEarlierVersionIsRememberedWhenItIsReadNext) {
  auto row = *core->feed("osv");
  EXPECT_EQ(std::exchange(row.sha256, "").size(), 64u);
  core->note_feed(clock.now(), row);
  run();
  start_again();
  EXPECT_EQ(core->feed("osv")->error, "");
  EXPECT_EQ(core->feed("osv")->sha256.size(), 64u);
  put(copy(), first);
  start_again();
  EXPECT_EQ(core->feed("osv")->error, kChanged);
}

TEST_F(FeedCopyTest, WhoIsKilledBeforeTheNewOnesRowIsSavedHasTheOldOne) {
  const fs::path old = copy().native() + ".old";
  const auto loaded = core->feed("osv")->loaded_at;
  // Killed after the second of two renames, and between them.
  for (const bool renamed : {true, false}) {
    fs::rename(copy(), old);
    if (renamed) put(copy(), first);
    start_again();
    EXPECT_EQ(core->feed("osv")->error, "") << renamed;
    EXPECT_EQ(core->feed("osv")->loaded_at, loaded);
    EXPECT_EQ(core->findings(agent.uid())->size(), 2u);
    EXPECT_EQ(held(), whole);
    EXPECT_FALSE(fs::exists(old));
  }
  // The row was saved.
  put(old, first);
  start_again();
  EXPECT_EQ(core->feed("osv")->error, "");
  EXPECT_EQ(held(), whole);
  EXPECT_FALSE(fs::exists(old));
}

TEST_F(FeedCopyTest, WhatWasReplacedStaysUntilTheRowIsSaved) {
  const fs::path old = copy().native() + ".old";
  serve(first);
  again("osv");
  EXPECT_EQ(held(), first);
  EXPECT_EQ(read_file(old, 1u << 20).value_or("nothing"), whole);
  ASSERT_FALSE(core->flush_wanted());
  service->tick();
  EXPECT_FALSE(fs::exists(old));
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
