// What a population keeps facts in: each part beside a plain double of it.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "posture/population/blobs.h"
#include "posture/population/column.h"
#include "posture/population/deadlines.h"
#include "posture/population/dictionary.h"
#include "posture/population/fact_codec.h"
#include "posture/population/rows.h"
#include "posture/population/shapes.h"
#include "posture/test_facts.h"

namespace postern::posture {
namespace {

std::string bytes_of_length(std::size_t size, char with) { return std::string(size, with); }

TEST(BlobStore, KeepsPiecesOfAnySize) {
  BlobStore store;
  std::mt19937 random(3);
  std::map<BlobId, std::string> held;
  constexpr std::size_t kSizes[] = {0,   1,    6,    7,      62,      500,     511,      513,
                                    700, 1000, 5000, 70'000, 131'070, 131'072, 3'000'000};
  for (int step = 0; step < 4000; ++step) {
    const std::string bytes =
        bytes_of_length(kSizes[random() % (step % 50 == 0 ? 15 : 11)], static_cast<char>('a' + step % 26));
    if (held.size() > 60 && random() % 2 == 0) {
      auto it = held.begin();
      std::advance(it, static_cast<long>(random() % held.size()));
      BlobId id = it->first;
      if (random() % 2 == 0) {
        store.remove(id);
        held.erase(it);
        continue;
      }
      held.erase(it);
      store.replace(id, bytes);
      ASSERT_TRUE(held.emplace(id, bytes).second);
    } else {
      const BlobId id = store.add(bytes);
      ASSERT_NE(id, 0u);
      ASSERT_TRUE(held.emplace(id, bytes).second);
    }
    if (step % 100 != 0) continue;
    for (const auto& [id, expected] : held) ASSERT_TRUE(store.bytes(id).starts_with(expected));
  }
  EXPECT_TRUE(store.bytes(0).empty());
}

TEST(Dictionary, GivesEqualEntriesOneCodeAndCodesAgain) {
  BlobStore store;
  Dictionary dictionary;
  std::mt19937 random(4);
  std::map<std::string, std::pair<Code, int>> held;  // code and users
  for (int step = 0; step < 20'000; ++step) {
    const std::string entry = "entry" + std::to_string(random() % (step < 10'000 ? 3000 : 40));
    const auto it = held.find(entry);
    if (it != held.end() && random() % 3 != 0) {
      dictionary.drop(it->second.first, store);
      if (--it->second.second == 0) held.erase(it);
      continue;
    }
    const auto use = dictionary.use(entry, store);
    ASSERT_EQ(use.fresh, it == held.end());
    ASSERT_GT(use.code, 0u);
    if (it != held.end()) {
      ASSERT_EQ(use.code, it->second.first);
    }
    auto& [code, users] = held[entry];
    code = use.code;
    ++users;
  }
  std::set<Code> codes;
  std::uint64_t users = 0;
  for (const auto& [entry, one] : held) {
    EXPECT_EQ(dictionary.entry(one.first, store), entry);
    EXPECT_TRUE(codes.insert(one.first).second);
    users += static_cast<std::uint64_t>(one.second);
  }
  EXPECT_EQ(dictionary.distinct(), held.size());
  EXPECT_EQ(dictionary.users(), users);
  EXPECT_LE(dictionary.end(), 3001u);  // codes were given again
}

TEST(Column, WidensPageByPage) {
  PageStore pages;
  Column column(pages);
  std::mt19937 random(5);
  std::map<Slot, Code> held;
  const auto at_page = [&](std::size_t page) { return static_cast<Slot>(page * kPageSlots + random() % kPageSlots); };
  for (int step = 0; step < 60'000; ++step) {
    const std::size_t page = random() % 5;
    // The first page few, the second small codes only, then up to two and up to four bytes; the last is emptied again.
    constexpr Code kMost[] = {70'000, 255, 65'535, 5'000'000, 200};
    const Slot slot = page == 0 ? static_cast<Slot>(random() % 90) : at_page(page);
    const Code code = random() % 3 == 0 ? 0 : static_cast<Code>(random() % kMost[page] + 1);
    column.set(slot, code);
    held[slot] = code;
  }
  for (const auto& [slot, code] : held) ASSERT_EQ(column.at(slot), code) << slot;
  EXPECT_EQ(column.width(0), Column::Width::kFew);
  EXPECT_EQ(column.width(1), Column::Width::k8);
  EXPECT_EQ(column.width(2), Column::Width::k16);
  EXPECT_EQ(column.width(3), Column::Width::k32);
  EXPECT_EQ(column.width(5), Column::Width::kNone);
  for (const auto& [slot, code] : held) {
    if (slot < kPageSlots) column.set(slot, 0);
  }
  EXPECT_EQ(column.width(0), Column::Width::kNone);
  EXPECT_EQ(column.at(100 * kPageSlots), 0u);
}

TEST(Shapes, AreSharedAndFoundWhateverElseCameAndWent) {
  Shapes shapes;
  EXPECT_EQ(shapes.use({}), 0u);
  EXPECT_TRUE(shapes.keys(0).empty());
  std::mt19937 random(8);
  std::map<std::vector<RowKey>, std::pair<Shapes::Id, int>> held;  // with its users
  for (int step = 0; step < 20'000; ++step) {
    std::vector<RowKey> keys;
    for (RowKey key = 0; key < 9; ++key) {
      if (random() % 2 == 0) keys.push_back(row_key(key, random() % 8 == 0));
    }
    if (keys.empty()) continue;
    const auto there = held.find(keys);
    if (there != held.end() && random() % 3 != 0) {
      shapes.drop(there->second.first);
      if (--there->second.second == 0) held.erase(there);
    } else {
      const Shapes::Id id = shapes.use(keys);
      auto& [kept, users] = held[keys];
      if (users++ > 0) {
        ASSERT_EQ(kept, id);
      }
      kept = id;
    }
    if (step % 50 != 0) continue;
    for (const auto& [list, one] : held) {
      ASSERT_TRUE(std::ranges::equal(shapes.keys(one.first), list));
      ASSERT_EQ(shapes.has_own(one.first), std::ranges::any_of(list, is_own));
    }
  }
  ASSERT_GT(held.size(), 100u);
  // One that nobody has any more makes room.
  const std::size_t full = shapes.memory_bytes();
  for (const auto& [list, one] : held) {
    for (int user = 0; user < one.second; ++user) shapes.drop(one.first);
  }
  EXPECT_LT(shapes.memory_bytes(), full);
  EXPECT_NE(shapes.use(std::vector<RowKey>{row_key(3, false)}), 0u);
}

TEST(Rows, KeepEachFactsTimeAndOwnValue) {
  BlobStore store;
  Rows rows(store);
  std::mt19937 random(6);
  struct Held {
    WallTime at;
    std::string own;
  };
  std::map<Slot, std::map<KeyId, Held>> all;
  for (int step = 0; step < 20'000; ++step) {
    const auto slot = static_cast<Slot>(random() % 4);
    auto& held = all[slot];
    // The last slot has hundreds of facts, most with a time of their own; the second now more times than sixteen and
    // now fewer; the others few times; now and then far-away ones.
    const auto key = static_cast<KeyId>(random() % (slot == 3 ? 400 : 40));
    if (random() % 5 == 0) {
      rows.erase(slot, key);
      held.erase(key);
      continue;
    }
    std::int64_t ms = 1'780'000'000'000 + static_cast<std::int64_t>(random() % (slot == 3 ? 100'000 : slot == 1 ? 24 : 5));
    if (slot == 2 && random() % 50 == 0) ms = random() % 2 == 0 ? std::int64_t{1} << 60 : -(std::int64_t{1} << 55);
    const std::string own = random() % 3 == 0 ? bytes_of_length(1 + random() % 40, 'x') : std::string();
    if (own.empty() && random() % 4 != 0) {
      const auto before = held.find(key);
      const bool same = before != held.end() && before->second.own.empty() && before->second.at == from_unix_ms(ms);
      ASSERT_EQ(rows.set_time(slot, key, from_unix_ms(ms)), !same) << "slot " << slot << " step " << step;
    } else {
      rows.set(slot, key, {from_unix_ms(ms), own});
    }
    held[key] = {from_unix_ms(ms), own};
    if (step % 20 != 0) continue;
    std::vector<Rows::Cell> cells;
    rows.read(slot, cells);
    ASSERT_EQ(cells.size(), held.size());
    auto cell = cells.begin();
    for (const auto& [id, expected] : held) {
      Rows::Cell found;
      ASSERT_TRUE(rows.find(slot, id, found));
      ASSERT_EQ(found.at, expected.at) << "slot " << slot << " step " << step;
      ASSERT_EQ(found.own, expected.own);
      ASSERT_EQ(cell->at, expected.at);
      ASSERT_EQ(cell->own, expected.own);
      ++cell;
    }
  }
  Rows::Cell none;
  EXPECT_FALSE(rows.find(1, 1000, none));
  EXPECT_FALSE(rows.find(77, 1, none));
  rows.clear(1);
  EXPECT_TRUE(rows.keys(1).empty());
}

TEST(Rows, TimesThatNobodyHasGo) {
  BlobStore blobs;
  Rows rows(blobs);
  constexpr KeyId kFacts = 40;
  std::vector<WallTime> expected;
  for (KeyId key = 0; key < kFacts; ++key) {
    expected.push_back(WallTime(Seconds(1000 + key)));
    rows.set(3, key, {expected.back(), {}});
  }
  std::mt19937 random(5);
  std::size_t most = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto key = static_cast<KeyId>(random() % kFacts);
    expected[key] = WallTime(Seconds(5000 + i));
    ASSERT_TRUE(rows.set_time(3, key, expected[key]));
    Rows::Cell cell;
    ASSERT_TRUE(rows.find(3, key, cell));
    ASSERT_EQ(cell.at, expected[key]);
    if (i == 1000) most = rows.memory_bytes() + blobs.memory_bytes();
  }
  std::vector<Rows::Cell> cells;
  rows.read(3, cells);
  for (KeyId key = 0; key < kFacts; ++key) EXPECT_EQ(cells[key].at, expected[key]);
  EXPECT_LE(rows.memory_bytes() + blobs.memory_bytes(), most + 4096);
}

TEST(FactCodec, EveryValueComesBack) {
  using testing::interface;
  Interface with_mac = interface("ens3", {"10.0.1.2", "2001:db8::1"});
  with_mac.mac = *MacAddress::parse("aa:bb:cc:dd:ee:ff");
  Route route;
  route.interface = "ens3";
  route.gateway_ip = *IpAddress::parse("10.0.1.1");
  route.local_ip = *IpAddress::parse("fe80::5");
  route.vpn = true;
  route.metric = 4'000'000'000;
  Certificate certificate;
  certificate.subject = "alice";
  certificate.sha256 = sha256("alice");
  certificate.not_before = from_unix_ms(-5);
  certificate.not_after = from_unix_ms(1'900'000'000'000);
  certificate.client_auth = true;
  certificate.trust = ChainTrust::kTrusted;
  certificate.usages = {"1.3.6.1.5.5.7.3.2", ""};
  Certificate nameless;
  nameless.trust = ChainTrust::kUntrusted;
  nameless.usages.emplace();
  const std::vector<FactValue> values{Unknown{UnknownReason::kUnsupported},
                                      Unknown{UnknownReason::kFailed},
                                      true,
                                      false,
                                      std::int64_t{0},
                                      std::int64_t{-1},
                                      INT64_MAX,
                                      INT64_MIN,
                                      std::string(),
                                      std::string("6.1.0-37-amd64"),
                                      std::string("0123456789abcdef0123456789abcdef"),
                                      std::string("0123456789ABCDEF"),
                                      std::string("01234567"),
                                      std::string("0123456789abCDEF"),
                                      std::string("abc"),
                                      std::string("4c4c4544-0042-3510-8054-b7c04f4a3333"),
                                      std::string("4C4C4544-0042-3510-8054-B7C04F4A3333"),
                                      std::string("4c4c4544-0042-3510-8054-b7c04f4a333G"),
                                      std::string("4c4c4544-0042-3510+8054-b7c04f4a3333"),
                                      std::string("aa:bb:cc:dd:ee:ff"),
                                      std::string("AA:BB:CC:DD:EE:FF"),
                                      std::string("aa-bb-cc-dd-ee-ff"),
                                      std::string("a\0b", 3),
                                      std::vector<std::string>{},
                                      std::vector<std::string>{"", "tcp 0.0.0.0:22", "aa:bb:cc:dd:ee:ff"},
                                      std::vector<Interface>{},
                                      std::vector<Interface>{with_mac, interface("", {}, false)},
                                      std::vector<Route>{route, Route{}},
                                      VulnerabilityCounts{.critical = 1, .low = UINT32_MAX, .unknown_fixable = 3},
                                      std::vector<Certificate>{certificate, nameless, Certificate{}}};
  std::set<std::string> forms;
  for (const FactValue& value : values) {
    std::string bytes;
    encode_value(value, bytes);
    FactValue back;
    ASSERT_TRUE(decode_value(bytes, back));
    EXPECT_EQ(back, value);
    EXPECT_TRUE(forms.insert(bytes).second);
    for (std::size_t cut = 0; cut < bytes.size(); ++cut)
      EXPECT_FALSE(decode_value(std::string_view(bytes).substr(0, cut), back));
    EXPECT_FALSE(decode_value(bytes + "x", back));
  }
  std::string uuid;
  encode_value(std::string("4c4c4544-0042-3510-8054-b7c04f4a3333"), uuid);
  EXPECT_EQ(uuid.size(), 19u);  // of 36
}

TEST(Deadlines, TellsTheEarliestOfEachSlot) {
  Deadlines deadlines;
  const auto at = [](int seconds) { return testing::kThen + Seconds(seconds); };
  EXPECT_FALSE(deadlines.next());
  deadlines.note(1, WallTime::max());
  EXPECT_FALSE(deadlines.next());
  deadlines.note(1, at(50));
  deadlines.note(2, at(30));
  deadlines.note(1, at(70));  // the earlier stays
  EXPECT_EQ(deadlines.next(), at(30));
  deadlines.note(1, at(20));
  EXPECT_EQ(deadlines.next(), at(20));
  EXPECT_FALSE(deadlines.due(at(19)));
  EXPECT_EQ(deadlines.due(at(25)), 1u);
  deadlines.clear(1);
  EXPECT_EQ(deadlines.next(), at(30));  // and not 50
  deadlines.clear(2);
  EXPECT_FALSE(deadlines.next());
  // Moved again and again, it doesn't grow.
  for (int i = 0; i < 10'000; ++i) deadlines.note(3, at(100'000 - i));
  EXPECT_LT(deadlines.memory_bytes(), 10'000u);
  EXPECT_EQ(deadlines.next(), at(90'001));
}

}  // namespace
}  // namespace postern::posture
