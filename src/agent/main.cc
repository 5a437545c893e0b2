// postern-agent: the command line.
#include <CLI/CLI.hpp>
#include <iostream>
#include <string>
#include <vector>

#include "agent/collectors/stopping.h"
#include "agent/shell/commands.h"
#include "agent/shell/daemon.h"
#include "agent/shell/forward_commands.h"
#include "agent/shell/print_facts.h"
#include "base/clock.h"
#include "base/open_files.h"
#include "base/log.h"
#include "base/usage.h"

int main(int argc, char** argv) {
  using namespace postern::agent;
  CLI::App app{"Postern's agent", "postern-agent"};
  app.set_version_flag("--version", "postern-agent " POSTERN_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  DaemonOptions options;
  std::string runtime_dir = options.runtime_dir, data_dir = options.data_dir;
  // Before or behind the command, as it comes.
  app.add_option("--runtime-dir", runtime_dir, "Directory of the running agent's socket")->capture_default_str();

  bool verbose = false;
  auto* run = app.add_subcommand("run", "Run the agent until SIGTERM");
  run->add_option("--data-dir", data_dir, "Key, certificate and enrolment; made at the first start")
      ->capture_default_str();
  run->add_flag("--verbose", verbose, "Log more");

  std::string invitation;
  auto* enrol = app.add_subcommand("enrol", "Register this machine with the EMS that an invitation is from");
  enrol
      ->add_option("INVITATION", invitation,
                   "The text that begins with postern://, or - to read it from standard input")
      ->required();

  bool json = false;
  auto* status = app.add_subcommand("status", "Show registration, connection, tags and what is watched");
  status->add_flag("--json", json, "As JSON, for scripts");
  auto* deregister = app.add_subcommand(
      "deregister", "Leave the EMS: it lets this machine in no more; key and certificate are destroyed");
  bool force = false;
  deregister->add_flag("--force", force, "Also when the EMS can't be told: only this machine forgets then");
  auto* recheck = app.add_subcommand("recheck", "Read everything again now and report what changed");

  auto* destinations = app.add_subcommand("destinations", "Show what is listened for on loopback and reached by a gateway");
  destinations->add_flag("--json", json, "As JSON, for scripts");
  std::string host;
  std::uint16_t port = 0;
  auto* forward = app.add_subcommand("forward", "Carry standard input and output to a ZTNA destination:\n"
                                                "ssh -o ProxyCommand=\"postern-agent forward %h %p\" HOST");
  forward->add_option("HOST", host, "As the endpoint profile names it")->required();
  forward->add_option("PORT", port, "Likewise")->required()->check(CLI::Range(1, 65535));

  std::string root = "/";
  auto* facts = app.add_subcommand("facts", "Show what would be reported of a root file system");
  facts->add_option("--root", root, "Root file system to read: this machine's, a golden image's, a container's")
      ->capture_default_str()
      ->check(CLI::ExistingDirectory);
  facts->add_flag("--json", json, "As JSON, for scripts");
  std::vector<std::string> keys;
  bool all = false;
  facts
      ->add_option("--fact", keys,
                   "Only this fact, such as file.exists:/etc/x: what a rule may ask for. May be given several times")
      ->allow_extra_args(false);
  facts->add_flag("--all", all, "Also what is only reported when a rule asks for it, as far as it takes no argument");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return postern::usage_error(app, e, std::cerr);
  }

  if (destinations->parsed()) return destinations_command(runtime_dir, json);
  if (forward->parsed()) return forward_command(runtime_dir, host, port);
  if (enrol->parsed()) return enrol_command(runtime_dir, invitation);
  if (status->parsed()) return status_command(runtime_dir, json);
  if (deregister->parsed()) return deregister_command(runtime_dir, force);
  if (recheck->parsed()) return recheck_command(runtime_dir);
  if (facts->parsed()) {
    const auto collected = facts_of(root, {keys.begin(), keys.end()}, all, postern::SystemClock().now().wall);
    std::cout << (json ? facts_json(collected) : facts_table(collected));
    return exit_status(0);
  }
  if (verbose) postern::set_log_level(postern::LogLevel::kDebug);
  options.data_dir = data_dir;
  options.runtime_dir = runtime_dir;
  postern::raise_open_files(postern::kAllOpenFiles);  // each forwarded connection takes two
  return exit_status(run_agent(options));
}
