#pragma once
// By which numbers what is open may still go to real servers, also after the configuration has changed a few times.
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "ecshm/clear.h"
#include "gateway/shell/proxy_plan.h"

namespace postern::gateway {

/// A server's number is of its pool: it becomes another one when the API gateway gets a second server, or another weight or check. A
/// request keeps the one that it began with, so all of them are known here until the server is taken out and what went to it was ended. Kept
/// in a file over restarts of the gateway, which nginx and what is open outlive. Thread: one.
class ServersLedTo {
 public:
  /// Where there are more numbers than so many beside the configuration's, what is open by those is ended.
  static constexpr std::size_t kMost = 4096;
  /// The configuration is this one now: orders for servers that its API gateways lead to no more, each once. An API gateway that
  /// is gone needs none: no policy lets its requests go on.
  std::vector<ecshm::ClearOrder> use(const ProxyPlan& plan);
  /// This order was given often enough: nothing goes there any more.
  void ended(const ecshm::ClearOrder& order);

  std::string print() const;
  /// What print printed, beside what is known. Error: kDataLoss, and nothing is taken.
  Status take(std::string_view text);
  static constexpr std::size_t kMaxText = 256u << 20;

 private:
  struct Server {
    IpAddress address;
    std::uint16_t port = 0;
    bool away = false;  // an order was given
  };
  using Key = std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>;  // access proxy, API gateway, number
  std::map<Key, Server> known_;
};

}  // namespace postern::gateway
