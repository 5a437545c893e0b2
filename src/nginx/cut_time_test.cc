// How long a cut takes: reported, not judged; ./bench holds it against its target.
#include <algorithm>
#include <cstdio>
#include <thread>
#include <vector>

#include "nginx/fixture_test.h"

namespace postern::nginx::lab {
namespace {

TEST_F(ModuleTest, TimeFromChangeToLastByte) {
  std::vector<double> milliseconds;
  for (int i = 0; i < 200; ++i) {
    plane_->put(device_.leaf, healthy());
    Client client(nginx_->port(), &device_, "app.example");
    client.send("GET /long HTTP/1.1\r\nHost: app.example\r\n\r\n");
    while (client.received() < 100'000 && client.end() == End::kOpen) client.read();
    ASSERT_EQ(client.end(), End::kOpen);
    Clock::time_point changed_at;
    // The client reads on while the change is made, as a real one does.
    std::thread change([&] {
      changed_at = Clock::now();
      plane_->put(device_.leaf, changed([](auto& d) { d.tags.reset(kHealthy); }));
    });
    const auto end = client.drain();
    change.join();
    ASSERT_EQ(end, End::kReset);
    milliseconds.push_back(
        std::chrono::duration<double, std::milli>(client.last_byte() - changed_at).count());
  }
  std::sort(milliseconds.begin(), milliseconds.end());
  std::printf("change to last byte seen, %zu changes: p50 %.2f ms, p99 %.2f ms, worst %.2f ms\n",
              milliseconds.size(), milliseconds[100], milliseconds[198], milliseconds[199]);
}

}  // namespace
}  // namespace postern::nginx::lab
