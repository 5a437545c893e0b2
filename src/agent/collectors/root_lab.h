#pragma once
// For tests of what is read from files: a root of its own, as a mounted image has one.
#include <gtest/gtest.h>
#include <sys/types.h>

#include <filesystem>
#include <string>

namespace postern::agent {

class RootLab : public testing::Test {
 protected:
  RootLab();
  ~RootLab() override;

  /// Writes a file; its directories are made.
  void put(const char* path, const std::string& text, mode_t mode = 0600);
  /// One login more in its wtmp, a second after the one before.
  void log_in(const char* user);

  std::filesystem::path root_;

 private:
  int at_ = 0;
};

}  // namespace postern::agent
