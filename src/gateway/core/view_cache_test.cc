#include "gateway/core/view_cache.h"

#include <gtest/gtest.h>

#include <limits>

#include "wire/fabric.pb.h"

namespace postern::gateway {
namespace {

CachedView sample() {
  CachedView cached;
  cached.epoch = 3;
  cached.revision = 41;
  cached.contact = {from_unix_ms(1'000'000), MonoTime(std::chrono::seconds(500))};
  cached.boot_id = "b1";
  cached.source = "ems.example PSTEMS1";
  wire::ViewEntry e;
  e.mutable_record()->set_uid("9A016B5A6E914B42AD4168C066EB04CA");
  cached.view.upsert(EndpointUid("9A016B5A6E914B42AD4168C066EB04CA"), e.SerializeAsString());
  wire::TagInfo t;
  t.set_id(9);
  t.set_name("T");
  cached.view.upsert_tag(9, t.SerializeAsString());
  return cached;
}

TEST(ViewCache, RoundTrips) {
  const auto cached = sample();
  const auto back = decode_cached_view(encode_cached_view(cached));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->epoch, 3u);
  EXPECT_EQ(back->revision, 41u);
  EXPECT_EQ(back->view.digest(), cached.view.digest());
  EXPECT_EQ(back->boot_id, "b1");
  EXPECT_EQ(back->source, "ems.example PSTEMS1");
  EXPECT_EQ(to_unix_ms(back->contact.wall), 1'000'000);
}

TEST(ViewCache, OneThatDoesNotSayWhoseItIsIsToldFromADamagedOne) {
  auto bytes = encode_cached_view(sample());
  bytes[7] = '1';
  EXPECT_EQ(decode_cached_view(bytes).error().code, ErrorCode::kUnsupported);
  bytes[7] = '9';
  EXPECT_EQ(decode_cached_view(bytes).error().code, ErrorCode::kDataLoss);
}

TEST(ViewCache, EveryCutAndEveryFlippedByteOfContentIsFound) {
  const auto good = encode_cached_view(sample());
  for (std::size_t n = 0; n < good.size(); ++n) EXPECT_FALSE(decode_cached_view(good.substr(0, n))) << n;
  const auto digest = sample().view.digest();
  for (std::size_t n = good.size() - 40; n < good.size(); ++n) {
    auto bad = good;
    bad[n] = static_cast<char>(bad[n] ^ 0x20);
    const auto back = decode_cached_view(bad);
    if (!back) continue;
    EXPECT_EQ(back->view.digest(), digest) << n;  // damage that changed nothing that counts
  }
}

TEST(ViewCache, DeadlineCountsFromTheLastContactWhateverHappenedToTheClocks) {
  const auto cached = sample();
  const Seconds threshold(180);
  const Now same{from_unix_ms(9'000'000), MonoTime(std::chrono::seconds(600))};
  EXPECT_EQ(cached_view_deadline(cached, same, "b1", threshold), MonoTime(std::chrono::seconds(680)));
  const Now rebooted{from_unix_ms(1'060'000), MonoTime(std::chrono::seconds(20))};
  EXPECT_EQ(cached_view_deadline(cached, rebooted, "b2", threshold), MonoTime(std::chrono::seconds(20 - 60 + 180)));
  const Now backwards{from_unix_ms(900'000), MonoTime(std::chrono::seconds(20))};
  EXPECT_EQ(cached_view_deadline(cached, backwards, "b2", threshold), backwards.mono);
  auto damaged = cached;
  for (const auto ms : {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
    damaged.contact.wall = from_unix_ms(ms);
    EXPECT_EQ(cached_view_deadline(damaged, rebooted, "b2", threshold), rebooted.mono);
  }
}

}  // namespace
}  // namespace postern::gateway
