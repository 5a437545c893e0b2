#include "proto/fabric_server.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "proto/fabric_client.h"
#include "wire/fabric.pb.h"

namespace postern::proto {
namespace {

EndpointUid uid_of(std::uint64_t n) {
  std::string text(32, '0');
  for (std::size_t i = 0; i < 8; ++i) text[31 - i] = "0123456789ABCDEF"[n >> (4 * i) & 15];
  return EndpointUid(text);
}

std::string entry_of(const EndpointUid& u, std::uint64_t version) {
  wire::ViewEntry e;
  e.mutable_record()->set_uid(u.str());
  e.mutable_record()->set_host_name(std::string(version % 300, 'h') + std::to_string(version));
  return e.SerializeAsString();
}

std::string tag(std::uint32_t id, std::uint64_t version) {
  wire::TagInfo t;
  t.set_id(id);
  t.set_name("tag" + std::to_string(version));
  return t.SerializeAsString();
}

/// Both real ends: what the publisher sends goes to a client, which is cut off and comes back at any moment.
class Pair {
 public:
  explicit Pair(std::uint64_t seed)
      : random_(seed), client_({GatewaySerial("PGW0000000000001"), "g", "1", ""}, random_) {
    client_.enable(now_);
    connect();
  }
  /// `lost` frames at the end never arrive, and the connection ends.
  void deliver(const std::vector<Bytes>& frames, bool lose = false) {
    if (!connected_) return;
    const auto arrive = lose ? random_.below(frames.size() + 1) : frames.size();
    for (std::size_t i = 0; i < arrive; ++i) client_.on_frame(now_, frames[i]);
    if (lose) {
      client_.on_disconnected(now_, "cut");
      connected_ = false;
    }
    pump();
  }
  void connect() {
    now_.mono += std::chrono::seconds(31);
    client_.on_tick(now_);
    client_.take_actions();
    client_.on_connected(now_);
    connected_ = true;
    fabric_server::StatusInfo status;
    status.state = fabric_server::State::kAuthorised;
    status.ems_serial = EmsSerial("PSTEMS0123456789");
    client_.on_frame(now_, fabric_server::status_frame(status));
    pump();
  }
  void pump() {
    for (auto& action : client_.take_actions()) {
      const auto* send = std::get_if<fabric::Send>(&action);
      if (send == nullptr || !connected_) continue;
      const auto event = fabric_server::read_frame(send->bytes);
      ASSERT_TRUE(event) << event.error().message;
      if (const auto* s = std::get_if<fabric_server::Subscribe>(&*event)) {
        const auto frames = publisher.subscribe(*s);
        largest = std::max(largest, frames.size());
        deliver(frames);
      }
    }
  }
  bool connected() const { return connected_; }
  FabricClient& client() { return client_; }
  Random& random() { return random_; }

  FabricPublisher publisher{77};
  std::size_t largest = 0;

 private:
  Now now_{WallTime(Millis(1)), MonoTime{}};
  SeededRandom random_;
  FabricClient client_;
  bool connected_ = false;
};

TEST(FabricPublisher, BothEndsAgreeAfterEveryLossAndReconnect) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Pair pair(seed);
    std::uint64_t revision = 0;
    for (int step = 0; step < 120; ++step) {
      FabricPublisher::EntryChanges entries;
      FabricPublisher::TagChanges tags;
      for (auto n = pair.random().below(4); n-- > 0;) {
        const auto u = uid_of(pair.random().below(20));
        if (pair.random().below(4) == 0) {
          entries[u] = std::nullopt;
        } else {
          entries[u] = entry_of(u, pair.random().below(5));
        }
      }
      if (pair.random().below(6) == 0) {
        const auto id = static_cast<std::uint32_t>(1 + pair.random().below(3));
        tags[id] = pair.random().below(3) == 0 ? std::nullopt : std::optional(tag(id, pair.random().below(3)));
      }
      const auto frames = pair.publisher.update(++revision, entries, tags);
      pair.deliver(frames, pair.connected() && pair.random().below(5) == 0);
      if (!pair.connected() && pair.random().below(2) == 0) pair.connect();
      if (pair.connected()) {
        ASSERT_TRUE(pair.client().synchronised()) << "seed " << seed << " step " << step;
        ASSERT_EQ(pair.client().view().digest(), pair.publisher.view().digest()) << "seed " << seed << " step " << step;
      }
    }
    EXPECT_EQ(pair.client().counters().mismatches, 0u);
    EXPECT_EQ(pair.client().counters().snapshots, 1u);  // the first; everything after resumed
  }
}

TEST(FabricPublisher, WhenAChangeBeganTravelsWithItsDelta) {
  FabricPublisher p(5);
  const auto at = [](std::int64_t ms) { return WallTime(Millis(ms)); };
  const auto told = [](const std::vector<Bytes>& frames) {
    wire::FabricFrame frame;
    EXPECT_TRUE(frame.ParseFromArray(frames.at(0).data(), static_cast<int>(frames.at(0).size())));
    return std::pair(frame.delta().fact_at_ms(), frame.delta().heard_at_ms());
  };
  // The oldest of what is in it; of endpoints that did not change nothing counts.
  const FabricPublisher::Times times = {
      {uid_of(0), {at(5), at(9)}}, {uid_of(1), {at(3), at(12)}}, {uid_of(2), {at(1), at(1)}}};
  const FabricPublisher::EntryChanges two = {{uid_of(0), entry_of(uid_of(0), 0)}, {uid_of(1), entry_of(uid_of(1), 0)}};
  EXPECT_EQ(told(p.update(1, two, {}, times)), (std::pair<std::int64_t, std::int64_t>(3, 9)));
  EXPECT_EQ(told(p.update(2, {{uid_of(0), entry_of(uid_of(0), 1)}}, {}, {})), (std::pair<std::int64_t, std::int64_t>(0, 0)));

  Pair pair(3);
  pair.deliver(pair.publisher.update(1, two, {}, times));
  EXPECT_TRUE(pair.client().synchronised());
}

