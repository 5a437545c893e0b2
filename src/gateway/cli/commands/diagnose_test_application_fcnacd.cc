#include <fmt/format.h>

#include "gateway/cli/commands/diagnose_fcnacd.h"

namespace postern::gateway::cli::commands {
namespace {

/// Ascending by number.
const std::vector<FcnacdTest>& fcnacd_tests() {
  static const std::vector<FcnacdTest> all = {fcnacd_contexts(),    fcnacd_refresh(),        fcnacd_ztna_cache(),
                                              fcnacd_route_cache(), fcnacd_gateway_caches(), fcnacd_restart()};
  return all;
}

void test_fcnacd(const CommandContext& c) {
  for (const auto& test : fcnacd_tests()) {
    if (!c.arguments.empty() && c.arguments[0] == test.number) return test.run(c);
  }
  std::string menu = "Fabric connector tests:\n";
  for (const auto& test : fcnacd_tests()) menu += test.number + ". " + test.help + "\n";
  c.print(std::move(menu));
}

}  // namespace

Command diagnose_test_application_fcnacd() {
  return {"diagnose test application fcnacd",
          "Look into the fabric connectors.",
          {{"[number]", "Which test; without one or with an unknown one: the list of tests."}},
          test_fcnacd};
}

}  // namespace postern::gateway::cli::commands
