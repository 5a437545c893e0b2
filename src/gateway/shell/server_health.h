#pragma once
// The real servers' health: what checks find goes to nginx's workers, to the log, and to whoever asks.
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "ecshm/server_health.h"
#include "gateway/cli/operations.h"
#include "gateway/health/checker.h"
#include "gateway/health/server_judge.h"
#include "gateway/shell/context.h"
#include "gateway/shell/proxy_plan.h"
#include "gateway/ztna/server_counts.h"

namespace postern::gateway {

/// Thread: loop.
class ServerHealth {
 public:
  struct Options {
    health::Timing timing;
    health::Rules rules;  ///< Of servers with holddown-interval; without it there is none.
  };
  /// `dir`: that of ecshm::Writer. `context` outlives this. Errors: those of ecshm::HealthWriter.
  static Result<std::unique_ptr<ServerHealth>> open(Context& context, const std::filesystem::path& dir, gid_t reader_group,
                                                    Options options);

  /// What is configured from now on. Servers that were taken out get no new requests from this moment, also from workers that
  /// have not heard of it.
  void use(const ProxyPlan& plan);
  /// Of each server of each API gateway, by access proxy, gateway and list.
  std::vector<cli::RealServerView> servers() const;
  /// Whether each API gateway has a server that may be well, and each check can be made.
  Status health() const;
  /// What nginx's workers tell of their requests.
  ServerCounts& counts() { return counts_; }

 private:
  ServerHealth(Context& context, std::unique_ptr<ecshm::HealthWriter> writer, Options options);
  struct Server {
    health::Check check;
    health::Rules rules;
    std::string name;  // "10.0.3.10:8080"
    health::ServerJudge judge;
    bool cannot_tell = false;
  };
  void take(const health::Check& check, const health::Finding& finding);
  void publish(std::uint32_t number, ecshm::ServerState state);
  const Server* find(std::uint32_t number) const;

  Context& context_;
  const std::unique_ptr<ecshm::HealthWriter> writer_;
  const Options options_;
  ProxyPlan plan_;
  std::map<std::uint32_t, Server> servers_;       // all that are configured, by number
  std::set<std::uint32_t> full_;                  // for which there was no room
  health::Checker checker_;
  ServerCounts counts_;
};

/// Servers of the plan before that the same API gateways don't have any more, where they have others: by their numbers of
/// before.
std::set<std::uint32_t> taken_out(const ProxyPlan& before, const ProxyPlan& now);

}  // namespace postern::gateway