TEST(FabricPublisher, ALargeViewTravelsInBoundedChunks) {
  Pair pair(3);
  FabricPublisher::EntryChanges entries;
  for (std::uint64_t n = 0; n < 20'000; ++n) entries[uid_of(n)] = entry_of(uid_of(n), n);
  const auto frames = pair.publisher.update(1, entries, {});
  EXPECT_GT(frames.size(), 5u);  // a snapshot, for that costs less
  pair.deliver(frames);
  EXPECT_TRUE(pair.client().synchronised());
  EXPECT_EQ(pair.client().view().entries().size(), 20'000u);
  EXPECT_EQ(pair.client().view().digest(), pair.publisher.view().digest());
}

TEST(FabricPublisher, ForgetsOldStepsAndThenSendsASnapshot) {
  FabricPublisher p(5);
  p.update(1, {{uid_of(0), entry_of(uid_of(0), 0)}}, {});
  const auto old = p.view().digest();
  for (std::uint64_t i = 0; i < FabricPublisher::kMaxHistory + 1; ++i) {
    p.update(i + 2, {{uid_of(1), entry_of(uid_of(1), i + 1)}}, {});
  }
  const auto frames = p.subscribe({5, 1, old, {}});
  wire::FabricFrame first;
  ASSERT_TRUE(first.ParseFromArray(frames.front().data(), static_cast<int>(frames.front().size())));
  EXPECT_TRUE(first.has_snapshot_begin());
  // Another epoch: another log, whatever its numbers are.
  const auto foreign = p.subscribe({6, p.revision(), p.view().digest(), {}});
  ASSERT_TRUE(first.ParseFromArray(foreign.front().data(), static_cast<int>(foreign.front().size())));
  EXPECT_TRUE(first.has_snapshot_begin());
}

TEST(FabricFrames, BrokenOnesAreRefused) {
  const auto refused = [](const wire::FabricFrame& frame) {
    const auto text = frame.SerializeAsString();
    return !fabric_server::read_frame(as_bytes(text));
  };
  wire::FabricFrame f;
  f.mutable_hello()->set_serial("not a serial");
  EXPECT_TRUE(refused(f));
  f.mutable_subscribe()->set_digest("short");
  EXPECT_TRUE(refused(f));
  f.mutable_subscribe()->clear_digest();
  f.mutable_subscribe()->add_asked_uids("not a uid");
  EXPECT_TRUE(refused(f));
  f.mutable_interfaces()->add_interfaces()->set_mac("12345");
  EXPECT_TRUE(refused(f));
  f.mutable_interfaces()->mutable_interfaces(0)->set_mac("123456");
  EXPECT_FALSE(refused(f));
  f.mutable_ask_certificate()->set_sha256("x");
  EXPECT_TRUE(refused(f));
  EXPECT_FALSE(fabric_server::read_frame(as_bytes("\xff\xff\xff")));
}

TEST(FabricServerFrame, WhoIsNotAuthorisedIsToldWhereTheAdministratorDecides) {
  using State = fabric_server::State;
  for (const auto state : {State::kPending, State::kRefused, State::kConflict, State::kAuthorised}) {
    fabric_server::StatusInfo info;
    info.state = state;
    info.authorise_path = "/fabric-authorization?serial=PGW0000000000001";
    wire::FabricFrame frame;
    const auto bytes = fabric_server::status_frame(info);
    ASSERT_TRUE(frame.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
    EXPECT_EQ(frame.status().authorise_path(), state == State::kAuthorised ? "" : info.authorise_path);
  }
}

TEST(FabricServerFrame, AReportOfSessionsIsReadAndOneOfNoPossibleTimeRefused) {
  wire::FabricFrame frame;
  auto& report = *frame.mutable_session_report();
  report.set_live_sessions(1);
  report.set_allowed(2);
  report.set_denied(3);
  report.set_cut(4);
  report.set_uncounted(5);
  report.set_counted_since_ms(1'700'000'000'000);
  const auto read = [&] {
    const auto text = frame.SerializeAsString();
    return fabric_server::read_frame(as_bytes(text));
  };
  const auto event = read();
  ASSERT_TRUE(event);
  const auto* sessions = std::get_if<fabric_server::Sessions>(&*event);
  ASSERT_NE(sessions, nullptr);
  EXPECT_EQ(sessions->live, 1u);
  EXPECT_EQ(sessions->allowed, 2u);
  EXPECT_EQ(sessions->denied, 3u);
  EXPECT_EQ(sessions->cut, 4u);
  EXPECT_EQ(sessions->uncounted, 5u);
  EXPECT_EQ(to_unix_ms(sessions->since), 1'700'000'000'000);
  for (const auto impossible : {std::int64_t{-1}, std::int64_t{253'402'300'800'000}}) {
    report.set_counted_since_ms(impossible);
    EXPECT_FALSE(read());
  }
}

}  // namespace
}  // namespace postern::proto
