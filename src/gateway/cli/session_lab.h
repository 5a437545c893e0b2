#pragma once
// For tests of the command line: a session over the configuration of the reference walk-through and a gateway that
// stands still.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/cli/fake_operations.h"
#include "gateway/cli/session.h"

namespace postern::gateway::cli {

class SessionLab : public testing::Test {
 protected:
  SessionLab();
  ~SessionLab() override;

  /// A file of tests/golden.
  static std::string golden(const char* name);
  void configure();
  /// Nothing while the command waits for something.
  std::optional<Reply> feed(std::string_view line);
  /// "(waits)", "error: ..." or what it prints.
  std::string out(std::string_view line);

  std::unique_ptr<config::ConfigStore> store;
  FakeOperations operations;
  SeededRandom random{7};
  std::unique_ptr<CliSession> session;
  std::shared_ptr<std::optional<Reply>> last;
};

}  // namespace postern::gateway::cli
