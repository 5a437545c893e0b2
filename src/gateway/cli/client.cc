#include "gateway/cli/client.h"

#include <unistd.h>

#include <cstdio>
#include <functional>
#include <iostream>
#include <optional>
#include <string>

#include "base/text.h"
#include "gateway/cli/channel.h"
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
    "  postern-gateway cli -c \"diagnose endpoint ec-shm list\"       the endpoints that this gateway knows\n"
    "  postern-gateway cli -c \"execute fctems verify 1\" -c y         a question and its answer\n"
    "\n"
    "Exit status: 0; 1: a command failed, the rest was not run and staged changes were dropped; 2: wrong usage, or no\n"
    "gateway answers (one that stands still is given up after 15 seconds).\n";

/// Runs what `next` gives until it is empty. `where` names the place of a command for error messages, `how_to_answer`
/// says how a question is answered here.
int run_lines(Channel& channel, const std::function<std::optional<std::string>()>& next,
              const std::function<std::string()>& where, const std::string& how_to_answer) {
  bool more = false, asked = false, staged = false;
  while (auto line = next()) {
    const auto response = channel.ask({Request::Kind::kLine, *line});
    if (!response) {
      std::fprintf(stderr, "%s\n", response.error().message.c_str());
      return 2;
    }
    std::fputs(response->reply.output.c_str(), stdout);
    std::fflush(stdout);
    if (!response->reply.ok()) {
      // What blocks before this one have committed stays.
      std::fprintf(stderr, "%s%s%s\n", where().c_str(), response->reply.error.c_str(),
                   response->staged ? "; nothing was changed by this block: what was staged is dropped" : "");
      return 1;
    }
    more = response->reply.more;
    asked = more && !response->reply.output.empty();
    staged = response->staged;
    if (response->reply.bye) return 0;
  }
  if (more && !asked) {
    std::fprintf(stderr, "%sthe last command waits for the end of a quote; it was not run\n", where().c_str());
    return 1;
  }
  if (more) {
    std::fprintf(stderr, "\n%sthe last command waits for an answer and has done nothing yet; %s\n", where().c_str(),
                 how_to_answer.c_str());
    return 1;
  }
  if (staged) {
    std::fprintf(stderr, "%schanges were staged and not committed: end is missing; nothing was changed\n",
                 where().c_str());
    return 1;
  }
  return 0;
}

}  // namespace

int cli_main(const std::string& runtime_dir, const std::vector<std::string>& args, Patience& patience) {
  std::vector<std::string> commands;
  std::string socket_path = cli_socket(runtime_dir);
  for (std::size_t i = 0; i < args.size(); ++i) {
    const bool has_value = i + 1 < args.size();
    if ((args[i] == "-c" || args[i] == "--command") && has_value) {
      // Several lines in one argument are several commands.
      for (const auto line : split(args[++i], '\n')) commands.emplace_back(line);
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
  auto channel = Channel::connect(socket_path, patience);
  if (!channel) {
    std::fprintf(stderr, "%s\n", channel.error().message.c_str());
    return 2;
  }
  if (!commands.empty()) {
    std::size_t at = 0;
    return run_lines(
        **channel, [&]() { return at < commands.size() ? std::optional(commands[at++]) : std::nullopt; },
        [] { return std::string(); },
        "answer with the next one: postern-gateway cli -c \"" + commands.back() + "\" -c y");
  }
  if (isatty(STDIN_FILENO)) return run_terminal(**channel);
  std::size_t number = 0;
  return run_lines(
      **channel,
      [&]() -> std::optional<std::string> {
        std::string line;
        if (!std::getline(std::cin, line)) return std::nullopt;
        ++number;
        return line;
      },
      [&] { return "line " + std::to_string(number) + ": "; }, "answer in the line behind it: y or n");
}

}  // namespace postern::gateway::cli
