// postern-ems: the command line.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>

#include "base/open_files.h"
#include "base/log.h"
#include "base/usage.h"
#include "ems/shell/shell.h"
#include "posture/rule_table.h"
#include "vuln/scan_report.h"

namespace {

int wrong_argument(const postern::Error& error) {
  std::cerr << "postern-ems: " << error.message << "\n";
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Postern's endpoint management server", "postern-ems"};
  app.set_version_flag("--version", "postern-ems " POSTERN_VERSION);
  app.require_subcommand(1);

  std::string data_dir, listen = "0.0.0.0:8443", telemetry = "0.0.0.0:8013";
  std::vector<std::string> public_addresses, server_names, feeds;
  bool verbose = false;
  int keepalive = 60, offline = 180, tag_timeout = 3600, certificate_life = 90 * 24 * 3600, overlap = 600;
  auto* run = app.add_subcommand("run", "Run the server until SIGTERM");
  run->set_config("--config", "", "Read options from a TOML file");
  run->add_option("--data-dir", data_dir, "Directory of the database; made at the first start")->required();
  run->add_option("--listen", listen, "IP:PORT of console, API and fabric (port 0: a free one)")->capture_default_str();
  run->add_option("--telemetry-listen", telemetry, "IP:PORT of telemetry and enrolment")->capture_default_str();
  run->add_option("--public-address", public_addresses,
                  "host:port at which agents reach telemetry; invitations name it");
  run->add_option(
      "--server-name", server_names,
      "Another name or address by which this EMS is reached, for its own certificates (at the first start)");
  run->add_option("--keepalive", keepalive, "Seconds between the keepalives of an agent")
      ->capture_default_str()->check(CLI::Range(1, 3600));
  run->add_option("--offline-timeout", offline, "Seconds of silence after which an endpoint counts as offline")
      ->capture_default_str()->check(CLI::Range(2, 86400));
  const auto* tag_timeout_given = run->add_option("--tag-timeout", tag_timeout,
                  "Seconds of silence for which the tags of an offline endpoint still count, once it is back; a laptop's sleep")
      ->capture_default_str()->check(CLI::Range(60, 30 * 86400));
  run->add_option("--client-certificate-life", certificate_life,
                  "Seconds for which an agent's certificate is issued; it renews itself at two thirds")
      ->capture_default_str()->check(CLI::Range(160, 10 * 365 * 24 * 3600));
  run->add_option("--renewal-overlap", overlap,
                  "Seconds for which gateways go on letting in a certificate whose successor is in use, so that what is open by it "
                  "can end; never longer than it is valid")
      ->capture_default_str()->check(CLI::Range(0, 3600));
  bool keep_initial_password = false;
  run->add_flag(
      "--keep-initial-password", keep_initial_password,
      "The first administrator's random password need not be changed at the first sign-in (at the first start)");
  run->add_option("--feed", feeds,
                  "Vulnerability feed, or a directory of feeds: OSV records (JSON lines, gzip or zip), Debian's security tracker, "
                  "CISA's KEV, EPSS (SIGHUP looks at all feeds again)");
  run->add_flag("--verbose", verbose, "Log more");

  auto* vuln = app.add_subcommand("vuln", "Vulnerabilities without a server");
  vuln->require_subcommand(1);
  auto* scan = vuln->add_subcommand("scan", "Match the packages of a root file system");
  std::string root = "/", format = "table";
  std::vector<std::string> scan_feeds;
  scan->add_option("--root", root, "Root file system to look at")->capture_default_str();
  scan->add_option("--feed", scan_feeds, "Vulnerability feed: OSV, Debian's tracker, KEV or EPSS")->required();
  scan->add_option("--format", format, "table or json")->capture_default_str();

  auto* types = app.add_subcommand("rule-types", "What the rules of tags may ask");
  std::string types_format = "table";
  types->add_option("--format", types_format, "table, markdown or json")->capture_default_str();

  auto* admin = app.add_subcommand("admin", "Administrators, while the server does not run");
  admin->require_subcommand(1);
  auto* reset = admin->add_subcommand("reset-password",
                                      "Give an administrator a new random password and print it; enables them and "
                                      "ends their API tokens");
  std::string reset_dir, name = "admin";
  reset->add_option("--data-dir", reset_dir, "Directory of the database")->required();
  reset->add_option("--name", name, "Administrator")->capture_default_str();

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return postern::usage_error(app, e, std::cerr);
  }

  using namespace postern;
  if (scan->parsed()) {
    return vuln::vuln_scan_main(root, {scan_feeds.begin(), scan_feeds.end()}, format, std::cout, std::cerr);
  }
  if (types->parsed()) return posture::rule_types_main(types_format, std::cout, std::cerr);
  if (reset->parsed()) return ems::reset_password(reset_dir, name);
  if (verbose) set_log_level(LogLevel::kDebug);
  ems::ShellOptions options;
  options.data_dir = data_dir;
  const auto https = ems::parse_listen_address(listen);
  if (!https) return wrong_argument(https.error());
  const auto agents = ems::parse_listen_address(telemetry);
  if (!agents) return wrong_argument(agents.error());
  options.https = *https;
  options.telemetry = *agents;
  if (offline <= keepalive) {
    return wrong_argument({ErrorCode::kInvalidArgument, "--offline-timeout has to be longer than --keepalive"});
  }
  options.keepalive = Seconds(keepalive);
  if (tag_timeout_given->count() == 0) tag_timeout = std::max(tag_timeout, offline);
  if (tag_timeout < offline) {
    return wrong_argument({ErrorCode::kInvalidArgument, "--tag-timeout can't be shorter than --offline-timeout"});
  }
  options.tag_timeout = Seconds(tag_timeout);
  options.offline_timeout = Seconds(offline);
  options.client_certificate_life = Seconds(certificate_life);
  options.renewal_overlap = Seconds(overlap);
  options.public_addresses = public_addresses;
  options.server_names = server_names;
  options.keep_initial_password = keep_initial_password;
  options.feeds.assign(feeds.begin(), feeds.end());
  raise_open_files(kAllOpenFiles);  // each agent takes one
  return ems::run_ems(options);
}
