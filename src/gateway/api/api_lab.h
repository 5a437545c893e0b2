#pragma once
// A laboratory for tests of the API: an Api over a configuration in memory and a gateway that stands still, without
// sockets and time.
#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <optional>
#include <string>

#include "base/text.h"
#include "gateway/api/api.h"
#include "gateway/cli/fake_operations.h"
#include "gateway/config/api_key.h"
#include "gateway/config/secret.h"
#include "gateway/config/text.h"

namespace postern::gateway::api {

struct LabReply {
  int status = 0;
  net::HttpHeaders headers;
  std::string text;
  boost::json::value body;  ///< null when it is not JSON.

  const boost::json::value& at(std::string_view pointer) const { return body.at_pointer(pointer); }
  bool has(std::string_view pointer) const {
    boost::system::error_code error;
    return body.find_pointer(pointer, error) != nullptr;
  }
  std::string cli_error() const {
    return has("/cli_error") ? std::string(at("/cli_error").as_string()) : std::string();
  }
  std::vector<std::string> cookies() const {
    std::vector<std::string> out;
    for (const auto& [name, value] : headers.all()) {
      if (name == "Set-Cookie") out.push_back(value);
    }
    return out;
  }
};

class ApiLab : public testing::Test {
 protected:
  ApiLab() {
    token = *config::generate_api_key(*store, "tests", random);
    bearer = {{"Authorization", "Bearer " + token}};
  }

  using Headers = std::vector<std::pair<std::string, std::string>>;
  /// Sends it as it is; nothing when the answer has to wait for something.
  std::shared_ptr<std::optional<LabReply>> send(const std::string& method, const std::string& target, std::string body,
                                                const Headers& headers) {
    net::HttpRequest request;
    request.method = method;
    const auto question = target.find('?');
    request.path = target.substr(0, question);
    if (question != target.npos) {
      for (const auto pair : split(std::string_view(target).substr(question + 1), '&')) {
        const auto equals = pair.find('=');
        if (pair.empty()) continue;
        request.query.emplace(pair.substr(0, equals), equals == pair.npos ? "" : pair.substr(equals + 1));
      }
    }
    request.body = std::move(body);
    request.peer.remote_ip = *IpAddress::parse(address);
    request.headers.add("Host", "gw.example");
    for (const auto& [name, value] : headers) request.headers.add(name, value);
    auto got = std::make_shared<std::optional<LabReply>>();
    api->handle(std::move(request), [got](net::HttpResponse response) {
      ASSERT_FALSE(got->has_value()) << "answered twice";
      LabReply reply{response.status, response.headers, response.body, {}};
      boost::system::error_code error;
      reply.body = boost::json::parse(reply.text, error);
      *got = std::move(reply);
    });
    return got;
  }
  LabReply ask(const std::string& method, const std::string& target, std::string body, const Headers& headers) {
    const auto got = send(method, target, std::move(body), headers);
    if (*got) return **got;
    ADD_FAILURE() << method << ' ' << target << " was not answered";
    return {};
  }
  /// With the API user's token.
  LabReply ask(const std::string& method, const std::string& target, std::string body = "") {
    return ask(method, target, std::move(body), bearer);
  }
  LabReply cmdb(const std::string& method, const std::string& target, std::string body = "") {
    return ask(method, "/api/v2/cmdb/" + target, std::move(body));
  }
  LabReply monitor(const std::string& method, const std::string& target, std::string body = "") {
    return ask(method, "/api/v2/monitor/" + target, std::move(body));
  }
  void configure(std::string_view text) {
    auto t = store->begin();
    const auto applied = config::apply_text(t, text);
    ASSERT_TRUE(applied) << applied.error().message;
    const auto committed = store->commit(t);
    ASSERT_TRUE(committed) << committed.error().message;
  }
  std::string shown(const std::string& table) const {
    return config::print_table(*store->current(), {{table, ""}}, config::ShowMode::kChanged);
  }

  std::unique_ptr<config::ConfigStore> store = config::ConfigStore::in_memory(config::gateway_schema());
  cli::FakeOperations operations;
  ManualClock clock;
  SeededRandom random{11};
  std::string token, address = "192.0.2.7";
  Headers bearer;
  std::unique_ptr<Api> api = std::make_unique<Api>(*store, operations, clock, random);
};

}  // namespace postern::gateway::api
