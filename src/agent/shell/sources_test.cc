// The sources on a real kernel: what changes is told without anybody looking for it.
#include "agent/shell/sources.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "agent/collectors/root_lab.h"
#include "agent/shell/loop_lab.h"
#include "agent/shell/network_lab.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace {

namespace fs = std::filesystem;
namespace keys = posture::keys;
using namespace std::chrono_literals;

constexpr const char* kOnePackage =
    "Package: zlib1g\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:1.2.13\n\n";

/// Sources of another root, and all that they told.
struct Told {
  explicit Told(const fs::path& root) : sources(loop, system, sink(), root) {}
  Told(const fs::path& root, const Clock& clock) : sources(loop, clock, sink(), root) {}

  Sources::Sink sink() {
    return {[this](const std::string& family, const posture::FactMap& map) {
              ++calls[family];
              for (const auto& [key, fact] : map) facts[key] = fact;
            },
            [this](const std::string& name, bool running) { processes[name] = running; },
            [this](const std::string& path, posture::FactValue value, std::string_view) { files[path] = std::move(value); },
            [this](const std::string& text) { inventories.push_back(text); }, [this] { ++turns; },
            [this](const posture::FactMap& map) {
              for (const auto& [key, fact] : map) facts[key] = fact;
              ++answers;
            }};
  }
  void until(const char* what, const std::function<bool()>& condition) { run_until(loop, what, condition); }
  std::string text(std::string_view key) const {
    const auto it = facts.find(key);
    const auto* value = it == facts.end() ? nullptr : it->second.as<std::string>();
    return value == nullptr ? "" : *value;
  }
  /// The kernel tells of it: nothing looks each second, and what is told then was an event.
  bool by_event(std::string_view name) const {
    const auto list = sources.list();
    const auto it = std::ranges::find(list, name, &Source::name);
    return it != list.end() && it->events;
  }

  net::Loop loop;
  SystemClock system;
  std::map<std::string, int> calls;
  posture::FactMap facts;
  std::map<std::string, bool> processes;
  std::map<std::string, posture::FactValue> files;
  std::vector<std::string> inventories;
  int turns = 0, answers = 0;
  Sources sources;
};

class SourcesTest : public RootLab {
 protected:
  SourcesTest() {
    put("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Golden 12\"\n");
    put("var/lib/dpkg/status", kOnePackage);
  }
};

TEST_F(SourcesTest, EverythingIsToldOnceAtTheStart) {
  Told told(root_);
  told.sources.start();
  for (const auto& family : collectors()) EXPECT_EQ(told.calls[std::string(family.name)], 1) << family.name;
  EXPECT_EQ(told.text(keys::kOsVersion), "Golden 12");
  EXPECT_EQ(told.turns, 1);
  EXPECT_TRUE(told.inventories.empty());  // only who wants it is told
  told.sources.tell_inventory();
  ASSERT_EQ(told.inventories.size(), 1u);
  EXPECT_NE(told.inventories[0].find("zlib1g"), std::string::npos);
}

TEST_F(SourcesTest, AChangedFileIsAnEventOfItsFamilyOnly) {
  Told told(root_);
  told.sources.start();
  put("etc/os-release", "ID=debian\nVERSION_ID=\"13\"\nPRETTY_NAME=\"Golden 13\"\n");
  told.until("the new release", [&] { return told.text(keys::kOsVersion) == "Golden 13"; });
  put("etc/machine-info", "PRETTY_HOSTNAME=\"Reception\"\n");  // was not there
  told.until("the description", [&] { return told.text(keys::kHostDescription) == "Reception"; });
  EXPECT_EQ(told.calls["hardware"], 1);
  EXPECT_EQ(told.calls["packages"], 1);
}

TEST_F(SourcesTest, APackageDatabaseIsReadAgainWhenDpkgRests) {
  Told told(root_);
  told.sources.start();
  ASSERT_TRUE(told.by_event("packages"));
  const auto before = told.text(keys::kInventoryHash);
  ASSERT_NE(before, "");
  for (const char* version : {"1", "2", "3"}) {
    put("var/lib/dpkg/status",
        kOnePackage + std::string("Package: new\nStatus: install ok installed\nArchitecture: all\nVersion: ") +
            version + "\n\n");
  }
  told.until("the inventory", [&] { return !told.inventories.empty(); });
  EXPECT_NE(told.inventories[0].find("new"), std::string::npos);
  EXPECT_NE(told.text(keys::kInventoryHash), before);
  EXPECT_EQ(told.inventories.size(), 1u);  // of three writings
  // Written anew with nothing in it changed: nothing to send.
  const int read = told.calls["packages"];
  fs::last_write_time(root_ / "var/lib/dpkg/status", fs::file_time_type::clock::now());
  told.until("the reading", [&] { return told.calls["packages"] > read; });
  EXPECT_EQ(told.inventories.size(), 1u);
}

