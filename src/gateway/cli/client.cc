#include "gateway/cli/client.h"

#include <unistd.h>

#include <cstdio>
#include <functional>
#include <iostream>
#include <optional>
#include <string>

#include "base/text.h"
#include "gateway/cli/channel.h"
#include "gateway/cli/safe_text.h"
#include "gateway/cli/terminal.h"

namespace postern::gateway::cli {
namespace {

constexpr const char* kUsage =
    "usage: postern-gateway cli [--runtime-dir DIR] [-c COMMAND]...\n"
    "\n"
    "Runs the commands in order; without -c those on standard input, and on a terminal interactively, with help by ?,\n"
    "completion by Tab and history. Any unambiguous prefix of a word is that word.\n"
    "\n"
    "  -c, --command COMMAND  a command, several times; a question is answered by the next one\n"
    "  --runtime-dir DIR      of the gateway to talk to (default /run/postern)\n"
    "  --socket PATH          its socket, where it is elsewhere\n"
    "\n"
    "  postern-gateway cli -c \"?\"                                   what may be typed\n"
    "  postern-gateway cli -c \"diagnose ?\"                          what may follow\n"
    "  postern-gateway cli -c \"show\"                                the configuration, as it can be typed\n"
    "  postern-gateway cli -c \"show | grep -f web\"                   the entries in which web stands\n"
    "  postern-gateway cli -c \"diagnose endpoint ec-shm list\"       the endpoints that this gateway knows\n"
    "  postern-gateway cli -c \"diagnose endpoint why <address>\"     why an endpoint is, or is not, in which list\n"
    "  postern-gateway cli -c \"diagnose ztna decision <id>\"         why a request was refused, by a denial page's reference\n"
    "  postern-gateway cli -c \"diagnose ztna session list\"          open sessions; session clear ends some\n"
    "  postern-gateway cli -c \"diagnose ztna real-server list\"      which real servers are well, and why not\n"
    "  postern-gateway cli -c \"diagnose firewall ruleset\"           what nftables is told\n"
    "  postern-gateway cli -c \"execute import fortios check file <path>\"\n"
    "                                                               what would become of a FortiGate's configuration\n"
    "  postern-gateway cli -c \"execute revision list config\"         who changed what, to compare and take back\n"
    "  postern-gateway cli -c \"execute fctems verify 1\" -c y         a question and its answer\n"
    "  postern-gateway cli < changes.txt                            a text of commands\n"
    "\n"
    "A text on standard input (and a COMMAND of several lines) is taken whole or not at all: its blocks stay staged until\n"
    "its end. Each line that is wrong is told with its number, and then nothing of the text is changed. Where other\n"
    "commands (show, execute, diagnose) stand between blocks, what stands before such a command is put in force before\n"
    "it runs, and stays; behind a wrong line no command is run.\n"
    "\n"
    "Exit status: 0; 1: a command failed or a line of the text is wrong (of commands given by -c the rest was not run and\n"
    "what was staged is dropped); 2: wrong usage, or no gateway answers (one that stands still is given up after 15\n"
    "seconds).\n";

/// Output of the gateway, for whatever standard output is.
void print(const std::string& output) {
  static const bool terminal = isatty(STDOUT_FILENO) != 0;
  std::fputs(terminal ? safe_text(output).c_str() : output.c_str(), stdout);
  std::fflush(stdout);
}

int lost(const Error& error) {
  std::fprintf(stderr, "%s\n", error.message.c_str());
  return 2;
}

/// The lines of a text that is taken whole or not at all.
int run_script(Channel& channel, const std::function<std::optional<std::string>()>& next) {
  bool failed = false, line_open = false;
  while (auto line = next()) {
    if (line->ends_with('\r')) line->pop_back();
    const auto response = channel.ask({Request::Kind::kScript, *line});
    if (!response) return lost(response.error());
    const Reply& reply = response->reply;
    print(reply.output);
    line_open = !reply.output.empty() && reply.output.back() != '\n';
    if (!reply.ok()) {
      std::fprintf(stderr, "%s\n", reply.error.c_str());
      failed = true;
    }
    if (reply.bye) break;
  }
  if (line_open) print("\n");
  const auto response = channel.ask({Request::Kind::kEndScript, ""});
  if (!response) return lost(response.error());
  print(response->reply.output);
  for (const auto& fault : response->reply.faults) std::fprintf(stderr, "%s\n", fault.c_str());
  if (!response->reply.ok()) std::fprintf(stderr, "%s\n", response->reply.error.c_str());
  return failed || !response->reply.ok() ? 1 : 0;
}

/// Commands one after the other, up to the first that fails.
int run_commands(Channel& channel, const std::vector<std::string>& commands) {
  bool more = false, asked = false, staged = false;
  for (const auto& command : commands) {
    const auto response = channel.ask({Request::Kind::kLine, command});
    if (!response) return lost(response.error());
    print(response->reply.output);
    if (!response->reply.ok()) {
      // What blocks before this one have committed stays.
      std::fprintf(stderr, "%s%s\n", response->reply.error.c_str(),
                   response->staged ? "; nothing was changed by this block: what was staged is dropped" : "");
      return 1;
    }
    more = response->reply.more;
    asked = more && !response->reply.output.empty();
    staged = response->staged;
    if (response->reply.bye) return 0;
  }
  if (more && !asked) {
    std::fprintf(stderr, "the last command waits for the end of a quote; it was not run\n");
  } else if (more) {
    std::fprintf(stderr,
                 "\nthe last command waits for an answer and has done nothing yet; answer with the next one: "
                 "postern-gateway cli -c \"%s\" -c y\n",
                 commands.back().c_str());
  } else if (staged) {
    std::fprintf(stderr, "changes were staged and not committed: end is missing; nothing was changed\n");
  }
  return more || staged ? 1 : 0;
}

}  // namespace

int cli_main(const std::string& runtime_dir, const std::vector<std::string>& args, Patience& patience) {
  std::vector<std::string> commands;
  bool text = false;
  std::string socket_path = cli_socket(runtime_dir);
  for (std::size_t i = 0; i < args.size(); ++i) {
    const bool has_value = i + 1 < args.size();
    if ((args[i] == "-c" || args[i] == "--command") && has_value) {
      // Several lines in one argument are several commands, and a text.
      const auto lines = split(args[++i], '\n');
      text |= lines.size() > 1;
      for (const auto line : lines) commands.emplace_back(line);
    } else if (args[i] == "--socket" && has_value) {
      socket_path = args[++i];
    } else if (args[i] == "--runtime-dir" && has_value) {
      socket_path = cli_socket(args[++i]);
    } else if (args[i] == "-h" || args[i] == "--help") {
      std::fputs(kUsage, stdout);
      return 0;
    } else {
      std::fprintf(stderr, "unknown or incomplete argument %s\n%s", args[i].c_str(), kUsage);
      return 2;
    }
  }
  if (commands.empty() && isatty(STDIN_FILENO)) return run_terminal(socket_path);
  auto channel = Channel::connect(socket_path, patience);
  if (!channel) return lost(channel.error());
  if (!commands.empty() && !text) return run_commands(**channel, commands);
  std::size_t at = 0;
  return run_script(**channel, [&]() -> std::optional<std::string> {
    if (!commands.empty()) return at < commands.size() ? std::optional(commands[at++]) : std::nullopt;
    std::string line;
    if (!std::getline(std::cin, line)) return std::nullopt;
    return line;
  });
}

}  // namespace postern::gateway::cli
