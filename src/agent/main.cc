// postern-agent: the command line.
#include <CLI/CLI.hpp>
#include <iostream>

#include "agent/shell/print_facts.h"
#include "base/clock.h"

int main(int argc, char** argv) {
  CLI::App app{"Postern's agent"};
  app.set_version_flag("--version", "postern-agent " POSTERN_VERSION);
  app.require_subcommand(1);
  std::string root = "/";
  bool json = false;
  auto* facts = app.add_subcommand("facts", "Show what would be reported of a root file system");
  facts->add_option("--root", root, "Root file system to read: this machine's, a golden image's, a container's")
      ->capture_default_str()
      ->check(CLI::ExistingDirectory);
  facts->add_flag("--json", json, "As JSON, for scripts");
  CLI11_PARSE(app, argc, argv);
  const auto collected = postern::agent::collect_all(root, postern::SystemClock().now().wall);
  std::cout << (json ? postern::agent::facts_json(collected) : postern::agent::facts_table(collected));
  return 0;
}
