// postern-gateway: the command line.
#include <CLI/CLI.hpp>

#include <cstdio>
#include <filesystem>
#include <iostream>
#include <optional>

#include "base/log.h"
#include "gateway/cli/client.h"
#include "gateway/cli/manual.h"
#include "gateway/config/store.h"
#include "gateway/forward/forwarder.h"
#include "gateway/shell/daemon.h"
#include "gateway/shell/firewall_command.h"

namespace {

int recover_configuration(const std::string& data_dir, std::optional<std::uint64_t> revision) {
  const auto path = std::filesystem::path(data_dir) / "gateway.conf";
  const auto done = postern::gateway::config::ConfigStore::recover(path, revision);
  if (!done) {
    std::fprintf(stderr, "%s; nothing was changed\n", done.error().message.c_str());
    return 1;
  }
  std::printf("%s is revision %llu again. Start the gateway: it goes on with that.\n", path.c_str(),
              static_cast<unsigned long long>(*done));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string default_runtime = "/run/postern";
  if (argc > 1 && std::string_view(argv[1]) == "cli") {
    return postern::gateway::cli::cli_main(default_runtime, {argv + 2, argv + argc});
  }
  CLI::App app{
      "Postern's gateway: gets endpoints and their tags from an EMS and lets only the right ones through: at its "
      "access\n"
      "proxies (nginx with our module) and by address (nftables).",
      "postern-gateway"};
  app.set_version_flag("--version", "postern-gateway " POSTERN_VERSION);
  postern::gateway::DaemonOptions options;
  std::string data_dir = "/var/lib/postern-gateway", runtime_dir = default_runtime;
  bool no_firewall = false, verbose = false;
  auto* run = app.add_subcommand("run", "Run the gateway until SIGTERM");
  run->set_config("--config", "", "Read options from a TOML file")->option_text("FILE");
  run->add_option("--data-dir", data_dir, "Identity, configuration and kept records")
      ->type_name("DIR")
      ->capture_default_str();
  run->add_option("--runtime-dir", runtime_dir, "Shared memory, the command line's socket, runtime.json")
      ->type_name("DIR")
      ->capture_default_str();
  run->add_option("--module", options.module_path, "ngx_http_postern_module.so")->type_name("FILE")->required();
  run->add_option("--nginx", options.nginx_binary, "nginx's program")->type_name("FILE")->capture_default_str();
  run->add_option("--nginx-user", options.nginx_user, "User that nginx runs as when we are root")
      ->type_name("NAME")
      ->capture_default_str();
  run->add_option("--nginx-workers", options.nginx_workers, "Worker processes of nginx")
      ->check(CLI::Range(1, 64))
      ->type_name("N")
      ->capture_default_str();
  run->add_option("--api-listen", options.api_listen,
                  "IP:PORT of the REST API (port 0: a free one; admin-sport of the configuration wins)")
      ->type_name("IP:PORT")
      ->capture_default_str();
  run->add_flag("--no-firewall", no_firewall,
                "Without IP/MAC control: where nftables may not be used. Touches neither nftables nor\n"
                "neighbours: what a gateway before left stays (postern-gateway firewall remove)");
  // For tests: no group, so that --help doesn't list them.
  std::uint64_t health_interval_ms = 5'000, holddown_ms = 30'000;
  run->add_option("--health-interval-ms", health_interval_ms)->check(CLI::Range(50, 3'600'000))->group("");
  std::size_t records_at_once = postern::gateway::DaemonOptions{}.records_at_once;
  run->add_option("--records-at-once", records_at_once)->check(CLI::Range(1, 1'000'000))->group("");
  run->add_option("--holddown-ms", holddown_ms)->check(CLI::Range(0, 3'600'000))->group("");
  run->add_flag("--verbose", verbose, "Log more");
  app.add_subcommand("cli", "Look at and configure the running gateway (cli --help)");
  auto* manual = app.add_subcommand("manual", "Every table, setting and command; needs no running gateway");
  std::string manual_format = "text";
  manual->add_option("--format", manual_format, "text or markdown")->capture_default_str();
  auto* recover = app.add_subcommand(
      "recover", "Make DATA-DIR/gateway.conf anew from what is kept beside it; for a gateway that does not run");
  std::optional<std::uint64_t> revision;
  recover->add_option("--data-dir", data_dir, "Identity, configuration and kept records")
      ->type_name("DIR")
      ->capture_default_str();
  recover->add_option("--revision", revision, "Which one; otherwise the last that is whole")->type_name("N");
  auto* wall = app.add_subcommand("firewall", "What a configuration makes of nftables, and how to take it away");
  wall->require_subcommand(1);
  auto* dry_run = wall->add_subcommand("dry-run", "Print the ruleset of a configuration, as nft -c -f takes it; change nothing");
  std::string configuration;
  bool difference = false;
  dry_run->add_option("--config", configuration, "The configuration's text, such as gateway.conf; -: standard input")
      ->type_name("FILE")
      ->required();
  dry_run->add_flag("--difference", difference, "Only where it differs from what the kernel holds");
  auto* remove = wall->add_subcommand("remove", "Take away what a stopped gateway leaves: its table, and neighbours that it pinned");
  remove->add_option("--runtime-dir", runtime_dir, "Of the gateway that must not run")->type_name("DIR")->capture_default_str();
  postern::gateway::ForwarderOptions forwarder;
  auto* forward = app.add_subcommand("tcp-forwarder", "Carry TCP connections for nginx; the gateway starts it by itself");
  forward->add_option("--socket", forwarder.socket, "Where nginx finds it")->type_name("FILE")->required();
  forward->add_option("--user", forwarder.user, "User to become")->type_name("NAME");
  app.footer(
      "A gateway that stops, denies: the nftables table inet postern stays, and forwards only what policies without "
      "tags let\n"
      "through (postern-gateway firewall remove takes it away).\n"
      "The configuration lives in DATA-DIR/gateway.conf and is changed by the command line or the REST API. The first\n"
      "administrator is admin, with the password in DATA-DIR/initial-password.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const bool failed = error.get_exit_code() != 0;
    const auto unknown = app.remaining(true);
    if (!failed || unknown.empty()) return app.exit(error) == 0 ? 0 : 2;
    std::fprintf(stderr, "\"%s\" is not known; %s\n", unknown.front().c_str(),
                 run->parsed() ? "postern-gateway run --help tells what is"
                               : "allowed: run, cli, firewall, manual, recover (postern-gateway --help)");
    return 2;
  }
  if (manual->parsed()) return postern::gateway::cli::manual_main(manual_format, std::cout, std::cerr);
  if (dry_run->parsed()) return postern::gateway::firewall_dry_run(configuration, difference);
  if (remove->parsed()) return postern::gateway::firewall_remove(runtime_dir);
  if (recover->parsed()) return recover_configuration(data_dir, revision);
  if (forward->parsed()) return postern::gateway::run_forwarder(forwarder);
  if (!run->parsed()) {
    std::fprintf(stderr, "a command is missing; allowed: run, cli, firewall, manual, recover (postern-gateway --help)\n");
    return 2;
  }
  if (verbose) postern::set_log_level(postern::LogLevel::kDebug);
  // nginx takes paths from elsewhere.
  options.data_dir = std::filesystem::absolute(data_dir);
  options.runtime_dir = std::filesystem::absolute(runtime_dir);
  options.module_path = std::filesystem::absolute(options.module_path);
  options.firewall = !no_firewall;
  options.health_interval = std::chrono::milliseconds(health_interval_ms);
  options.records_at_once = records_at_once;
  options.holddown = std::chrono::milliseconds(holddown_ms);
  return postern::gateway::run_gateway(options);
}