TEST_F(SourcesTest, ALoginAndTheUsersPictureAreEvents) {
  put("var/log/wtmp", "");
  put("etc/passwd", "alice:x:1:1::/home/alice:/bin/sh\nbob:x:2:2::/home/bob:/bin/sh\n");
  put("home/bob/.face", "png");
  Told told(root_);
  told.sources.start();
  ASSERT_TRUE(told.by_event("users"));
  ASSERT_TRUE(told.by_event("avatar"));
  EXPECT_EQ(told.text(keys::kAvatarSource), "");
  log_in("alice");
  told.until("alice", [&] { return told.text(keys::kLastLoginUser) == "alice"; });
  // Her places were not known before she came.
  put("var/lib/AccountsService/icons/alice", "png");
  told.until("her picture", [&] { return told.text(keys::kAvatarSource) == "OS"; });
  fs::remove(root_ / "var/lib/AccountsService/icons/alice");
  told.until("its end", [&] { return told.text(keys::kAvatarSource).empty(); });
  put("var/lib/AccountsService/users/alice", "[User]\nIcon=/srv/faces/alice.png\n");
  put("srv/faces/alice.png", "png");
  told.until("the one that is named", [&] { return told.text(keys::kAvatarSource) == "OS"; });
  fs::remove(root_ / "srv/faces/alice.png");
  told.until("its end", [&] { return told.text(keys::kAvatarSource).empty(); });
  log_in("bob");
  told.until("bob's", [&] { return told.text(keys::kAvatarSource) == "OS"; });
}

TEST_F(SourcesTest, WishesAreAnsweredAtOnceAndThenByEvents) {
  Told told(root_);
  told.sources.start();
  const auto path = (root_ / "marker").string();
  Wishes wishes;
  wishes.facts = {posture::keys::file_exists(path), "process.running:no-such-process"};
  told.sources.watch(wishes);
  EXPECT_EQ(told.files.at(path), posture::FactValue(false));
  EXPECT_FALSE(told.processes.at("no-such-process"));
  ASSERT_TRUE(told.by_event("files"));
  put("marker", "");
  told.until("the file", [&] { return told.files.at(path) == posture::FactValue(true); });
  told.sources.watch({});
  told.files.clear();
  fs::remove(path);
  put("etc/machine-info", "PRETTY_HOSTNAME=\"Reception\"\n");
  told.until("a later event", [&] { return told.text(keys::kHostDescription) == "Reception"; });
  EXPECT_TRUE(told.files.empty());
}

TEST_F(SourcesTest, ARecheckEndsWhenAllWasTold) {
  Told told(root_);
  told.sources.start();
  const auto before = told.calls;
  bool done = false;
  told.sources.recheck([&] { done = true; });
  told.until("the end", [&] { return done; });
  for (const auto& family : collectors())
    EXPECT_GT(told.calls[std::string(family.name)], before.at(std::string(family.name))) << family.name;
}

TEST_F(SourcesTest, AddressesAndRoutesAreEvents) {
  const bool allowed = in_own_network([&] {
    ip("link set lo up");
    ip("link add eth0 type veth peer name far");
    ip("link set far up");
    ip("link set eth0 address 02:09:0f:00:01:02 up");
    Told told(root_);
    told.sources.start();
    ASSERT_TRUE(told.by_event("network"));
    const auto has = [&](const char* address) {
      const auto* list = told.facts.at(std::string(keys::kInterfaces)).as<std::vector<posture::Interface>>();
      return list != nullptr && std::ranges::any_of(*list, [&](const auto& i) {
        return i.name == "eth0" && std::ranges::any_of(i.addresses, [&](const auto& a) { return a.str() == address; });
      });
    };
    const auto gateways = [&] {
      std::vector<std::string> out;
      for (const auto& route : *told.facts.at(std::string(keys::kRoutes)).as<std::vector<posture::Route>>())
        out.push_back(route.gateway_ip.str());
      return out;
    };
    EXPECT_FALSE(has("10.0.1.2"));
    ip("address add 10.0.1.2/24 dev eth0");
    told.until("the address", [&] { return has("10.0.1.2"); });
    EXPECT_TRUE(gateways().empty());
    ip("route add default via 10.0.1.1");
    told.until("the route", [&] { return gateways() == std::vector<std::string>{"10.0.1.1"}; });
    ip("route replace default via 10.0.1.9");
    told.until("the other gateway", [&] { return gateways() == std::vector<std::string>{"10.0.1.9"}; });
    ip("address del 10.0.1.2/24 dev eth0");
    told.until("all of it to go", [&] { return !has("10.0.1.2") && gateways().empty(); });
    EXPECT_EQ(told.calls["os"], 1);
  });
  if (!allowed) GTEST_SKIP() << "no right to make a network namespace";
}

