#include "cli/program.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <deque>
#include <sstream>

#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/help.h"
#include "cli/misuse.h"

namespace postern::cli {
namespace {

/// What every command takes, before or behind its name.
const std::vector<Option>& common_options() {
  static const std::vector<Option> kOptions{
      {"--json", "", "Print the EMS's answer as JSON"},
      {"--context", "NAME", "One of those that postern login made; the current one when not given"},
      {"--url", "URL", "Address of the EMS: https://ems.example:8443 (POSTERN_URL)"},
      {"--token", "TOKEN", "API token (POSTERN_TOKEN); others may see it in the list of processes"},
      {"--token-file", "FILE", "File with the API token"},
      {"--ca", "FILE", "PEM certificates that may vouch for the EMS; the system's when not given (POSTERN_CA)"},
      {"--fingerprint", "SHA256", "Trust exactly this web certificate instead (POSTERN_FINGERPRINT)"},
      {"--run-json", "FILE", "Take address, token and certificate from what ./run wrote"}};
  return kOptions;
}

std::string last_name(const std::string& names) {
  const std::size_t comma = names.rfind(',');
  return comma == names.npos ? names : names.substr(comma + 1);
}

/// Where CLI11 puts the values of one option or argument.
struct Slot {
  std::string name;
  std::vector<std::string> values;
  bool flag = false;
  CLI::Option* option = nullptr;
};

void add_option(CLI::App& app, const Option& described, std::deque<Slot>& slots) {
  Slot& slot = slots.emplace_back();
  slot.name = last_name(described.names);
  if (described.value.empty()) {
    slot.flag = true;
    slot.option = app.add_flag(described.names, described.help)->disable_flag_override();  // --all=no is not to mean --all
    return;
  }
  slot.option = app.add_option(described.names, slot.values, help_of(described))->type_name(described.value);
  slot.option->allow_extra_args(false)->required(described.required);
  if (described.many) {
    slot.option->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)->take_all();
  } else {
    slot.option->expected(1)->take_last();
  }
  // A check of CLI11's own would show its description behind the value's name, and fail in its own words.
  slot.option->check([described](const std::string& value) { return value_error(described, value); }, "");
}

void add_argument(CLI::App& app, const Argument& described, std::deque<Slot>& slots) {
  Slot& slot = slots.emplace_back();
  slot.name = described.name;
  slot.option = app.add_option(described.name, slot.values, described.help)->type_name("");
  slot.option->required(described.required);
  if (described.many) {
    slot.option->expected(1, 10'000);  // if any: with none at least, what follows "--" would be nobody's
  } else {
    slot.option->expected(1)->allow_extra_args(false);
  }
}

std::string indented(std::string_view text, std::string_view by) {
  std::string out;
  for (const std::string_view line : split(text, '\n')) {
    if (!line.empty()) out += std::string(by) + std::string(line);
    out += '\n';
  }
  return out;
}

std::string footer_of(const Command& command) {
  std::string out;
  if (!command.details.empty()) out += command.details + "\n";
  if (!command.examples.empty())
    out += (out.empty() ? "" : "\n") + std::string("Examples:\n") + indented(command.examples, "  ");
  while (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

Given given_by(const std::deque<Slot>& slots) {
  Given out;
  for (const Slot& slot : slots) {
    if (slot.option->count() > 0) out.set(slot.name, slot.flag ? std::vector<std::string>{} : slot.values);
  }
  return out;
}

int run_command(const Command& command, const std::deque<Slot>& slots, const Environment& environment) {
  const Given given = given_by(slots);
  ConnectionOptions connection{given.text("--url"),    given.text("--token"),       given.text("--token-file"),
                               given.text("--ca"),     given.text("--fingerprint"), given.text("--run-json"),
                               given.text("--context")};
  Session session(given, environment, std::move(connection));
  session.command = command.name;
  const Result<int> done = command.run(session);
  if (done) return *done;
  session.say("postern: " + done.error().message);
  return kFailed;
}

}  // namespace

int run_program(const std::vector<std::string>& arguments, const Environment& environment) {
  CLI::App app{"Postern's administration: endpoints, tags and why, over the EMS's REST API", "postern"};
  app.set_help_flag("-h,--help", "Show this");
  app.set_version_flag("--version", "postern " POSTERN_VERSION)->description("Show the version");
  app.require_subcommand(1);
  app.fallthrough();
  app.formatter(help_formatter(environment.terminal.look()));
  app.footer(
      "To begin: postern login URL, such as https://ems.example:8443\n\n"
      "postern COMMAND --help says more and gives examples. Exit codes: 0 done, 1 failed, 2 not understood.");
  std::deque<Slot> common;
  for (const Option& option : common_options()) add_option(app, option, common);

  std::deque<std::deque<Slot>> slots;
  std::vector<CLI::App*> apps;
  for (const Command& command : all_commands()) {
    CLI::App* sub = app.add_subcommand(command.name, command.summary)->group(command.group);
    sub->footer(footer_of(command));
    std::deque<Slot>& own = slots.emplace_back();
    for (const Argument& argument : command.arguments) add_argument(*sub, argument, own);
    for (const Option& option : command.options) add_option(*sub, option, own);
    apps.push_back(sub);
  }
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) {
      environment.terminal.err(misuse(app, error));
      return kMisused;
    }
    std::ostringstream out;
    app.exit(error, out, out);
    environment.terminal.out(out.str());
    return kDone;
  }
  for (std::size_t i = 0; i < apps.size(); ++i) {
    if (!apps[i]->parsed()) continue;
    std::deque<Slot> both = slots[i];
    both.insert(both.end(), common.begin(), common.end());
    return run_command(all_commands()[i], both, environment);
  }
  return kMisused;
}

std::string reference_markdown() {
  std::string out, group;
  for (const Command& command : all_commands()) {
    if (command.group != group) {
      group = command.group;
      out += fmt::format("### {}\n\n", group);
    }
    std::string line = "postern " + command.name;
    for (const Argument& a : command.arguments) {
      line += " " + fmt::format(fmt::runtime(a.required ? "{}{}" : "[{}{}]"), a.name, a.many ? "…" : "");
    }
    out += fmt::format("**`{}`**: {}.\n", line, command.summary);
    if (!command.details.empty()) out += "\n" + command.details + "\n";
    if (!command.options.empty()) {
      out += "\n| option | |\n|---|---|\n";
      for (const Option& o : command.options) {
        std::string names = o.names;
        if (const auto comma = names.find(','); comma != names.npos) names.replace(comma, 1, ", ");
        out += fmt::format("| `{}{}{}` | {} |\n", names, o.value.empty() ? "" : " ", o.value, help_of(o));
      }
    }
    if (!command.examples.empty()) out += "\n```\n" + std::string(trim(command.examples)) + "\n```\n";
    out += "\n";
  }
  return out;
}

}  // namespace postern::cli
