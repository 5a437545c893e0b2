// Backups: taken whole or not at all, and everything that is wrong is told with its line.
#include "gateway/config/backup.h"

#include <gmock/gmock.h>

#include "base/file.h"
#include "gateway/config/headed_text.h"

namespace postern::gateway::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const BackupSource kSource = {"1.2.3", "PGW0000000000001", from_unix_ms(1'780'000'000'000)};

std::string walk_text() {
  return *read_file(std::filesystem::path(POSTERN_SOURCE_DIR) / "tests/golden/gateway-config.txt", 1 << 20);
}

std::unique_ptr<ConfigStore> store_with(std::string_view text) {
  auto store = ConfigStore::in_memory(gateway_schema());
  Transaction t = store->begin(Actor::kGateway);
  EXPECT_TRUE(apply_text(t, text));
  EXPECT_TRUE(store->commit(t));
  return store;
}

TEST(Backup, AByteOrderMarkIsNoPartOfIt) {
  const auto store = store_with(walk_text());
  const auto text = "\xEF\xBB\xBF" + print_backup(*store->current(), kSource);
  EXPECT_TRUE(looks_like_backup(text));
  EXPECT_TRUE(read_backup(text, false));
  EXPECT_TRUE(replace_by_text(*store, "\xEF\xBB\xBF" + walk_text()).wrong.empty());
}

TEST(Backup, WhatIsWrongIsToldInOneLine) {
  const auto store = store_with(walk_text());
  const auto wrong = replace_by_text(*store, std::string_view("config firewall address\nedit \"a\0b\"\nend\n", 37)).wrong;
  ASSERT_FALSE(wrong.empty());
  EXPECT_EQ(wrong[0].message.find('\0'), std::string::npos);
  EXPECT_THAT(wrong[0].message, HasSubstr("\"a b\" is not allowed"));
}

TEST(Backup, BringsTheSameConfigurationBack) {
  const auto store = store_with(walk_text());
  const auto text = print_backup(*store->current(), kSource);
  EXPECT_TRUE(looks_like_backup(text));
  const auto backup = read_backup(text, false);
  ASSERT_TRUE(backup);
  EXPECT_EQ(backup->serial, "PGW0000000000001");
  EXPECT_EQ(backup->version, "1.2.3");
  EXPECT_EQ(backup->revision, "1");
  EXPECT_EQ(backup->time, "2026-05-28T20:26:40.000Z");
  auto other = store_with("config system global\nset hostname other\nend\nconfig firewall vip\nedit gone\nnext\nend\n");
  const auto replaced = replace_by_text(*other, backup->text);
  EXPECT_TRUE(replaced.wrong.empty());
  ASSERT_TRUE(other->commit(replaced.transaction));
  EXPECT_EQ(print_tree(*other->current()), walk_text());
  // It is configuration text itself.
  EXPECT_EQ(print_tree(*store_with(text)->current()), walk_text());
}

TEST(Backup, DamageAtAnyPlaceIsFound) {
  const auto store = store_with("config system global\nset hostname a\nend\n");
  const auto text = print_backup(*store->current(), kSource);
  const auto header = text.size() - print_tree(*store->current()).size();
  for (std::size_t n = 0; n < text.size(); ++n) {
    EXPECT_FALSE(read_backup(std::string_view(text).substr(0, n), false)) << n;
    if (n < header) continue;
    auto other = text;
    other[n] ^= 1;
    EXPECT_FALSE(read_backup(other, false)) << n;
  }
  const auto edited = text + "# mine\n";
  EXPECT_EQ(read_backup(edited, false).error().code, ErrorCode::kDataLoss);
  EXPECT_EQ(read_backup(edited, true)->text, edited);
  for (const char* nothing : {"", "\n", "# cut\n"}) EXPECT_FALSE(read_backup(nothing, true)) << nothing;
  EXPECT_EQ(read_backup("config system global\nend\n", false).error().code, ErrorCode::kInvalidArgument);
}

