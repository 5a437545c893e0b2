#pragma once
// For tests: feeds from a real server into a real core.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ems/core/test_lab.h"
#include "ems/shell/feed_service.h"
#include "net/server.h"

namespace postern::ems::testing {

/// An OSV record, a line: source a of Debian 12 has it before `fixed`.
std::string advisory(std::string_view cve, std::string_view fixed);

/// A core, and a server on this machine's loopback whose answer the test says.
class FeedServiceTest : public Lab {
 protected:
  FeedServiceTest() {
    std::string name = (std::filesystem::temp_directory_path() / "postern-feed-service-XXXXXX").native();
    dir = ::mkdtemp(name.data());
    auto listening = net::Server::listen_plain(
        loop, *IpAddress::parse("127.0.0.1"), 0,
        [this](net::HttpRequest request, net::HttpResponder respond) {
          requests.push_back(std::move(request));
          if (hang) {
            held.push_back(std::move(respond));
          } else {
            respond(answer);
          }
        },
        nullptr);
    EXPECT_TRUE(listening) << listening.error().message;
    server = std::move(*listening);
  }
  ~FeedServiceTest() override {
    service.reset();
    std::filesystem::remove_all(dir);
  }

  void start(std::vector<std::filesystem::path> given = {}) {
    FeedServiceOptions options;
    options.directory = dir / "feeds";
    options.given = std::move(given);
    options.limits = {1u << 20, std::chrono::milliseconds(100), std::chrono::milliseconds(10'000)};
    options.after_event = [this] {
      loop.post([this] { run(); });
    };
    service = std::make_unique<FeedService>(loop, *core, clock, random, std::move(options));
    service->start();
    until([this] { return settled(); });
  }
  /// Nothing is under way, and the core knows what became of it.
  bool settled() {
    if (service->busy()) return false;
    run();
    return std::ranges::all_of(core->feeds(), [](const Feed* f) {
      return f->state == FeedState::kIdle || f->state == FeedState::kFailed;
    });
  }
  template <class Condition>
  void until(Condition condition) {
    auto guard = loop.after(std::chrono::seconds(20), [this] { loop.stop(); });
    auto poll = loop.every(std::chrono::milliseconds(1), [&] {
      if (condition()) loop.stop();
    });
    loop.run();
    EXPECT_TRUE(condition());
  }
  std::string url(const std::string& path = "/feed") {
    return "http://127.0.0.1:" + std::to_string(server->port()) + path;
  }
  void add(const std::string& name, const std::string& from) {
    Feed feed;
    feed.name = name;
    (from.starts_with('/') ? feed.path : feed.url) = from;
    Status done = fail(ErrorCode::kInternal, "not called");
    core->save_feed(clock.now(), admin, feed, false, [&](Status s) { done = s; });
    run();
    ASSERT_TRUE(done) << done.error().message;
    service->changed();
  }
  void serve(std::string body, int status = 200, net::HttpHeaders headers = {}) { answer = {status, std::move(headers), std::move(body)}; }
  /// Looks at the source again and waits for what comes of it.
  const Feed& again(const std::string& name) {
    const auto before = core->feed(name)->checked_at, failed = core->feed(name)->failed_at;
    clock.advance(Seconds(1));
    service->refresh(name);
    until([&] {
      const auto* f = core->feed(name);
      return f != nullptr && settled() && (f->checked_at != before || f->failed_at != failed);
    });
    return *core->feed(name);
  }
  void write(const std::string& name, std::string_view text) {
    std::filesystem::create_directories((dir / name).parent_path());
    std::ofstream(dir / name) << text;
  }
  /// The fix that is known for CVE-2024-0001; empty: none of it is known.
  std::string fixed(TestAgent& agent) {
    run();
    const auto findings = core->findings(agent.uid());
    return findings && !findings->empty() ? (*findings)[0].fixed : std::string();
  }
  void join_with_inventory(TestAgent& agent);  ///< Of one package, a 1 of Debian 12.

  std::filesystem::path dir;
  net::Loop loop;
  std::unique_ptr<net::Server> server;
  std::unique_ptr<FeedService> service;
  net::HttpResponse answer;
  std::vector<net::HttpRequest> requests;
  bool hang = false;
  std::vector<net::HttpResponder> held;
};

}  // namespace postern::ems::testing
