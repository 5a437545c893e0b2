#pragma once
// What a command is: described once, as data, in its own file of commands/. From the description come the reading of
// the command line, --help and the guide's reference.
#include <boost/json/fwd.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "cli/api.h"
#include "cli/connection.h"
#include "cli/terminal.h"

namespace postern::cli {

/// Exit codes.
inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;   ///< It was understood and did not succeed.
inline constexpr int kMisused = 2;  ///< The command line was not understood.

struct Argument {
  std::string name;  ///< "ENDPOINT".
  std::string help;
  bool required = true;
  bool many = false;
};

/// What a whole number on the command line may be.
struct Whole {
  std::uint64_t least = 1;
  std::uint64_t most = 1'000'000;
};

struct Option {
  std::string names = {};  ///< "-f,--file": the last is what Given knows it by.
  std::string value = {};  ///< "FILE"; empty: a flag.
  std::string help = {};
  bool required = false;
  bool many = false;
  std::optional<Whole> number = {};
  std::vector<std::string> choices = {};  ///< Nothing else; --help and the guide list them behind `help`.
};

/// "a, b or c".
std::string one_of(const std::vector<std::string>& choices);
/// What --help and the guide say of it: its help and its choices.
std::string help_of(const Option& option);

/// What stood on the command line.
class Given {
 public:
  void set(std::string name, std::vector<std::string> values) { values_[std::move(name)] = std::move(values); }
  bool has(std::string_view name) const { return values_.contains(name); }
  /// The last one given; `otherwise` when it was not.
  std::string text(std::string_view name, std::string otherwise = "") const;
  std::size_t number(std::string_view name, std::size_t otherwise) const;
  std::vector<std::string> texts(std::string_view name) const;

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
};

/// The world around the program: a test has its own.
struct Environment {
  Terminal& terminal;
  const Clock& clock;
  GetEnvironment variables;
  std::string config_path;
};

/// One command at work.
class Session {
 public:
  Session(const Given& given, const Environment& environment, ConnectionOptions connection);

  const Given& given;
  const Environment& environment;
  const ConnectionOptions connection;
  Terminal& terminal;

  /// Connected to nobody yet: each request is a connection of its own. Errors: those of choose_connection.
  Result<Api*> api();
  WallTime now() const { return environment.clock.now().wall; }
  const Look& look() const { return terminal.look(); }
  bool as_json() const { return given.has("--json"); }

  void print(std::string_view text) { terminal.out(text); }
  /// The EMS's answer as it is, one line.
  int print_json(const boost::json::value& value);
  /// One line on standard error that is not the answer.
  void say(std::string_view text) { terminal.err(std::string(text) + "\n"); }
  /// For a command line that says something wrong: prints, returns kMisused.
  int misused(std::string_view what);

  std::string command;  ///< Its name, for messages.

 private:
  std::unique_ptr<Api> api_;
};

struct Command {
  std::string name = {};
  std::string group = {};     ///< Heading under which --help lists it.
  std::string summary = {};   ///< One line without a full stop.
  std::string details = {};   ///< What else there is to know; may be empty.
  std::string examples = {};  ///< Lines.
  std::vector<Argument> arguments = {};
  std::vector<Option> options = {};
  Result<int> (*run)(Session& session) = nullptr;
};

}  // namespace postern::cli
