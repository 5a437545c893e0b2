#include "cli/program_lab.h"

#include <stdlib.h>
#include <time.h>

#include <fstream>

#include "base/file.h"
#include "cli/moments.h"

namespace postern::cli {

Result<std::string> FakeTerminal::next(std::string_view question) {
  questions += question;
  if (answers.empty()) return fail(ErrorCode::kUnavailable, "there is no terminal to ask at");
  std::string answer = answers.front();
  answers.erase(answers.begin());
  return answer;
}

ProgramLab::ProgramLab() : clock(*read_iso8601("2026-11-26T10:00:00Z")) {
  setenv("TZ", "UTC", 1);
  tzset();
  terminal.looks().utf8 = true;
  terminal.looks().width = 80;
  std::string pattern = (std::filesystem::temp_directory_path() / "postern-cli-XXXXXX").string();
  directory = mkdtemp(pattern.data());
  config_path = (directory / "config/config.toml").string();
}

ProgramLab::~ProgramLab() {
  std::error_code ignored;
  std::filesystem::remove_all(directory, ignored);
}

int ProgramLab::run(const std::vector<std::string>& arguments) {
  std::vector<std::string> all{"--url", ems.url(), "--token", "pst_test", "--fingerprint", FakeEms::fingerprint()};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return run_alone(all);
}

int ProgramLab::run_alone(const std::vector<std::string>& arguments) {
  terminal.said_out.clear();
  terminal.said_err.clear();
  terminal.questions.clear();
  const GetEnvironment look_up = [this](const char* name) {
    const auto it = variables.find(name);
    return it == variables.end() ? nullptr : it->second.c_str();
  };
  return run_program(arguments, {terminal, clock, look_up, config_path});
}

std::string ProgramLab::source(const std::string& name, const std::string& now) {
  const auto path = std::filesystem::path(POSTERN_SOURCE_DIR) / name;
  if (!now.empty() && getenv("POSTERN_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << now;
  return read_file(path, 1 << 20).value_or("(" + path.string() + " is missing)");
}

std::string ProgramLab::file(const std::string& name, std::string_view content) const {
  const auto path = directory / name;
  std::ofstream(path) << content;
  return path.string();
}

std::string laptop7(const std::string& more) {
  return R"J({"uid":"7F4704E462E2CF1430D14814C557BD7B","host_name":"laptop7","os_type":"LINUX64","os_family":"linux",
    "os_version":"Debian GNU/Linux 12 (bookworm)","online":true,"registered":true,"registration":"registered",
    "quarantined":false,"profile":"Default","ip":"10.0.1.7","mac":"02:09:0f:00:01:07","tags":["all_registered_clients"],
    "unknown_tags":[],"vulnerabilities":null,"last_seen":"2026-11-26T09:59:58Z")J" +
         more + "}";
}

}  // namespace postern::cli
