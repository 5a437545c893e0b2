#include "ems/api/api_lab.h"

namespace postern::ems::testing {
namespace {

TEST_F(ApiLab, FeedsAreListedAlsoThoseThatCouldNotBeRead) {
  EXPECT_EQ(get("/api/v1/feeds").at("total"), 0);
  Feed osv{"debian.zip", "osv", 41'000, "2026-05-27", clock.now().wall, ""};
  Feed broken{"broken.jsonl", "osv", 0, "", clock.now().wall, "line 3 is not JSON"};
  core->set_matching(clock.now(), nullptr, {osv, broken});
  settle();
  const Reply reply = read_only("GET", "/api/v1/feeds");
  EXPECT_EQ(reply.items(),
            (json::array{{{"name", "broken.jsonl"},
                          {"kind", "osv"},
                          {"records", 0},
                          {"in_use", false},
                          {"data_date", nullptr},
                          {"loaded_at", "2026-05-28T20:26:40.000Z"},
                          {"error", "line 3 is not JSON"}},
                         {{"name", "debian.zip"},
                          {"kind", "osv"},
                          {"records", 41'000},
                          {"in_use", true},
                          {"data_date", "2026-05-27"},
                          {"loaded_at", "2026-05-28T20:26:40.000Z"},
                          {"error", nullptr}}}))
      << reply.text;
  const Reply page = get("/api/v1/feeds?limit=1");
  EXPECT_EQ(page.items().size(), 1u);
  EXPECT_EQ(get("/api/v1/feeds?limit=1&cursor=" + page.str("next_cursor")).at("next_cursor"), nullptr);
  EXPECT_EQ(get("/api/v1/feeds?limit=0").code(), "invalid_argument");
  EXPECT_EQ(nobody("GET", "/api/v1/feeds").code(), "unauthenticated");
}

}  // namespace
}  // namespace postern::ems::testing
