#pragma once
// For tests of what is read from files: a root of its own, as a mounted image has one.
#include <gtest/gtest.h>
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/clock.h"

namespace postern::agent {

/// Unix milliseconds of what a clock on the wall of this machine says, as logs write it.
std::int64_t local_time(int year, int month, int day, int hour, int minute, int second);

class RootLab : public testing::Test {
 protected:
  RootLab();
  ~RootLab() override;

  /// Writes a file; its directories are made.
  void put(const char* path, const std::string& text, mode_t mode = 0600);
  /// A process with this `comm` in its /proc, to which that directory below the root is "/"; and its end.
  void runs(int pid, const std::string& comm, const std::string& its_root = "");
  void ends(int pid);
  /// When its kernel started.
  void started(WallTime at);
  /// One login more in its wtmp, a second after the one before.
  void log_in(const char* user);

  std::filesystem::path root_;

 private:
  int at_ = 0;
};

}  // namespace postern::agent
