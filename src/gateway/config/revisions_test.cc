// The history of the configuration, and that it agrees with the file whatever happened to either.
#include "gateway/config/revisions.h"

#include <gmock/gmock.h>
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>

#include "base/file.h"
#include "gateway/config/backup.h"
#include "gateway/config/difference.h"
#include "gateway/config/store.h"
#include "gateway/config/text.h"

namespace postern::gateway::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class RevisionsTest : public testing::Test {
 protected:
  void SetUp() override {
    directory = std::filesystem::temp_directory_path() / ("postern-revisions-" + std::to_string(::getpid()));
    std::filesystem::remove_all(directory);
    std::filesystem::create_directories(directory);
    open();
  }
  void TearDown() override { std::filesystem::remove_all(directory); }

  void open(Revisions::Limits limits = {}) {
    store.reset();
    auto opened = ConfigStore::open(gateway_schema(), file(), {&clock, limits});
    ASSERT_TRUE(opened) << opened.error().message;
    store = std::move(*opened);
  }
  void commit(std::string_view text, const Author& author = {"ann", "cli", {}}) {
    auto t = store->begin();
    const auto applied = apply_text(t, text);
    ASSERT_TRUE(applied) << applied.error().message;
    const auto done = store->commit(t, author);
    ASSERT_TRUE(done) << done.error().message;
    clock.advance(std::chrono::seconds(1));
  }
  void name(const std::string& hostname) { commit("config system global\nset hostname " + hostname + "\nend\n"); }
  std::string hostname() const { return store->current()->single("system global").text("hostname"); }
  std::vector<std::uint64_t> ids() const {
    std::vector<std::uint64_t> out;
    for (const auto& [id, r] : store->revisions().all()) out.push_back(id);
    return out;
  }
  std::filesystem::path file() const { return directory / "gateway.conf"; }
  std::filesystem::path history() const { return directory / "gateway.revisions"; }
  std::filesystem::path revision(int id) const { return history() / fmt::format("{:010}.conf", id); }

  std::filesystem::path staged(int id) const { return history() / fmt::format("{:010}.staged", id); }

  std::filesystem::path directory;
  ManualClock clock;
  std::unique_ptr<ConfigStore> store;
};