TEST_F(SourcesTest, AGatewayThatVanishesFromTheNeighboursIsKeptForAMoment) {
  const bool allowed = in_own_network([&] {
    ip("link add eth0 type veth peer name far");  // nobody answers there
    ip("link set far up");
    ip("link set eth0 up");
    ip("address add 10.0.1.2/24 dev eth0");
    ip("route add default via 10.0.1.1");
    ip("neigh replace 10.0.1.1 lladdr 02:09:0f:00:01:01 dev eth0 nud reachable");
    ManualClock clock;
    Told told(root_, clock);
    told.sources.start();
    ASSERT_TRUE(told.by_event("network"));
    const auto mac = [&]() -> std::string {
      for (const auto& route : *told.facts.at(std::string(keys::kRoutes)).as<std::vector<posture::Route>>())
        return route.gateway_mac.valid() ? route.gateway_mac.str() : "unknown";
      return "no route";
    };
    ASSERT_EQ(mac(), "02:09:0f:00:01:01");
    int calls = told.calls["network"];
    ip("neigh flush all");
    told.until("the end of the entry", [&] { return told.calls["network"] > calls; });
    EXPECT_EQ(mac(), "02:09:0f:00:01:01");
    // Another answers: reported although the grace goes on.
    ip("neigh replace 10.0.1.1 lladdr 02:09:0f:00:01:99 dev eth0 nud reachable");
    told.until("the other card", [&] { return mac() == "02:09:0f:00:01:99"; });
    calls = told.calls["network"];
    ip("neigh flush all");
    told.until("the end of the entry", [&] { return told.calls["network"] > calls; });
    EXPECT_EQ(mac(), "02:09:0f:00:01:99");
    // Nothing more is told by the kernel: time alone ends it.
    clock.advance(kGatewayGrace);
    told.until("the end of the grace", [&] { return mac() == "unknown"; });
    // And it is not to last over a link that was down.
    ip("neigh replace 10.0.1.1 lladdr 02:09:0f:00:01:01 dev eth0 nud reachable");
    told.until("the gateway again", [&] { return mac() == "02:09:0f:00:01:01"; });
    ip("link set eth0 down");
    ip("link set eth0 up");
    ip("route add default via 10.0.1.1");
    told.until("a route whose gateway is unknown", [&] { return mac() == "unknown"; });
  });
  if (!allowed) GTEST_SKIP() << "no right to make a network namespace";
}

TEST_F(SourcesTest, WhatRulesAskIsAnsweredWhileTheyAskIt) {
  Told told(root_);
  told.sources.start();
  const auto matches = keys::file_matches("/etc/app.conf", "^mode=safe$");
  const auto directory = keys::with(keys::kDirectoryExists, "/srv/data");
  EXPECT_FALSE(told.sources.unanswered());
  Wishes wishes;
  wishes.facts = {matches, directory, "file.colour:/x", std::string(keys::kOsId), std::string(keys::kKernelNewest)};
  told.sources.watch(wishes);
  EXPECT_EQ(told.facts.at("file.colour:/x").source, "this agent does not know it");
  EXPECT_TRUE(told.sources.unanswered());
  const auto says = [&](const std::string& key, bool value) {
    const auto it = told.facts.find(key);
    return it != told.facts.end() && it->second.value == posture::FactValue(value);
  };
  told.until("the answers", [&] { return !told.sources.unanswered(); });
  EXPECT_TRUE(says(matches, false));
  EXPECT_TRUE(says(directory, false));
  EXPECT_FALSE(told.facts.at(std::string(keys::kKernelNewest)).known());
  EXPECT_EQ(told.text(keys::kOsId), "debian");
  EXPECT_TRUE(told.by_event("asked: named files"));
  put("etc/app.conf", "mode=safe\n");
  told.until("the line", [&] { return says(matches, true); });
  {
    std::ofstream in_place(root_ / "etc/app.conf");
    in_place << "mode=fast\n";
  }
  told.until("another line", [&] { return says(matches, false); });
  fs::create_directories(root_ / "srv/data");
  told.until("the directory", [&] { return says(directory, true); });
  put("boot/vmlinuz-6.1.0-9-amd64", "x");
  told.until("the kernel", [&] { return told.text(keys::kKernelNewest) == "6.1.0-9-amd64"; });
  put("boot/vmlinuz-6.1.0-10-amd64", "x");
  told.until("the newer kernel", [&] { return told.text(keys::kKernelNewest) == "6.1.0-10-amd64"; });
  // What nobody asks any more is not told, nor is it listed.
  told.sources.watch({});
  EXPECT_FALSE(told.by_event("asked: named files"));
  const int answers = told.answers;
  put("etc/app.conf", "mode=safe\n");
  put("etc/machine-info", "PRETTY_HOSTNAME=\"Reception\"\n");
  told.until("a later event", [&] { return told.text(keys::kHostDescription) == "Reception"; });
  EXPECT_EQ(told.answers, answers);
}

