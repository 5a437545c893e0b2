// Whose what was kept across a restart is: it never comes back for another EMS than it is of.
#include "gateway/shell/kept_views.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/file.h"
#include "gateway/core/gateway_core_lab.h"

namespace postern::gateway {
namespace {

struct TemporaryDirectory {
  TemporaryDirectory() {
    char name[] = "/tmp/postern-kept-views-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

Sha256 fingerprint(char fill) {
  Sha256 out;
  out.fill(static_cast<std::uint8_t>(fill));
  return out;
}

config::FctemsConfig accepted(ConnectorId id = 1) {
  config::FctemsConfig c;
  c.id = id;
  c.enabled = true;
  c.server = "ems.example";
  c.serial = EmsSerial(fmt::format("PSTEMS012345678{}", 10 - id));
  c.tenant = TenantId(std::string(32, 'A'));
  c.fingerprint = fingerprint('f');
  return c;
}

/// A gateway's process, from its start to its end.
class Process {
 public:
  Process(const std::filesystem::path& dir, std::vector<config::FctemsConfig> connectors)
      : context_(loop_, options_in(dir)) {
    context_.core = std::make_unique<GatewayCore>(proto::FabricIdentity{}, context_.random);
    configure(std::move(connectors));
    views_.restore();
  }
  void configure(std::vector<config::FctemsConfig> connectors) {
    context_.config.connectors = std::move(connectors);
    std::vector<ConnectorSettings> settings;
    for (const auto& c : context_.config.connectors) {
      settings.push_back({c.id, c.enabled, c.name, c.server, c.https_port, Seconds(180), c.serial, c.tenant});
    }
    context_.core->set_connectors(context_.now(), settings);
    for (const auto& c : context_.config.connectors) context_.core->set_trusted(context_.now(), c.id, true);
    turn();
  }
  /// The EMS of a connector is there, and has one endpoint.
  void hear(bool quarantined = false, bool saves = true, ConnectorId id = 1) {
    FakeEms ems(*context_.core, context_.clock, id);
    ems.authorise(accepted(id).serial.str().c_str(), std::string(32, 'a'));
    wire::ViewEntry entry;
    entry.mutable_record()->set_uid(GatewayCoreLab::kUid);
    entry.mutable_record()->set_quarantined(quarantined);
    ems.snapshot();
    ems.upsert(entry);
    turn(saves);
  }
  void turn(bool saves = true) {
    for (const auto& action : context_.core->take_actions()) {
      if (const auto* save = std::get_if<act::SaveView>(&action)) views_.mark(*save);
    }
    if (saves) views_.save(true);
  }
  /// As the gateway does all the time; the write goes on meanwhile.
  void begin_saving() { views_.save(); }
  /// The connector is deleted, and what is kept looked over without waiting for a write.
  void drop() {
    context_.config.connectors.clear();
    context_.core->set_connectors(context_.now(), {});
    context_.core->take_actions();
    views_.save();
  }
  void run_until(const std::function<bool()>& done) {
    auto look = loop_.every(std::chrono::milliseconds(1), [&] {
      if (done()) loop_.stop();
    });
    auto patience = loop_.after(std::chrono::seconds(20), [this] { loop_.stop(); });
    loop_.run();
    EXPECT_TRUE(done());
  }
  /// Something else that waits for its turn off the loop.
  bool gets_its_turn() {
    bool done = false;
    loop_.offload([] {}, [&] { done = true, loop_.stop(); });
    const auto patience = loop_.after(std::chrono::seconds(2), [this] { loop_.stop(); });
    loop_.run();
    return done;
  }
  bool knows_the_endpoint() const { return !context_.core->records().empty(); }
  Status health() const { return views_.health(); }

 private:
  static DaemonOptions options_in(const std::filesystem::path& dir) {
    DaemonOptions options;
    options.data_dir = dir;
    return options;
  }

  net::Loop loop_;
  Context context_;
  KeptViews views_{context_};
};

TEST(KeptViews, ComesBackForTheEmsItIsOfAndForNoOther) {
  struct Case {
    const char* what;
    void (*change)(config::FctemsConfig&);
    bool kept;
  };
  const Case cases[] = {
      {"nothing", [](config::FctemsConfig&) {}, true},
      {"its name", [](config::FctemsConfig& c) { c.name = "HQ"; }, true},
      {"its port", [](config::FctemsConfig& c) { c.https_port = 8443; }, true},
      {"how its tenant is written", [](config::FctemsConfig& c) { c.tenant = TenantId(std::string(32, 'a')); }, true},
      {"its patience", [](config::FctemsConfig& c) { c.out_of_sync_threshold = Seconds(3600); }, true},
      {"its server", [](config::FctemsConfig& c) { c.server = "10.0.2.99"; }, false},
      {"its serial number", [](config::FctemsConfig& c) { c.serial = EmsSerial("PSTEMS9999999999"); }, false},
      {"no serial number", [](config::FctemsConfig& c) { c.serial = {}; }, false},
      {"its tenant", [](config::FctemsConfig& c) { c.tenant = TenantId(std::string(32, 'B')); }, false},
      {"its certificate", [](config::FctemsConfig& c) { c.fingerprint = fingerprint('g'); }, false},
      {"a trusted certificate", [](config::FctemsConfig& c) { c.trusted_pem = "ems.pem"; }, false},
      {"nothing accepted", [](config::FctemsConfig& c) { c.fingerprint.reset(); }, false},
      {"switched off", [](config::FctemsConfig& c) { c.enabled = false; }, false},
      {"another number", [](config::FctemsConfig& c) { c.id = 2; }, false},
  };
  for (const auto& c : cases) {
    TemporaryDirectory dir;
    Process(dir.path, {accepted()}).hear();
    auto changed = accepted();
    c.change(changed);
    Process next(dir.path, {changed});
    EXPECT_EQ(next.knows_the_endpoint(), c.kept) << c.what;
    EXPECT_TRUE(next.health()) << c.what;
    EXPECT_EQ(std::filesystem::exists(dir.path / "ems1.view"), c.kept) << c.what;
    EXPECT_EQ(Process(dir.path, {accepted()}).knows_the_endpoint(), c.kept) << c.what << ", and back";
  }
}

TEST(KeptViews, ADeletedConnectorLeavesNothing) {
  TemporaryDirectory dir;
  Process first(dir.path, {accepted()});
  first.hear();
  ASSERT_TRUE(std::filesystem::exists(dir.path / "ems1.view"));
  first.configure({});
  EXPECT_FALSE(std::filesystem::exists(dir.path / "ems1.view"));
  EXPECT_FALSE(Process(dir.path, {accepted()}).knows_the_endpoint());
}

TEST(KeptViews, WhatIsLearntOfTheSameEmsIsKeptWithIt) {
  TemporaryDirectory dir;
  auto first_contact = accepted();
  first_contact.serial = {};
  first_contact.tenant = {};
  Process first(dir.path, {first_contact});
  first.hear();
  first.configure({accepted()});  // the serial number that it said is pinned
  EXPECT_TRUE(Process(dir.path, {accepted()}).knows_the_endpoint());
}

// A full disk: what the EMS took away must not come back with a gateway that dies while its EMS is away.
TEST(KeptViews, WhatCannotBeWrittenIsNotWhatWasBefore) {
  TemporaryDirectory dir;
  Process(dir.path, {accepted()}).hear();
  const auto in_the_way = dir.path / ("ems1.view.tmp." + std::to_string(::getpid()));
  {
    Process second(dir.path, {accepted()});
    EXPECT_TRUE(second.knows_the_endpoint());
    std::filesystem::create_directory(in_the_way);
    second.turn();
    EXPECT_TRUE(std::filesystem::exists(dir.path / "ems1.view")) << "nothing has changed";
    second.hear(true);
    EXPECT_FALSE(second.health());
  }
  EXPECT_FALSE(Process(dir.path, {accepted()}).knows_the_endpoint());
  std::filesystem::remove(in_the_way);
  Process last(dir.path, {accepted()});
  last.hear(true);
  EXPECT_TRUE(last.health());
  EXPECT_TRUE(Process(dir.path, {accepted()}).knows_the_endpoint());
}

// Large views are written less often: what is told in between must not be undone by a gateway that is killed.
TEST(KeptViews, WhoChangedSinceDoesNotComeBack) {
  TemporaryDirectory dir;
  Process(dir.path, {accepted()}).hear();
  {
    Process killed(dir.path, {accepted()});
    EXPECT_TRUE(killed.knows_the_endpoint());
    killed.hear(true, false);
  }
  EXPECT_FALSE(Process(dir.path, {accepted()}).knows_the_endpoint());
  Process(dir.path, {accepted()}).hear(true);
  EXPECT_FALSE(std::filesystem::exists(dir.path / "ems1.view.since"));
  EXPECT_TRUE(Process(dir.path, {accepted()}).knows_the_endpoint());

  // Only whom it is about.
  const auto note = [&](std::string_view text) { ASSERT_TRUE(write_file_atomic(dir.path / "ems1.view.since", text)); };
  note("5F010000000000000000000000000001\n");
  EXPECT_TRUE(Process(dir.path, {accepted()}).knows_the_endpoint());
  note(std::string(GatewayCoreLab::kUid) + "\n");
  EXPECT_FALSE(Process(dir.path, {accepted()}).knows_the_endpoint());
  EXPECT_TRUE(std::filesystem::exists(dir.path / "ems1.view")) << "the others come back from it";
  note("*\n");
  EXPECT_FALSE(Process(dir.path, {accepted()}).knows_the_endpoint());
  EXPECT_FALSE(std::filesystem::exists(dir.path / "ems1.view"));
}

// Killed while a write goes on, or right behind it, a gateway begins with nothing that changed meanwhile.
TEST(KeptViews, WhoChangesWhileItIsWrittenDoesNotComeBack) {
  {
    SCOPED_TRACE("the first one");
    TemporaryDirectory dir;
    {
      Process killed(dir.path, {accepted()});
      killed.hear(false, false);
      killed.begin_saving();
      killed.hear(true, false);
    }
    EXPECT_TRUE(std::filesystem::exists(dir.path / "ems1.view"));
    EXPECT_FALSE(Process(dir.path, {accepted()}).knows_the_endpoint());
  }
  TemporaryDirectory dir;
  Process(dir.path, {accepted()}).hear();
  const auto notes = dir.path / "ems1.view.since", aside = dir.path / "ems1.view.since.aside";
  {
    Process killed(dir.path, {accepted()});
    killed.hear(true, false);
    killed.begin_saving();
    EXPECT_FALSE(std::filesystem::exists(notes));
    EXPECT_TRUE(std::filesystem::exists(aside));
  }
  EXPECT_FALSE(Process(dir.path, {accepted()}).knows_the_endpoint()) << "who knows whether it was written";
  {
    Process killed(dir.path, {accepted()});
    killed.hear(false, false);
    killed.begin_saving();
    killed.hear(true, false);
    EXPECT_TRUE(std::filesystem::exists(notes));
    killed.run_until([&] { return !std::filesystem::exists(aside); });
    EXPECT_TRUE(std::filesystem::exists(notes)) << "that is not in what was written";
  }
  EXPECT_FALSE(Process(dir.path, {accepted()}).knows_the_endpoint());
  {
    Process going_on(dir.path, {accepted()});
    going_on.hear(true, false);
    going_on.begin_saving();
    going_on.run_until([&] { return !std::filesystem::exists(aside); });
    EXPECT_FALSE(std::filesystem::exists(notes));
  }
  EXPECT_TRUE(Process(dir.path, {accepted()}).knows_the_endpoint());
}

TEST(KeptViews, OneThatIsDroppedWhileItIsWrittenDoesNotComeBack) {
  TemporaryDirectory dir;
  {
    Process process(dir.path, {accepted()});
    process.hear(false, true);
    process.hear(true, false);
    process.begin_saving();
    process.drop();
    EXPECT_FALSE(std::filesystem::exists(dir.path / "ems1.view") && !std::filesystem::exists(dir.path / "ems1.view.since"));
  }
  EXPECT_FALSE(Process(dir.path, {accepted()}).knows_the_endpoint()) << "killed before the end of the write was told";
  {
    Process process(dir.path, {accepted()});
    process.hear(false, true);
    process.hear(true, false);
    process.begin_saving();
    process.drop();
    process.run_until([&] { return !std::filesystem::exists(dir.path / "ems1.view.since"); });
  }
  EXPECT_TRUE(std::filesystem::is_empty(dir.path));
}

// A disk that hangs: here pipes that nobody reads yet.
TEST(KeptViews, AViewThatCannotBeWrittenForNowHoldsNothingElseUp) {
  TemporaryDirectory dir;
  Process gateway(dir.path, {accepted(1), accepted(2)});
  std::vector<std::filesystem::path> pipes;
  for (const char* view : {"ems1.view", "ems2.view"}) {
    pipes.push_back(dir.path / fmt::format("{}.tmp.{}", view, ::getpid()));
    ASSERT_EQ(::mkfifo(pipes.back().c_str(), 0600), 0);
  }
  gateway.hear(false, false, 1);
  gateway.hear(false, false, 2);
  gateway.begin_saving();
  EXPECT_TRUE(gateway.gets_its_turn());
  std::vector<int> readers;
  for (const auto& pipe : pipes) readers.push_back(::open(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  for (const auto& pipe : pipes) {
    gateway.run_until([&] { return gateway.begin_saving(), !std::filesystem::exists(pipe); });  // pipes can't be synced: it failed
  }
  for (const int fd : readers) ::close(fd);
  gateway.turn();
  EXPECT_TRUE(std::filesystem::exists(dir.path / "ems1.view"));
  EXPECT_TRUE(std::filesystem::exists(dir.path / "ems2.view"));
  EXPECT_TRUE(gateway.health());
}

TEST(KeptViews, WhatAKilledGatewayHadBegunToWriteGoes) {
  const TemporaryDirectory dir;
  const auto put = [&](const char* name) { ASSERT_TRUE(write_file_atomic(dir.path / name, "half")); };
  for (const char* name : {"ems1.view.tmp.123", "ems7.view.tmp.4", "ems1.view.since", "emsx"}) put(name);
  Process gateway(dir.path, {accepted()});
  EXPECT_FALSE(std::filesystem::exists(dir.path / "ems1.view.tmp.123"));
  EXPECT_FALSE(std::filesystem::exists(dir.path / "ems7.view.tmp.4"));
  EXPECT_TRUE(std::filesystem::exists(dir.path / "emsx"));
}

TEST(KeptViews, OneOfAnEarlierVersionSaysNotWhoseItIs) {
  TemporaryDirectory dir;
  Process(dir.path, {accepted()}).hear();
  auto bytes = *read_file(dir.path / "ems1.view", 1u << 20);
  bytes[7] = '1';
  ASSERT_TRUE(write_file_atomic(dir.path / "ems1.view", bytes));
  Process next(dir.path, {accepted()});
  EXPECT_FALSE(next.knows_the_endpoint());
  EXPECT_TRUE(next.health()) << "the EMS tells it anew";
}

}  // namespace
}  // namespace postern::gateway