TEST_F(RevisionsTest, EachCommitThatChangesSomethingIsOne) {
  EXPECT_THAT(ids(), ElementsAre());
  name("a");
  name("a");  // changes nothing
  commit("config firewall vip\nedit web\nset extport 8443\nnext\nend\n", {"bob", "api", "why"});
  EXPECT_THAT(ids(), ElementsAre(1, 2));
  for (int again = 0; again < 2; ++again) {
    const auto* r = store->revisions().find(2);
    ASSERT_NE(r, nullptr);
    EXPECT_EQ(r->author, (Author{"bob", "api", "why"}));
    EXPECT_EQ(r->summary, "firewall vip web made");
    EXPECT_EQ(to_unix_ms(r->time), 1'780'000'002'000);
    EXPECT_EQ(*store->revisions().text(2), print_tree(*store->current()));
    EXPECT_EQ(store->revisions().find(1)->summary, "system global changed");
    EXPECT_EQ(store->current()->revision(), 2u);
    open();
  }
  EXPECT_EQ((std::filesystem::status(revision(2)).permissions() & std::filesystem::perms::all),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(RevisionsTest, TheOldestGo) {
  open({3, 1 << 20});
  for (const char* n : {"a", "b", "c", "d", "e"}) name(n);
  EXPECT_THAT(ids(), ElementsAre(3, 4, 5));
  EXPECT_FALSE(std::filesystem::exists(revision(2)));
  const auto size = store->revisions().find(5)->bytes;
  open({100, 2 * size});
  name("f");
  EXPECT_THAT(ids(), ElementsAre(5, 6));
  open({100, 1});  // the one in force stays
  name("g");
  EXPECT_THAT(ids(), ElementsAre(7));
}

TEST_F(RevisionsTest, OneThatNeverCameIntoForceIsDropped) {
  name("a");
  const std::string old_file = *read_file(file(), 1 << 20);
  name("b");
  const std::string new_file = *read_file(file(), 1 << 20);
  // Killed between the revision and the file.
  std::filesystem::rename(revision(2), staged(2));
  ASSERT_TRUE(write_file_atomic(file(), old_file));
  open();
  EXPECT_EQ(hostname(), "a");
  EXPECT_THAT(ids(), ElementsAre(1));
  EXPECT_FALSE(std::filesystem::exists(staged(2)));
  name("c");
  EXPECT_THAT(ids(), ElementsAre(1, 2));
  // Killed right behind the file.
  std::filesystem::rename(revision(2), staged(2));
  open();
  EXPECT_EQ(hostname(), "c");
  EXPECT_THAT(ids(), ElementsAre(1, 2));
  EXPECT_EQ(store->revisions().find(2)->author.name, "ann");
  EXPECT_TRUE(std::filesystem::exists(revision(2)));
}

TEST_F(RevisionsTest, AnOldFilePutBackLosesNoHistory) {
  name("a");
  name("b");
  const std::string old_file = *read_file(file(), 1 << 20);
  name("c");
  for (const int steps : {1, 2}) {
    ASSERT_TRUE(write_file_atomic(file(), old_file));
    open();
    EXPECT_EQ(hostname(), "b");
    EXPECT_EQ(ids().size(), 2u + steps);
    name("d" + std::to_string(steps));
    EXPECT_EQ(ids().size(), 3u + steps);
  }
  EXPECT_THAT(ids(), ElementsAre(1, 2, 3, 4, 5));
}

// To start with less than was configured would let in whom a policy kept out.
TEST_F(RevisionsTest, AFileThatWasLostOrCutOffIsNotTakenForAnEmptyConfiguration) {
  name("a");
  commit("config firewall address\nedit x\nset subnet 10.0.0.0/8\nnext\nend\n");
  const std::string whole = *read_file(file(), 1 << 20);
  const auto refused = [&](const char* why) {
    store.reset();
    const auto opened = ConfigStore::open(gateway_schema(), file(), {&clock, {}});
    ASSERT_FALSE(opened) << why;
    EXPECT_EQ(opened.error().code, ErrorCode::kDataLoss);
    EXPECT_THAT(opened.error().message, testing::AllOf(HasSubstr(why), HasSubstr("revision 2 stands in"), HasSubstr("postern-gateway recover")));
  };
  std::filesystem::remove(file());
  refused("is missing");
  const auto second_table = whole.find("config firewall address");
  for (const auto size : {std::size_t{0}, std::size_t{20}, whole.find('\n') + 1, second_table}) {
    ASSERT_TRUE(write_file_atomic(file(), whole.substr(0, size)));
    refused(size == second_table ? "is cut off" : "is empty");
  }
  const auto taken = ConfigStore::recover(file(), std::nullopt);
  ASSERT_TRUE(taken) << taken.error().message;
  EXPECT_EQ(*taken, 2u);
  EXPECT_EQ(*read_file(file(), 1 << 20), whole);
  EXPECT_EQ(ConfigStore::recover(file(), 1).value_or(0), 1u);
  open();
  EXPECT_EQ(hostname(), "a");
  EXPECT_TRUE(store->current()->entries("firewall address").size() < 4);
  EXPECT_THAT(ids(), ElementsAre(1, 2));
  EXPECT_FALSE(ConfigStore::recover(file(), 9));
  // On purpose.
  ASSERT_TRUE(write_file_atomic(file(), "config system global\nset hostname short\nend\n"));
  open();
  EXPECT_EQ(hostname(), "short");
  // A damaged revision is not what is gone back to.
  ASSERT_TRUE(write_file_atomic(revision(3), "rubbish"));
  EXPECT_EQ(ConfigStore::recover(file(), std::nullopt).value_or(0), 2u);
}

TEST_F(RevisionsTest, AFileFromElsewhereIsARevisionOfItsOwn) {
  name("a");
  ASSERT_TRUE(write_file_atomic(file(), "config system global\nset hostname by-hand\nend\n"));
  open();
  EXPECT_THAT(ids(), ElementsAre(1, 2));
  EXPECT_EQ(store->revisions().find(2)->author.by, "start");
  EXPECT_EQ(store->configuration_of(2).value()->single("system global").text("hostname"), "by-hand");
  open();  // and is so once
  EXPECT_THAT(ids(), ElementsAre(1, 2));
  EXPECT_EQ(store->current()->revision(), 2u);
}

TEST_F(RevisionsTest, DamageIsToldAndKeepsNothingFromStarting) {
  for (const char* n : {"a", "b", "c"}) name(n);
  auto bytes = *read_file(revision(1), 1 << 20);
  bytes[bytes.size() - 4] ^= 1;
  ASSERT_TRUE(write_file_atomic(revision(1), bytes));
  ASSERT_TRUE(write_file_atomic(revision(2), ""));
  ASSERT_TRUE(write_file_atomic(history() / "0000000003.conf.tmp.7", "half"));
  ASSERT_TRUE(write_file_atomic(history() / "notes.txt", "mine"));
  open();
  EXPECT_EQ(hostname(), "c");
  EXPECT_THAT(store->revisions().find(1)->damage, HasSubstr("checksum"));
  EXPECT_THAT(store->revisions().find(2)->damage, HasSubstr("does not begin with"));
  EXPECT_EQ(store->revisions().find(3)->damage, "");
  EXPECT_FALSE(std::filesystem::exists(history() / "0000000003.conf.tmp.7"));
  EXPECT_TRUE(std::filesystem::exists(history() / "notes.txt"));
  const auto broken = store->configuration_of(1);
  ASSERT_FALSE(broken);
  EXPECT_THAT(broken.error().message, HasSubstr("execute revision delete config 1"));
  EXPECT_FALSE(store->comment_revision(1, "x"));
  EXPECT_TRUE(store->remove_revision(1));
  name("d");
  EXPECT_THAT(ids(), ElementsAre(2, 3, 4));
  // The one in force itself.
  ASSERT_TRUE(write_file_atomic(revision(4), "rubbish"));
  open();
  EXPECT_EQ(hostname(), "d");
  EXPECT_THAT(ids(), ElementsAre(2, 3, 4, 5));
  // No directory at all: a file stands there.
  std::filesystem::remove_all(history());
  ASSERT_TRUE(write_file_atomic(history(), "in the way"));
  open();
  EXPECT_EQ(hostname(), "d");
  auto t = store->begin();
  ASSERT_TRUE(apply_text(t, "config system global\nset hostname e\nend\n"));
  const auto refused = store->commit(t);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, testing::AllOf(HasSubstr("stays as it was"), HasSubstr("gateway.revisions")));
  EXPECT_EQ(hostname(), "d");
}

TEST_F(RevisionsTest, CommentsAndDeletionLast) {
  name("a");
  name("b");
  ASSERT_TRUE(store->comment_revision(1, "before the\nmove"));
  EXPECT_FALSE(store->comment_revision(9, "x"));
  EXPECT_FALSE(store->comment_revision(1, std::string(256, 'x')));
  EXPECT_FALSE(store->remove_revision(2)) << "it is in force";
  open();
  EXPECT_EQ(store->revisions().find(1)->author.comment, "before the move");
  EXPECT_EQ(*store->revisions().text(1), "config system global\n    set hostname \"a\"\nend\n");
  ASSERT_TRUE(store->remove_revision(1));
  open();
  EXPECT_THAT(ids(), ElementsAre(2));
}

TEST_F(RevisionsTest, GoingBackLeavesAccountsAlone) {
  commit("config system admin\nedit admin\nset password \"ENC argon2id$Wnb5Tvf6WLPSLEhPlj1cRw$N0CUh3v7iLMzAc60Y5qIU7R6d6kB4l53zcUtNUFmBb0\"\nnext\nend\n");
  commit("config system api-user\nedit gone\nnext\nend\n");
  commit("config firewall vip\nedit web\nset extport 8443\nnext\nend\n");
  commit("config system admin\nedit admin\nset password \"ENC argon2id$Xnb5Tvf6WLPSLEhPlj1cRw$M0CUh3v7iLMzAc60Y5qIU7R6d6kB4l53zcUtNUFmBb0\"\nnext\nend\n"
         "config system api-user\ndelete gone\nend\nconfig firewall vip\ndelete web\nend\n");
  auto back = replace_by_revision(*store, 3);
  ASSERT_TRUE(back);
  EXPECT_THAT(back->notes, ElementsAre(HasSubstr("stay as they are now")));
  ASSERT_TRUE(store->commit(back->transaction, {"ann", "rollback", {}}));
  EXPECT_EQ(store->current()->entries("firewall vip").size(), 1u);
  EXPECT_EQ(store->current()->entries("system admin")[0].text("password"), "ENC argon2id$Xnb5Tvf6WLPSLEhPlj1cRw$M0CUh3v7iLMzAc60Y5qIU7R6d6kB4l53zcUtNUFmBb0");
  EXPECT_TRUE(store->current()->entries("system api-user").empty());
  EXPECT_EQ(store->current()->revision(), 5u);
  // To before the first administrator.
  auto nobody = replace_by_revision(*store, 1);
  ASSERT_TRUE(nobody);
  ASSERT_TRUE(store->commit(nobody->transaction, {"ann", "rollback", {}}));
  EXPECT_EQ(store->current()->entries("system admin").size(), 1u);
}

TEST_F(RevisionsTest, GoingBackAcceptsNoCertificateAgain) {
  const std::string kPin(64, 'a');
  const auto connector = [&](const char* server, const std::string& more) {
    auto t = store->begin(Actor::kGateway);
    const auto text = fmt::format("config endpoint-control fctems\nedit 1\nset status enable\nset name E\nset server {}\n{}next\nend\n",
                                  server, more);
    ASSERT_TRUE(apply_text(t, text));
    ASSERT_TRUE(store->commit(t, {"ann", "cli", {}}));
  };
  const auto pin_after = [&](std::uint64_t revision) {
    auto back = replace_by_revision(*store, revision);
    EXPECT_TRUE(back) << back.error().message;
    const auto& values = back->transaction.tree().find({{"endpoint-control fctems", "1"}})->values;
    return std::pair(values.contains("certificate-fingerprint"), back->notes.size());
  };
  connector("10.0.2.10", "set certificate-fingerprint " + kPin + "\n");
  connector("10.0.2.10", "unset certificate-fingerprint\n");
  EXPECT_EQ(pin_after(1), std::pair(false, std::size_t{1})) << "it was taken back";
  connector("10.0.2.11", "set certificate-fingerprint " + kPin + "\n");
  EXPECT_EQ(pin_after(2), std::pair(false, std::size_t{0}));
  EXPECT_EQ(pin_after(1), std::pair(true, std::size_t{0})) << "of the server that it goes back to";
}

TEST_F(RevisionsTest, DifferencesShowNoSecrets) {
  const std::string key = "-----BEGIN PRIVATE KEY-----\\nc2VjcmV0\\n-----END PRIVATE KEY-----";
  std::string pem;
  for (std::size_t i = 0; i < key.size(); ++i) {
    if (key[i] == '\\') {
      pem += '\n';
      ++i;
    } else {
      pem += key[i];
    }
  }
  ConfigTree before = *store->current();
  Transaction t(store->current(), Actor::kGateway);
  const ObjectPath certificate = {{"certificate local", "web"}}, admin = {{"system admin", "ann"}};
  ASSERT_TRUE(t.edit(certificate));
  ASSERT_TRUE(t.set(certificate, "private-key", {pem}));
  ASSERT_TRUE(t.edit(admin));
  ASSERT_TRUE(t.set(admin, "password", {"ENC argon2id$Wnb5Tvf6WLPSLEhPlj1cRw$N0CUh3v7iLMzAc60Y5qIU7R6d6kB4l53zcUtNUFmBb0"}));
  const auto shown = print_difference(before, t.tree());
  EXPECT_THAT(shown, testing::AllOf(HasSubstr("a private key, not shown"), HasSubstr("a hash, not shown")));
  EXPECT_THAT(shown, testing::AllOf(Not(HasSubstr("c2VjcmV0")), Not(HasSubstr("argon2id"))));
}

TEST_F(RevisionsTest, TheOrderOfPoliciesIsPartOfTheDifference) {
  std::string text = "config firewall proxy-policy\n";
  for (int id = 1; id <= 4; ++id) text += fmt::format("edit {}\nset access-proxy web\nset srcaddr a\nnext\n", id);
  commit("config firewall address\nedit a\nset subnet 10.0.1.0/24\nnext\nedit c\nset subnet 10.0.3.0/24\nnext\nend\n"
         "config firewall vip\nedit web\nnext\nend\nconfig firewall access-proxy\nedit web\nset vip web\nnext\nend\n");
  commit(text + "end\n");
  commit("config firewall proxy-policy\nmove 4 before 2\ndelete 3\nedit 5\nset access-proxy web\nset srcaddr c\nnext\n"
         "move 5 before 1\nend\n");
  EXPECT_EQ(print_difference(*store->configuration_of(2).value(), *store->current()),
            " config firewall proxy-policy\n"
            "+    edit 5\n+        set access-proxy \"web\"\n+        set srcaddr \"c\"\n+    next\n"
            "-    edit 3\n-        set access-proxy \"web\"\n-        set srcaddr \"a\"\n-    next\n"
            "+    move 5 before 1\n+    move 2 after 4\n"
            " end\n");
}

}  // namespace
}  // namespace postern::gateway::config
