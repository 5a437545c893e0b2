// postern-gateway: the command line.
#include <CLI/CLI.hpp>
#include <filesystem>

#include "base/log.h"
#include "gateway/cli/client.h"
#include "gateway/shell/daemon.h"

int main(int argc, char** argv) {
  const std::string default_runtime = "/run/postern";
  if (argc > 1 && std::string_view(argv[1]) == "cli") {
    std::string runtime = default_runtime;
    std::vector<std::string> args(argv + 2, argv + argc);
    if (args.size() > 1 && args[0] == "--runtime-dir") {
      runtime = args[1];
      args.erase(args.begin(), args.begin() + 2);
    }
    return postern::gateway::cli::cli_main(postern::gateway::cli_socket(runtime).native(), args);
  }
  CLI::App app{"Postern's gateway"};
  app.set_version_flag("--version", "postern-gateway " POSTERN_VERSION);
  app.require_subcommand(1);
  postern::gateway::DaemonOptions options;
  std::string data_dir = "/var/lib/postern-gateway", runtime_dir = default_runtime;
  bool no_firewall = false, verbose = false;
  auto* run = app.add_subcommand("run", "Run the gateway until SIGTERM");
  run->set_config("--config", "", "Read options from a TOML file");
  run->add_option("--data-dir", data_dir, "Identity, configuration and kept records")->capture_default_str();
  run->add_option("--runtime-dir", runtime_dir, "Shared memory and the command line's socket")->capture_default_str();
  run->add_option("--module", options.module_path, "Path of ngx_http_postern_module.so")->required();
  run->add_option("--nginx", options.nginx_binary, "nginx's program")->capture_default_str();
  run->add_option("--nginx-user", options.nginx_user, "User that nginx runs as when we are root")->capture_default_str();
  run->add_option("--nginx-workers", options.nginx_workers, "Worker processes")->capture_default_str()->check(CLI::Range(1, 64));
  run->add_option("--api-listen", options.api_listen, "IP:PORT of the REST API (port 0: a free one; admin-sport of the configuration wins)")
      ->capture_default_str();
  run->add_flag("--no-firewall", no_firewall, "Without IP/MAC control: where nftables may not be used");
  run->add_flag("--verbose", verbose, "Log more");
  app.add_subcommand("cli", "The command line: postern-gateway cli [--runtime-dir DIR] [-c COMMAND]...");
  CLI11_PARSE(app, argc, argv);
  if (verbose) postern::set_log_level(postern::LogLevel::kDebug);
  options.data_dir = data_dir;
  options.runtime_dir = runtime_dir;
  if (!options.module_path.empty()) options.module_path = std::filesystem::absolute(options.module_path);
  options.firewall = !no_firewall;
  return postern::gateway::run_gateway(options);
}
