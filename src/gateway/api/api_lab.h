#pragma once
// A laboratory for tests of the API: an Api over a configuration in memory and a gateway that stands still, without
// sockets and time.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/api/api.h"
#include "gateway/cli/fake_operations.h"

namespace postern::gateway::api {

struct LabReply {
  LabReply();
  LabReply(const LabReply&);
  LabReply(LabReply&&) noexcept;
  LabReply& operator=(const LabReply&);
  LabReply& operator=(LabReply&&) noexcept;
  ~LabReply();

  int status = 0;
  net::HttpHeaders headers;
  std::string text;
  boost::json::value body;  ///< null when it is not JSON.

  const boost::json::value& at(std::string_view pointer) const;
  bool has(std::string_view pointer) const;
  std::string cli_error() const;
  std::vector<std::string> cookies() const;
};

class ApiLab : public testing::Test {
 protected:
  ApiLab();
  ~ApiLab() override;

  using Headers = std::vector<std::pair<std::string, std::string>>;
  /// Sends it as it is; nothing when the answer has to wait for something.
  std::shared_ptr<std::optional<LabReply>> send(const std::string& method, const std::string& target, std::string body,
                                                const Headers& headers);
  LabReply ask(const std::string& method, const std::string& target, std::string body, const Headers& headers);
  /// With the API user's token.
  LabReply ask(const std::string& method, const std::string& target, std::string body = "");
  LabReply cmdb(const std::string& method, const std::string& target, std::string body = "");
  LabReply monitor(const std::string& method, const std::string& target, std::string body = "");
  void configure(std::string_view text);
  std::string shown(const std::string& table) const;

  std::unique_ptr<config::ConfigStore> store;
  cli::FakeOperations operations;
  ManualClock clock;
  SeededRandom random{11};
  std::string token, address = "192.0.2.7";
  Headers bearer;
  std::unique_ptr<Api> api;
};

}  // namespace postern::gateway::api