TEST(Backup, EveryWrongLineIsTold) {
  const auto store = store_with("config system global\nset hostname a\nend\n");
  const auto replaced = replace_by_text(*store,
                                        "config system global\n"
                                        "set hostname b\n"
                                        "set admin-sport 70000\n"
                                        "set colour red\n"
                                        "end\n"
                                        "config no such\n"
                                        "edit 1\nconfig x\nset y z\nend\nnext\n"
                                        "end\n"
                                        "config endpoint-control fctems\n"
                                        "edit 9\nset name x\nnext\n"   // 14
                                        "edit 1\n"
                                        "set status enable\n"
                                        "next\n"                         // 19: needs a server
                                        "edit 8\nset name y\n"           // 20, and end without next
                                        "end\n"
                                        "config firewall access-proxy\n"
                                        "edit web\n"
                                        "set vip nowhere\n"              // 25: found at the end
                                        "next\nend\n"
                                        "frobnicate\n");                 // 28
  std::vector<std::size_t> lines;
  for (const auto& w : replaced.wrong) lines.push_back(w.line);
  EXPECT_THAT(lines, ElementsAre(3, 4, 6, 14, 19, 20, 25, 28));
  EXPECT_THAT(replaced.wrong[0].message, testing::AllOf(HasSubstr("70000"), HasSubstr("0 to 65535")));
  EXPECT_THAT(replaced.wrong[6].message, HasSubstr("there is no \"nowhere\" in firewall vip"));
  EXPECT_EQ(store->current()->single("system global").text("hostname"), "a");
  EXPECT_FALSE(replaced.transaction.changed());
}

TEST(Backup, AnUnclosedQuoteAndAMissingEndAreTold) {
  const auto store = store_with("config system global\nset hostname a\nend\n");
  auto wrong = replace_by_text(*store, "config system global\nset hostname \"b\nend\n").wrong;
  ASSERT_EQ(wrong.size(), 1u);
  EXPECT_EQ(wrong[0].line, 2u);
  wrong = replace_by_text(*store, "config system global\nset hostname b\n").wrong;
  ASSERT_EQ(wrong.size(), 1u);
  EXPECT_THAT(wrong[0].message, HasSubstr("end is missing"));
}

TEST(Backup, NobodyIsLockedOut) {
  const auto store = store_with("config system admin\nedit ann\nset password \"ENC argon2id$Wnb5Tvf6WLPSLEhPlj1cRw$N0CUh3v7iLMzAc60Y5qIU7R6d6kB4l53zcUtNUFmBb0\"\nnext\nend\n");
  auto replaced = replace_by_text(*store, "config system global\nset hostname b\nend\nconfig system admin\nedit bob\nnext\nend\n");
  EXPECT_THAT(replaced.notes, ElementsAre(HasSubstr("administrators of now stay")));
  ASSERT_TRUE(store->commit(replaced.transaction));
  ASSERT_EQ(store->current()->entries("system admin").size(), 1u);
  EXPECT_EQ(store->current()->entries("system admin")[0].key(), "ann");
  // With an administrator of its own it brings that.
  replaced = replace_by_text(*store, "config system admin\nedit bob\nset password \"ENC argon2id$Xnb5Tvf6WLPSLEhPlj1cRw$M0CUh3v7iLMzAc60Y5qIU7R6d6kB4l53zcUtNUFmBb0\"\nnext\nend\n");
  ASSERT_TRUE(store->commit(replaced.transaction));
  EXPECT_EQ(store->current()->entries("system admin")[0].key(), "bob");
}

TEST(Backup, AResetKeepsWhoIsSignedIn) {
  const auto store = store_with(walk_text() + "config system global\nset admin-sport 9443\nend\n"
                                              "config system admin\nedit ann\nset password \"ENC argon2id$Wnb5Tvf6WLPSLEhPlj1cRw$N0CUh3v7iLMzAc60Y5qIU7R6d6kB4l53zcUtNUFmBb0\"\nnext\nend\n");
  const auto admins = print_table(*store->current(), {{"system admin", ""}}, ShowMode::kChanged);
  const auto replaced = replace_by_nothing(*store);
  ASSERT_TRUE(replaced.wrong.empty());
  ASSERT_TRUE(store->commit(replaced.transaction));
  EXPECT_EQ(print_tree(*store->current()), "config system global\n    set admin-sport 9443\nend\n" + admins);
}

}  // namespace
}  // namespace postern::gateway::config
