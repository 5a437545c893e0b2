// What others notice when many sessions end together: they have their turn between them.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <thread>
#include <vector>

#include "nginx/fixture_test.h"

namespace postern::nginx::lab {
namespace {

using std::chrono::duration;

constexpr std::size_t kMany = 400;  // several turns' worth

class ManyEnd : public ModuleTest {
 protected:
  void SetUp() override {
    ModuleTest::SetUp();
    other_ = ca_.issue("device-2", Usage::kClient);
    plane_->put(other_.leaf, healthy());
    for (std::size_t n = 0; n < kMany; ++n) {
      many_.push_back(open_websocket());
      ASSERT_EQ(many_.back()->end(), End::kOpen);
    }
    ASSERT_TRUE(wait_for([&] { return plane_->live_sessions() == static_cast<int>(kMany); }));
  }

  /// Ends them by `how`, while a neighbour asks again and again on its connection. How long it waited at most, in milliseconds.
  double ended_by(const std::function<void()>& how) {
    Client neighbour(nginx_->port(), &other_, "app.example");
    EXPECT_EQ(neighbour.request("GET", "/", "app.example").status, 200);
    std::atomic<bool> done = false;
    double worst = 0;
    std::thread asking([&] {
      while (!done) {
        const auto began = Clock::now();
        EXPECT_EQ(neighbour.request("GET", "/", "app.example").status, 200);
        worst = std::max(worst, duration<double, std::milli>(Clock::now() - began).count());
      }
    });
    how();
    for (auto& client : many_) EXPECT_EQ(client->drain(), End::kReset) << nginx_->log();
    EXPECT_TRUE(wait_for([&] { return plane_->live_sessions() == 1; })) << plane_->live_sessions();
    done = true;
    asking.join();
    return worst;
  }

  std::vector<ecshm::Event> cuts() {
    std::vector<ecshm::Event> out;
    for (auto& event : plane_->events()) {
      if (event.type == EventType::kCut) out.push_back(std::move(event));
    }
    return out;
  }

  Identity other_;
  std::vector<std::unique_ptr<Client>> many_;
};

TEST_F(ManyEnd, ByALostTag) {
  const auto worst = ended_by([&] { plane_->put(device_.leaf, changed([](auto& d) { d.tags.reset(kHealthy); })); });
  std::printf("%zu sessions lost a tag; a neighbour waited %.2f ms at most\n", kMany, worst);
  ASSERT_TRUE(wait_for([&] { return cuts().size() == kMany; })) << cuts().size();
  for (const auto& cut : cuts()) EXPECT_EQ(cut.reason, Reason::kMissingTag);
}

TEST_F(ManyEnd, ByAnAdministrator) {
  ecshm::ClearOrder order;
  order.leaf = device_.leaf;
  order.administrator = "eve";
  std::uint32_t ended = 0;
  const auto worst = ended_by([&] { ended = plane_->clear(order); });
  std::printf("%zu sessions were cleared; a neighbour waited %.2f ms at most\n", kMany, worst);
  EXPECT_EQ(ended, kMany);
  ASSERT_TRUE(wait_for([&] { return cuts().size() == kMany; })) << cuts().size();
  for (const auto& cut : cuts()) {
    EXPECT_EQ(cut.reason, Reason::kCleared);
    EXPECT_EQ(cut.detail, "cleared by administrator eve");
  }
}

TEST_F(ManyEnd, WhatIsGivenBackMeanwhileBringsNoneOfThemBack) {
  ended_by([&] {
    plane_->put(device_.leaf, changed([](auto& d) { d.tags.reset(kHealthy); }));
    // As soon as the first of them has ended.
    EXPECT_EQ(many_.back()->drain(), End::kReset);
    plane_->put(device_.leaf, healthy());
  });
  ASSERT_TRUE(wait_for([&] { return cuts().size() == kMany; })) << cuts().size();
}

}  // namespace
}  // namespace postern::nginx::lab
