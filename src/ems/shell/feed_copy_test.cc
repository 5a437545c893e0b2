// What becomes of a feed's copy in the data directory that was cut or changed there.
#include <gmock/gmock.h>

#include <fstream>

#include "base/file.h"
#include "ems/feeds/copy.h"
#include "ems/feeds/store.h"
#include "ems/shell/feed_service_lab.h"

namespace postern::ems::testing {
namespace {

namespace fs = std::filesystem;

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

}  // namespace
}  // namespace postern::ems::testing
