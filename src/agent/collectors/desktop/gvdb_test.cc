#include "agent/collectors/desktop/gvdb.h"

#include <gtest/gtest.h>

#include "agent/collectors/desktop/gvdb_lab.h"
#include "base/file.h"

namespace postern::agent {
namespace {

constexpr std::monostate kOtherType{};

std::string compiled_by_dconf(const char* name) {
  return read_file(std::string(POSTERN_SOURCE_DIR "/src/agent/collectors/desktop/testdata/") + name, 1u << 20).value();
}

ErrorCode refused(std::string file) {
  const auto table = GvdbTable::open(std::move(file));
  return table ? ErrorCode::kInternal : table.error().code;
}

/// testdata/README.md tells what is in it.
GvdbValue value_of_many(int n) {
  switch (n % 6) {
    case 0:
      return true;
    case 1:
      return false;
    case 2:
      return static_cast<std::uint32_t>(n) * 1000003u;
    case 3:
      return std::int32_t{-7 * n};
    default:
      return kOtherType;
  }
}

TEST(Gvdb, IsReadAsDconfWritesIt) {
  const auto table = GvdbTable::open(compiled_by_dconf("many"));
  ASSERT_TRUE(table) << table.error().message;
  const auto locks = table->table(".locks");
  ASSERT_TRUE(locks);
  for (int n = 0; n < 96; ++n) {
    const auto path = "/org/example/group-" + std::to_string(n / 8) + "/key-" + std::to_string(n % 8);
    EXPECT_EQ(table->value(path), value_of_many(n)) << path;
    EXPECT_EQ(locks->value(path).has_value(), n % 3 == 0) << path;
  }
  for (const auto* none :
       {"", "/", "/org/", "/org/example/group-0/key-8", "key-0", "org/example/group-0/key-0", ".locks"})
    EXPECT_EQ(table->value(none), std::nullopt) << none;
  EXPECT_FALSE(table->table("/org/"));
}

TEST(Gvdb, HasNumbersOfItsMachinesOrder) {
  for (const bool big : {false, true}) {
    const auto table =
        GvdbTable::open(compiled_database({{"/u", 258u}, {"/i", -2}, {"/b", true}, {"/s", kOtherType}}, {}, big));
    ASSERT_TRUE(table);
    EXPECT_EQ(table->value("/u"), GvdbValue(258u));
    EXPECT_EQ(table->value("/i"), GvdbValue(-2));
    EXPECT_EQ(table->value("/b"), GvdbValue(true));
    EXPECT_EQ(table->value("/s"), GvdbValue());
    EXPECT_FALSE(table->table(".locks"));
  }
}

TEST(Gvdb, OfNothingHoldsNothing) {
  const auto table = GvdbTable::open(compiled_database({}));
  ASSERT_TRUE(table);
  EXPECT_EQ(table->value("/x"), std::nullopt);
}

TEST(Gvdb, ThatIsCutIsRefused) {
  const auto whole = compiled_by_dconf("gnome");
  for (std::size_t n = 0; n < whole.size(); ++n) EXPECT_EQ(refused(whole.substr(0, n)), ErrorCode::kDataLoss) << n;
  EXPECT_EQ(refused("[org/gnome/desktop/session]\nidle-delay=uint32 300\n"), ErrorCode::kDataLoss);
}

TEST(Gvdb, ThatIsDamagedIsRefused) {
  const auto whole = compiled_by_dconf("gnome");
  const auto with = [&](std::size_t at, char byte) {
    auto out = whole;
    out[at] = byte;
    return out;
  };
  for (const std::size_t at : {0, 8, 16, 20, 23}) EXPECT_EQ(refused(with(at, '\x55')), ErrorCode::kDataLoss) << at;
  EXPECT_EQ(refused(with(0x18, 1)), ErrorCode::kUnsupported);  // a word of a Bloom filter
  EXPECT_EQ(refused(with(0x20, 11)), ErrorCode::kDataLoss);    // a bucket that begins behind the items
  // The third item of the root.
  EXPECT_EQ(refused(with(0x7c, 0x0b)), ErrorCode::kDataLoss);    // a parent that there isn't
  EXPECT_EQ(refused(with(0x82, '\x7f')), ErrorCode::kDataLoss);  // a key that lies outside
  EXPECT_EQ(refused(with(0x86, 'x')), ErrorCode::kDataLoss);     // neither value, table nor list
  EXPECT_EQ(refused(with(0x88, '\x89')), ErrorCode::kDataLoss);  // a value that is not aligned
  EXPECT_EQ(refused(with(0x8d, 0)), ErrorCode::kDataLoss);       // one that ends before it begins
  EXPECT_EQ(refused(with(0x2c8, 2)), ErrorCode::kDataLoss);      // a boolean that is neither
}

TEST(Gvdb, ThatIsItsOwnTableIsRefused) {
  auto file = compiled_database({}, {"/x"});
  // The root's only item, made to hold the root.
  const auto root = file.substr(16, 8);
  const auto inner = file.rfind(".locks") - 8;
  file.replace(inner, 8, root);
  EXPECT_EQ(refused(file), ErrorCode::kUnsupported);
}

TEST(Gvdb, WhoseParentsGoRoundHasNoSuchKey) {
  auto file = compiled_database({{"aa", true}});
  const auto item = file.find(std::string("\xff\xff\xff\xff", 4)) - 4;
  file.replace(item + 4, 4, std::string(4, '\0'));
  const auto table = GvdbTable::open(file);
  ASSERT_TRUE(table);
  EXPECT_EQ(table->value("aa"), std::nullopt);
}

TEST(Gvdb, OfMoreThanIsReadIsRefused) {
  auto file = compiled_database({{"/x", true}});
  const std::size_t buckets = kMaxGvdbEntries + 1;
  std::string table = file.substr(24, 4);
  for (int i = 0; i < 4; ++i) table += static_cast<char>(buckets >> 8 * i);
  table.append(buckets * 4, '\0');
  file = file.substr(0, 24) + table;
  const auto end = file.size();
  for (std::size_t i = 0; i < 4; ++i) file[20 + i] = static_cast<char>(end >> 8 * i);
  EXPECT_EQ(refused(file), ErrorCode::kResourceExhausted);
}

}  // namespace
}  // namespace postern::agent