TEST_F(SourcesTest, ARecheckAnswersEverythingAnew) {
  Told told(root_);
  told.sources.start();
  Wishes wishes;
  wishes.facts = {keys::with(keys::kFileSha256, "/etc/os-release")};
  told.sources.watch(wishes);
  told.until("the answer", [&] { return !told.sources.unanswered(); });
  const int answers = told.answers;
  bool done = false;
  told.sources.recheck([&] { done = true; });
  told.until("the end", [&] { return done; });
  EXPECT_GT(told.answers, answers);
}

TEST_F(SourcesTest, AnAnswerForAnEarlierQuestionIsNotTheAnswer) {
  Told told(root_);
  told.sources.start();
  Wishes first, second;
  first.facts = {keys::with(keys::kFileSha256, "/etc/a")};
  second.facts = {keys::with(keys::kFileSha256, "/etc/b")};
  told.sources.watch(first);   // is being read while the question changes
  told.sources.watch(second);
  told.until("the answer", [&] { return !told.sources.unanswered(); });
  EXPECT_TRUE(told.facts.contains(*second.facts.begin()));
  EXPECT_FALSE(told.facts.contains(*first.facts.begin()));
}

TEST_F(SourcesTest, AFileThatIsWrittenWithoutEndIsNotReadWithoutEnd) {
  std::string lines;
  while (lines.size() < 2u << 20) lines += std::string(99, 'x') + "\n";
  put("etc/busy", lines);
  Told told(root_);
  told.sources.start();
  Wishes wishes;
  wishes.facts = {keys::file_matches("/etc/busy", "^never [0-9]+ matches$"), keys::with(keys::kFileModifiedAt, "/etc/other")};
  told.sources.watch(wishes);
  told.until("the first answer", [&] { return !told.sources.unanswered(); });
  const int answers = told.answers;
  // Each of these is an event; what they cost together is bounded by the rest that each answer is followed by.
  constexpr int kWritings = 300;
  int written = 0;
  auto writing = told.loop.every(1ms, [&] {
    std::ofstream(root_ / "etc/busy", std::ios::app) << ++written << "\n";
  });
  told.until("many writings", [&] { return written >= kWritings; });
  EXPECT_LT(told.answers - answers, kWritings / 2);
}

TEST_F(SourcesTest, ASearchThatTakesLongHoldsUpNoOtherFactAndEnds) {
  std::string text(12u << 20, 'a');
  std::uint32_t random = 1;
  for (auto& c : text) c = ((random = random * 1'103'515'245 + 12'345) >> 16 & 1) != 0 ? 'a' : 'b';
  for (std::size_t at = 60'000; at < text.size(); at += 60'001) text[at] = '\n';
  put("srv/large", text);
  put("etc/small.conf", "mode=safe\n");
  Told told(root_);
  told.sources.start();
  const auto slow = keys::file_matches("/srv/large", "a[ab]{1000}c");
  const auto quick = keys::file_matches("/etc/small.conf", "^mode=safe$"), directory = keys::with(keys::kDirectoryExists, "/srv");
  Wishes wishes;
  wishes.facts = {slow, quick, directory};
  told.sources.watch(wishes);
  told.until("the quick ones", [&] { return told.facts.contains(quick) && told.facts.contains(directory); });
  told.until("the slow one", [&] { return told.facts.contains(slow); });
  EXPECT_EQ(told.facts.at(slow).value, posture::FactValue(posture::Unknown{posture::UnknownReason::kFailed}));
  EXPECT_EQ(told.facts.at(slow).source, "/srv/large: searching it takes too long: make the pattern simpler");
  put("etc/small.conf", "mode=fast\n");
  told.until("the change", [&] { return told.facts.at(quick).value == posture::FactValue(false); });
}

TEST_F(SourcesTest, AQuestionThatIsTakenBackAndAskedAgainIsAnswered) {
  Told told(root_);
  told.sources.start();
  Wishes wishes;
  wishes.facts = {keys::with(keys::kFileSha256, "/etc/os-release"), std::string(keys::kSupportEnd)};
  for (int i = 0; i < 20; ++i) {
    told.sources.watch(wishes);
    told.sources.watch({});
  }
  told.facts.erase(*wishes.facts.begin());
  told.sources.watch(wishes);
  told.until("the answer", [&] { return !told.sources.unanswered(); });
  EXPECT_TRUE(told.facts.at(*wishes.facts.begin()).known());
  bool done = false;
  told.sources.recheck([&] { done = true; });
  told.until("the end", [&] { return done; });
}

}  // namespace
}  // namespace postern::agent
