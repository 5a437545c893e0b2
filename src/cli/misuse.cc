#include "cli/misuse.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/text.h"

namespace postern::cli {
namespace {

/// The command that was given; the program itself where none was.
const CLI::App& innermost(const CLI::App& app) {
  const auto given = app.get_subcommands();
  return given.empty() ? app : *given.front();
}

/// Options of the program may stand behind a command's name. CLI11 leaves a flag's dashes out.
const CLI::Option* find_option(const CLI::App& app, const std::string& name) {
  for (const CLI::App* at : {&innermost(app), &app}) {
    for (const char* dashes : {"", "--", "-"}) {
      if (const CLI::Option* found = at->get_option_no_throw(dashes + name)) return found;
    }
  }
  return nullptr;
}

/// Its name is no help: that of an ExtrasError is the program's.
bool is(const CLI::ParseError& error, CLI::ExitCodes kind) { return error.get_exit_code() == static_cast<int>(kind); }

/// "TAG", "ENDPOINT [NAME] [VALUE]", "no arguments".
std::string arguments_of(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options([](const CLI::Option* o) { return o->get_positional(); })) {
    names.push_back(option->get_required() ? option->get_name() : "[" + option->get_name() + "]");
  }
  return names.empty() ? "no arguments" : join(names, " ");
}

/// A word that nobody takes.
std::string stray(const CLI::App& app, const std::string& word) {
  const CLI::App& command = innermost(app);
  if (word.starts_with('-') && word.size() > 1) return "there is no option " + one_line(word);
  if (&command == &app) return "there is no command " + one_line(word);
  return fmt::format("\"{}\" is too many: postern {} takes {}", one_line(word), command.get_name(),
                     arguments_of(command));
}

/// CLI11 tells in its text alone which option it means: it begins with the name.
std::string missing(const CLI::App& app, const CLI::ParseError& error) {
  const std::string text = error.what();
  const CLI::Option* option = find_option(app, text.substr(0, text.find_first_of(": ")));
  if (option == nullptr) return one_line(text);
  const std::string name = option->get_name(), value = option->get_type_name();
  if (is(error, CLI::ExitCodes::RequiredError)) return name + (value.empty() ? "" : " " + value) + " is required";
  return value.empty() ? name + " takes no value" : fmt::format("{} is missing behind {}", value, name);
}

std::string what_is_wrong(const CLI::App& app, const CLI::ParseError& error) {
  const bool required = is(error, CLI::ExitCodes::RequiredError);
  const auto strays = app.remaining(true);
  const bool no_command = app.get_subcommands().empty();
  // "A subcommand is required" although there is a word in its place: that word is what is wrong.
  if (!strays.empty() && (is(error, CLI::ExitCodes::ExtrasError) || no_command || strays.front().starts_with('-'))) {
    return stray(app, strays.front());
  }
  if (required && no_command) return "no command is given; to begin: postern login URL";
  if (required || is(error, CLI::ExitCodes::ArgumentMismatch)) return missing(app, error);
  return one_line(error.what());
}

}  // namespace

std::string value_error(const Option& option, const std::string& value) {
  if (option.number) {
    const auto number = parse_u64(value);
    if (!number || *number < option.number->least || *number > option.number->most) {
      return fmt::format("\"{}\" is no whole number from {} to {}", one_line(value), option.number->least,
                         option.number->most);
    }
  }
  if (!option.choices.empty() &&
      std::find(option.choices.begin(), option.choices.end(), value) == option.choices.end()) {
    return fmt::format("\"{}\" is not known; write {}", one_line(value), one_of(option.choices));
  }
  return "";
}

std::string misuse(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App& command = innermost(app);
  return fmt::format("postern: {}; see postern {}--help\n", what_is_wrong(app, error),
                     &command == &app ? "" : command.get_name() + " ");
}

}  // namespace postern::cli
