#pragma once
// What a policy demands and what it forbids on this machine, for clients of benchmarks that change it.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>
#include <string>

#include "timing.h"

extern char** environ;

namespace postern::bench {

/// Unwinds, so that the process and the file are gone afterwards.
[[noreturn]] inline void wrong(const std::string& what) { throw std::runtime_error(what); }

/// The process that the policy demands and the file that it forbids.
class Posture {
 public:
  Posture(std::string program, std::string file) : program_(std::move(program)), file_(std::move(file)) {
    ::unlink(file_.c_str());
    start();
  }
  ~Posture() {
    ::unlink(file_.c_str());
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Posture(const Posture&) = delete;
  Posture& operator=(const Posture&) = delete;

  /// Ends the process, or makes the file.
  void change(bool process) { process ? end_process() : make_file(); }
  void mend(bool process) {
    if (process) {
      ::waitpid(pid_, nullptr, 0);
      pid_ = -1;
      start();
    } else {
      ::unlink(file_.c_str());
    }
  }

 private:
  void end_process() { ::kill(pid_, SIGKILL); }
  void make_file() {
    const int fd = ::open(file_.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
    if (fd < 0) wrong(file_ + ": " + std::strerror(errno));
    ::close(fd);
  }
  void start() {
    char duration[] = "3600";
    char* const arguments[] = {program_.data(), duration, nullptr};
    if ((errno = ::posix_spawn(&pid_, program_.c_str(), nullptr, nullptr, arguments, environ)) != 0) {
      wrong(program_ + ": " + std::strerror(errno));
    }
  }

  std::string program_, file_;
  pid_t pid_ = -1;
};

}  // namespace postern::bench
