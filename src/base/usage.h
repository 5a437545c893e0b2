#pragma once
// What a program answers to a command line that it can't understand. For the mains: they include CLI11, this does not.
#include <ostream>
#include <string>

namespace postern {

/// Answers the error of `app.parse`: help and version on standard output (0), everything else as one line that names
/// the word at fault and where to read on (2). `App` is CLI::App with the program's name given, `ParseError`
/// CLI::ParseError.
template <class App, class ParseError>
int usage_error(const App& app, const ParseError& error, std::ostream& err) {
  if (error.get_exit_code() == 0) return app.exit(error);
  std::string what = error.what();
  // "A subcommand is required" although there is a word in its place: that word is what is wrong.
  if (const auto extra = app.remaining(true); error.get_name() == "RequiredError" && !extra.empty()) {
    what = (extra.front().starts_with("-") ? "there is no option " : "there is no command ") + extra.front();
  }
  std::string command = app.get_name();
  const App* at = &app;
  for (auto next = at->get_subcommands(); !next.empty(); next = at->get_subcommands()) {
    at = next.front();
    command += " " + at->get_name();
  }
  err << app.get_name() << ": " << what << "; see " << command << " --help\n";
  return 2;
}

}  // namespace postern
