// What the firewall would be, and where the kernel's differs.
#include <memory>

#include "gateway/config/schedule.h"
#include "gateway/firewall/listing.h"
#include "gateway/shell/operations.h"

namespace postern::gateway {

void LiveOperations::firewall_ruleset(const config::ConfigTree& tree, bool difference, Found done) {
  if (parts_.firewall == nullptr) {
    return done(fail(ErrorCode::kUnavailable, "this gateway was started with --no-firewall; postern-gateway firewall dry-run "
                                              "--config FILE prints what a configuration would make"));
  }
  auto config = config::read_config(tree);
  config::keep_schedules(config, config::local_minute(context_.now().wall));
  auto commands = parts_.firewall->ruleset_of(config);
  if (!difference) return done(std::move(commands));
  const auto out = std::make_shared<Result<std::string>>(fail(ErrorCode::kInternal, "the rulesets could not be compared"));
  // The kernel may need seconds to list what it holds.
  context_.loop.offload(
      [out, commands = std::move(commands)] {
        const std::string table = "postern";
        const auto before = firewall::list_table(table);
        const auto after = before ? firewall::list_of_commands(commands, table) : before;
        *out = after ? Result<std::string>(firewall::listing_difference(*before, *after)) : after;
      },
      [out, done = std::move(done)] { done(std::move(*out)); });
}

}  // namespace postern::gateway
