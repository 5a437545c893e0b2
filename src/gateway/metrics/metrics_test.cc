// Counting, and what a scraper reads of it.
#include <gmock/gmock.h>

#include "gateway/metrics/counted.h"

namespace postern::gateway::metrics {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Exposition, OneFamilyAfterTheOther) {
  Exposition out;
  out.gauge("a", "What a is.");
  out.sample(std::uint64_t{7});
  out.counter("b_total", "What b\nis.");
  out.sample({{"x", "1"}, {"y", "quote \" backslash \\ line \n end"}}, std::uint64_t{18'000'000'000'000'000'000u});
  out.sample({{"x", "2"}}, 0.25);
  EXPECT_EQ(out.take(),
            "# HELP a What a is.\n# TYPE a gauge\na 7\n"
            "# HELP b_total What b\\nis.\n# TYPE b_total counter\n"
            "b_total{x=\"1\",y=\"quote \\\" backslash \\\\ line   end\"} 18000000000000000000\n"
            "b_total{x=\"2\"} 0.25\n");
}

TEST(Exposition, OpenMetricsNamesCountersWithoutTheirEnd) {
  Exposition out(Format::kOpenMetrics);
  out.counter("b_total", "What b is.");
  out.sample(std::uint64_t{1});
  EXPECT_EQ(out.take(), "# HELP b What b is.\n# TYPE b counter\nb_total 1\n# EOF\n");
}

TEST(Exposition, IsWhatTheScraperAccepts) {
  EXPECT_EQ(format_for(""), Format::kText);
  EXPECT_EQ(format_for("text/plain;version=0.0.4;q=0.3,*/*;q=0.2"), Format::kText);
  EXPECT_EQ(format_for("Application/OpenMetrics-Text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4"),
            Format::kOpenMetrics);
}

TEST(Histogram, EachBucketHasWhatIsAtMostItsEnd) {
  Histogram h;
  h.observe(std::chrono::milliseconds(1));    // at the end of the first
  h.observe(std::chrono::nanoseconds(1'000'001));  // past it
  h.observe(std::chrono::seconds(60));
  h.observe(std::chrono::milliseconds(60'001));
  h.observe(std::chrono::seconds(-5));
  EXPECT_EQ(h.up_to(0), 2u);
  EXPECT_EQ(h.up_to(1), 3u);
  EXPECT_EQ(h.up_to(kBuckets.size() - 2), 3u);
  EXPECT_EQ(h.up_to(kBuckets.size() - 1), 4u);
  EXPECT_EQ(h.total(), 5u);
  EXPECT_NEAR(h.sum(), 120.003, 0.0001);
  Exposition out;
  out.histogram("h", "");
  out.sample({{"l", "v"}}, h);
  const auto text = out.take();
  EXPECT_THAT(text, HasSubstr("h_bucket{l=\"v\",le=\"0.001\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("h_bucket{l=\"v\",le=\"60.0\"} 4\nh_bucket{l=\"v\",le=\"+Inf\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("h_count{l=\"v\"} 5\n"));
}

ecshm::Event event_of(ecshm::EventType type, policy::Reason reason) {
  ecshm::Event event;
  event.type = type;
  event.reason = reason;
  event.bytes = 10;
  return event;
}

std::string text_of(const Counted& counted) {
  Exposition out;
  counted.decisions.expose(out);
  counted.timing.expose(out);
  return out.take();
}

TEST(Counted, DecisionsByActionAndReason) {
  Counted counted;
  counted.take(event_of(ecshm::EventType::kAllowed, policy::Reason::kNone));
  counted.take(event_of(ecshm::EventType::kDenied, policy::Reason::kMissingTag));
  counted.take(event_of(ecshm::EventType::kDenied, policy::Reason::kMissingTag));
  counted.take(event_of(ecshm::EventType::kCut, policy::Reason::kMissingTag));
  // A number that this version doesn't know must not write past the end.
  counted.take(event_of(ecshm::EventType::kDenied, static_cast<policy::Reason>(65535)));
  const auto text = text_of(counted);
  EXPECT_THAT(text, HasSubstr("decisions_total{action=\"accept\",reason=\"none\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("decisions_total{action=\"deny\",reason=\"missing_tag\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("decisions_total{action=\"cut\",reason=\"missing_tag\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("decisions_total{action=\"deny\",reason=\"offline\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("postern_gateway_sent_bytes_total 50\n"));
}

class Timing : public testing::Test {
 protected:
  void change(std::uint8_t leaf, const proto::ChangeTimes& times) {
    const auto arrived = clock_.now();
    clock_.advance(std::chrono::milliseconds(2));
    Sha256 digest{};
    digest[0] = leaf;
    counted_.timing.told(clock_.now(), times, arrived);
    counted_.timing.published(clock_.now(), digest, times, arrived);
  }
  void cut(std::uint8_t leaf) {
    auto event = event_of(ecshm::EventType::kCut, policy::Reason::kMissingTag);
    event.leaf = Sha256{};
    (*event.leaf)[0] = leaf;
    event.time = clock_.now().wall;
    counted_.take(event);
  }
  /// How many cuts there are, by where their time is taken from.
  std::string count(const std::string& since, const std::string& le = "") const {
    const auto text = text_of(counted_);
    const auto name = le.empty() ? "postern_gateway_change_cut_seconds_count{since=\"" + since + "\"} "
                                 : "postern_gateway_change_cut_seconds_bucket{since=\"" + since + "\",le=\"" + le + "\"} ";
    const auto at = text.find(name);
    return at == text.npos ? "missing" : text.substr(at + name.size(), text.find('\n', at) - at - name.size());
  }

  ManualClock clock_;
  Counted counted_;
};

TEST_F(Timing, FromTheFactToTheCut) {
  const auto now = clock_.now().wall;
  change(1, {now - Millis(40), now - Millis(10)});
  clock_.advance(std::chrono::milliseconds(3));
  cut(1);
  EXPECT_EQ(count("fact", "0.025"), "0");
  EXPECT_EQ(count("fact", "0.05"), "1");
  EXPECT_EQ(count("ems", "0.01"), "0");
  EXPECT_EQ(count("ems", "0.025"), "1");
  EXPECT_EQ(count("gateway", "0.0025"), "0");
  EXPECT_EQ(count("gateway", "0.005"), "1");
}

TEST_F(Timing, WithoutAReportOnlyFromTheGateway) {
  change(1, {});
  cut(1);
  EXPECT_EQ(count("fact"), "0");
  EXPECT_EQ(count("ems"), "0");
  EXPECT_EQ(count("gateway"), "1");
}

TEST_F(Timing, OtherCutsAreNotCounted) {
  cut(1);  // nothing changed
  change(1, {});
  cut(2);  // another certificate's
  counted_.timing.policies_changed();
  cut(1);  // a policy's
  EXPECT_EQ(count("gateway"), "0");
  change(1, {});
  clock_.advance(ChangeTiming::kRemember);
  cut(1);  // just within
  EXPECT_EQ(count("gateway"), "1");
  clock_.advance(std::chrono::milliseconds(1));
  cut(1);
  EXPECT_EQ(count("gateway"), "1");
}

}  // namespace
}  // namespace postern::gateway::metrics
