#pragma once
// For tests: the whole program against a fake EMS, with a terminal, a clock and a configuration of its own.
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "cli/fake_ems.h"
#include "cli/program.h"

namespace postern::cli {

/// Keeps what is said; answers what it was told to.
class FakeTerminal final : public Terminal {
 public:
  void out(std::string_view text) override { said_out += text; }
  void err(std::string_view text) override { said_err += text; }
  Result<std::string> ask(std::string_view question) override { return next(question); }
  Result<std::string> ask_secret(std::string_view question) override { return next(question); }
  Result<std::string> input(std::size_t) override { return standard_input; }
  Look& looks() { return look_; }

  std::string said_out, said_err, questions, standard_input;
  std::vector<std::string> answers;  ///< In order; none left: nobody is there.

 private:
  Result<std::string> next(std::string_view question);
};

class ProgramLab {
 public:
  /// UTF-8, 80 columns, no colours, nobody to be asked; 26 Nov 2026, 10:00:00 UTC.
  ProgramLab();
  ~ProgramLab();
  ProgramLab(const ProgramLab&) = delete;
  ProgramLab& operator=(const ProgramLab&) = delete;

  /// With the fake EMS's address, token and fingerprint. Returns the exit code.
  int run(const std::vector<std::string>& arguments);
  /// Without them.
  int run_alone(const std::vector<std::string>& arguments);
  const std::string& out() const { return terminal.said_out; }
  const std::string& err() const { return terminal.said_err; }

  /// A file of the source tree. With POSTERN_UPDATE_GOLDEN set, `now` is written there first, if it is given.
  static std::string source(const std::string& path, const std::string& now = "");
  static std::string golden(const std::string& name, const std::string& now) {
    return source("tests/golden/" + name, now);
  }
  /// A file in the lab's own directory.
  std::string file(const std::string& name, std::string_view content) const;

  FakeEms ems;
  FakeTerminal terminal;
  ManualClock clock;
  std::map<std::string, std::string> variables;
  std::filesystem::path directory;
  std::string config_path;
};

/// An endpoint's JSON: laptop7, online.
std::string laptop7(const std::string& more = "");

}  // namespace postern::cli
