#include "agent/shell/state_dir.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <set>

#include "base/file.h"
#include "pki/authority.h"

namespace postern::agent {
namespace {

namespace fs = std::filesystem;

class State : public testing::Test {
 protected:
  State() {
    std::string name = (fs::temp_directory_path() / "postern-state-XXXXXX").string();
    directory_ = fs::path(::mkdtemp(name.data())) / "data";
  }
  ~State() override { fs::remove_all(directory_.parent_path()); }
  Enrolment enrolment(const pki::PrivateKey& key) {
    SeededRandom random(3);
    const pki::Validity validity{from_unix_ms(1'000'000), from_unix_ms(900'000'000)};
    const auto ca = pki::make_root("CA", "Postern", validity, random);
    Enrolment e{EndpointUid(std::string(32, 'A')), EmsSerial("PSTEMS0000000001"), TenantId(std::string(32, '0')),
                {"ems:8013", "[::1]:1"}, {}, key, {}, {}, {}, {}};
    e.root_key_sha256.fill(7);
    const auto leaf = pki::issue_client(ca, pki::make_request(key), e.uid, e.ems_serial, validity, random);
    EXPECT_TRUE(adopt_chain(e, {*leaf, ca.certificate}));
    return e;
  }
  unsigned mode(const char* name) {
    struct stat st {};
    return ::stat((directory_ / name).c_str(), &st) == 0 ? st.st_mode & 0777 : 0;
  }
  fs::path directory_;
};

TEST_F(State, AnEnrolmentSurvives) {
  const auto state = StateDir::open(directory_);
  ASSERT_TRUE(state);
  EXPECT_FALSE(state->load()->enrolment);
  const auto key = state->enrolment_key();
  ASSERT_TRUE(key);
  EXPECT_FALSE(key->reused);
  const auto e = enrolment(key->key);
  ASSERT_TRUE(state->store(e));
  const auto loaded = state->load();
  ASSERT_TRUE(loaded && loaded->enrolment);
  EXPECT_EQ(loaded->enrolment->uid, e.uid);
  EXPECT_EQ(loaded->enrolment->addresses, e.addresses);
  EXPECT_EQ(loaded->enrolment->root_key_sha256, e.root_key_sha256);
  EXPECT_EQ(loaded->enrolment->chain_der, e.chain_der);
  EXPECT_EQ(loaded->enrolment->not_after, e.not_after);
  EXPECT_EQ(mode("client.key"), 0600u);
  EXPECT_EQ(mode("agent.json"), 0600u);
  EXPECT_EQ(*read_file(directory_ / "client.pem", 1 << 20), e.chain_pem());
}

TEST_F(State, AnEnrolmentThatWasCutOffIsRepeatedWithTheSameKey) {
  Sha256 first;
  {
    const auto state = StateDir::open(directory_);
    first = state->enrolment_key()->key.public_key_sha256();
  }
  const auto state = StateDir::open(directory_);
  EXPECT_FALSE(state->load()->enrolment);
  const auto again = state->enrolment_key();
  EXPECT_TRUE(again->reused);
  EXPECT_EQ(again->key.public_key_sha256(), first);
}

TEST_F(State, CutOffBetweenTheTwoFilesItIsWhole) {
  const auto state = StateDir::open(directory_);
  const auto e = enrolment(state->enrolment_key()->key);
  ASSERT_TRUE(state->store(e));
  fs::remove(directory_ / "client.pem");
  ASSERT_TRUE(state->load()->enrolment);
  EXPECT_EQ(*read_file(directory_ / "client.pem", 1 << 20), e.chain_pem());
}

TEST_F(State, WithoutItsKeyItIsNoEndpoint) {
  const auto state = StateDir::open(directory_);
  ASSERT_TRUE(state->store(enrolment(state->enrolment_key()->key)));
  ASSERT_TRUE(state->store_key(pki::PrivateKey::generate()));  // another one
  EXPECT_FALSE(state->load()->enrolment);
  fs::remove(directory_ / "client.key");  // as far as an interrupted deregistration came
  const auto loaded = state->load();
  ASSERT_TRUE(loaded);
  EXPECT_FALSE(loaded->enrolment);
  EXPECT_NE(loaded->deregistered_because, "");
}

TEST_F(State, WhatIsForgottenIsGoneAndTheReasonStays) {
  const auto state = StateDir::open(directory_);
  const auto old = state->enrolment_key()->key.public_key_sha256();
  ASSERT_TRUE(state->store(enrolment(state->enrolment_key()->key)));
  ASSERT_TRUE(state->forget("removed by an administrator"));
  EXPECT_FALSE(fs::exists(directory_ / "client.key"));
  EXPECT_FALSE(fs::exists(directory_ / "client.pem"));
  EXPECT_EQ(state->load()->deregistered_because, "removed by an administrator");
  const auto key = state->enrolment_key();
  EXPECT_FALSE(key->reused);
  EXPECT_NE(key->key.public_key_sha256(), old);
  ASSERT_TRUE(state->forget(""));
  EXPECT_EQ(state->load()->deregistered_because, "");
}

TEST_F(State, DamageIsSaidAndNotGuessedAway) {
  const auto state = StateDir::open(directory_);
  ASSERT_TRUE(state->store(enrolment(state->enrolment_key()->key)));
  ASSERT_TRUE(write_file_atomic(directory_ / "agent.json", "{\"registration\":\"registered\"}"));
  EXPECT_EQ(state->load().error().code, ErrorCode::kDataLoss);
  ASSERT_TRUE(write_file_atomic(directory_ / "agent.json", "torn"));
  EXPECT_NE(state->load().error().message.find("agent.json"), std::string::npos);
  ASSERT_TRUE(write_file_atomic(directory_ / "client.key", "torn"));
  EXPECT_NE(state->load().error().message.find("client.key"), std::string::npos);
}

/// On a disk of sixteen pages, in a mount namespace of the test's.
class FullDisk : public State {
 protected:
  static constexpr std::size_t kPage = 4096;
  void SetUp() override {
    if (::unshare(CLONE_NEWNS) != 0) GTEST_SKIP() << "no right to make a mount namespace";
    ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    ASSERT_EQ(::mount("tmpfs", disk().c_str(), "tmpfs", 0, "size=64k"), 0);
    mounted_ = true;
  }
  void TearDown() override {
    if (mounted_) ::umount2(disk().c_str(), MNT_DETACH);
  }
  fs::path disk() const { return directory_.parent_path(); }
  void fill(std::size_t pages_left = 0) {
    const auto ballast = disk() / "ballast";
    fs::remove(ballast);
    std::ofstream(ballast, std::ios::binary) << std::string(64u << 10, 'x');
    const auto size = fs::file_size(ballast) / kPage * kPage;
    ASSERT_GE(size, pages_left * kPage);
    fs::resize_file(ballast, size - pages_left * kPage);
  }
  void make_room() { fs::remove(disk() / "ballast"); }
  std::set<std::string> files() const {
    std::set<std::string> out;
    for (const auto& entry : fs::directory_iterator(directory_)) out.insert(entry.path().filename());
    return out;
  }
  static void expect_told(const Error& error, const char* file) {
    EXPECT_EQ(error.code, ErrorCode::kResourceExhausted) << error.message;
    EXPECT_NE(error.message.find("No space left"), std::string::npos) << error.message;
    EXPECT_NE(error.message.find(file), std::string::npos) << error.message;
  }
  bool mounted_ = false;
};

TEST_F(FullDisk, AnEnrolmentIsNotHalfThereAndIsRepeated) {
  const auto state = StateDir::open(directory_);
  ASSERT_TRUE(state);
  fill();
  const auto refused = state->enrolment_key();  // before the EMS hears of it
  ASSERT_FALSE(refused);
  expect_told(refused.error(), "client.key");
  EXPECT_EQ(files(), std::set<std::string>{"lock"});
  make_room();
  const auto key = state->enrolment_key();
  ASSERT_TRUE(key);
  const auto e = enrolment(key->key);
  for (const std::size_t pages : {0u, 1u}) {  // none of its two files fits, or one
    fill(pages);
    const auto stored = state->store(e);
    ASSERT_FALSE(stored) << pages;
    expect_told(stored.error(), pages == 0 ? "client.pem" : "agent.json");
    const auto loaded = state->load();
    ASSERT_TRUE(loaded);
    EXPECT_FALSE(loaded->enrolment) << pages;
    EXPECT_EQ(files(), (std::set<std::string>{"client.key", "lock"})) << pages;
  }
  make_room();
  const auto again = state->enrolment_key();
  EXPECT_TRUE(again->reused);
  EXPECT_EQ(again->key.public_key_sha256(), key->key.public_key_sha256());
  ASSERT_TRUE(state->store(e));
  EXPECT_EQ(state->load()->enrolment->chain_der, e.chain_der);
  EXPECT_EQ(files(), (std::set<std::string>{"agent.json", "client.key", "client.pem", "lock"}));
}

TEST_F(FullDisk, ARenewedCertificateLeavesTheOldOneInUse) {
  const auto state = StateDir::open(directory_);
  const auto key = state->enrolment_key()->key;
  const auto old = enrolment(key);
  ASSERT_TRUE(state->store(old));
  auto renewed = enrolment(key);
  renewed.addresses = {"elsewhere:1"};
  renewed.chain_der.pop_back();  // another chain
  for (const std::size_t pages : {0u, 1u}) {
    fill(pages);
    const auto stored = state->store(renewed);
    ASSERT_FALSE(stored) << pages;
    EXPECT_EQ(stored.error().code, ErrorCode::kResourceExhausted);
    EXPECT_EQ(state->load()->enrolment->chain_der, old.chain_der);
    EXPECT_EQ(*read_file(directory_ / "client.pem", 1 << 20), old.chain_pem());
    EXPECT_EQ(files(), (std::set<std::string>{"agent.json", "client.key", "client.pem", "lock"})) << pages;
  }
  make_room();
  ASSERT_TRUE(state->store(renewed));
  EXPECT_EQ(state->load()->enrolment->addresses, renewed.addresses);
  EXPECT_EQ(*read_file(directory_ / "client.pem", 1 << 20), renewed.chain_pem());
}

TEST_F(FullDisk, StopsNoAgentThatIsEnrolled) {
  {
    const auto state = StateDir::open(directory_);
    ASSERT_TRUE(state->store(enrolment(state->enrolment_key()->key)));
    fs::remove(directory_ / "client.pem");  // as after a crash between the two files
    fill();
  }
  const auto state = StateDir::open(directory_);
  ASSERT_TRUE(state) << state.error().message;
  const auto loaded = state->load();
  ASSERT_TRUE(loaded) << loaded.error().message;
  ASSERT_TRUE(loaded->enrolment);
  make_room();
  const auto mended = state->load();
  ASSERT_TRUE(mended && mended->enrolment);
  const auto chain = read_file(directory_ / "client.pem", 1 << 20);
  ASSERT_TRUE(chain) << chain.error().message;
  EXPECT_EQ(*chain, mended->enrolment->chain_pem());
}

TEST(WishesFile, IsReadBackAndBounded) {
  Wishes wishes;
  wishes.facts = {"process.running:sshd", "process.running:a \"b\"", "file.exists:/etc/x"};
  wishes.vulnerability_scan = false;
  wishes.inventory_interval = Seconds(600);
  EXPECT_EQ(*read_wishes(print_wishes(wishes)), wishes);
  EXPECT_FALSE(read_wishes("[]"));
  EXPECT_EQ(read_wishes(R"({"facts":["",1],"inventory_interval_s":-5})")->facts.size(), 0u);
  EXPECT_EQ(read_wishes(R"({"inventory_interval_s":-5})")->inventory_interval, Seconds(60));
}

}  // namespace
}  // namespace postern::agent
