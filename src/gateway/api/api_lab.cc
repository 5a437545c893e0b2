#include "gateway/api/api_lab.h"

#include <utility>

#include "base/form.h"
#include "base/text.h"
#include "gateway/config/api_key.h"
#include "gateway/config/text.h"

namespace postern::gateway::api {

LabReply::LabReply() = default;
LabReply::LabReply(const LabReply&) = default;
LabReply::LabReply(LabReply&&) noexcept = default;
LabReply& LabReply::operator=(const LabReply&) = default;
LabReply& LabReply::operator=(LabReply&&) noexcept = default;
LabReply::~LabReply() = default;

const boost::json::value& LabReply::at(std::string_view pointer) const { return body.at_pointer(pointer); }

bool LabReply::has(std::string_view pointer) const {
  boost::system::error_code error;
  return body.find_pointer(pointer, error) != nullptr;
}

std::string LabReply::cli_error() const {
  return has("/cli_error") ? std::string(at("/cli_error").as_string()) : std::string();
}

std::vector<std::string> LabReply::cookies() const {
  std::vector<std::string> out;
  for (const auto& [name, value] : headers.all()) {
    if (name == "Set-Cookie") out.push_back(value);
  }
  return out;
}

ApiLab::ApiLab()
    : store(config::ConfigStore::in_memory(config::gateway_schema())),
      api(std::make_unique<Api>(*store, operations, clock, random)) {
  token = *config::generate_api_key(*store, "tests", random);
  bearer = {{"Authorization", "Bearer " + token}};
}
ApiLab::~ApiLab() = default;

std::shared_ptr<std::optional<LabReply>> ApiLab::send(const std::string& method, const std::string& target,
                                                      std::string body, const Headers& headers) {
  net::HttpRequest request;
  request.method = method;
  const auto question = target.find('?');
  request.path = target.substr(0, question);
  for (const auto raw : split(std::string_view(request.path).substr(1), '/')) {
    request.segments.push_back(percent_decode(raw, false).value_or(std::string(raw)));
  }
  if (question != target.npos) {
    for (const auto pair : split(std::string_view(target).substr(question + 1), '&')) {
      const auto equals = pair.find('=');
      if (pair.empty()) continue;
      const std::string name(pair.substr(0, equals)), value(equals == pair.npos ? "" : pair.substr(equals + 1));
      if (!request.query.emplace(name, value).second) request.repeated.emplace_back(name, value);
    }
  }
  request.body = std::move(body);
  request.peer.remote_ip = *IpAddress::parse(address);
  request.headers.add("Host", "gw.example");
  for (const auto& [name, value] : headers) request.headers.add(name, value);
  auto got = std::make_shared<std::optional<LabReply>>();
  api->handle(std::move(request), [got](net::HttpResponse response) {
    ASSERT_FALSE(got->has_value()) << "answered twice";
    LabReply reply;
    reply.status = response.status;
    reply.headers = std::move(response.headers);
    reply.text = std::move(response.body);
    boost::system::error_code error;
    reply.body = boost::json::parse(reply.text, error);
    *got = std::move(reply);
  });
  return got;
}

LabReply ApiLab::ask(const std::string& method, const std::string& target, std::string body, const Headers& headers) {
  const auto got = send(method, target, std::move(body), headers);
  if (*got) return **got;
  ADD_FAILURE() << method << ' ' << target << " was not answered";
  return {};
}

LabReply ApiLab::ask(const std::string& method, const std::string& target, std::string body) {
  return ask(method, target, std::move(body), bearer);
}

LabReply ApiLab::cmdb(const std::string& method, const std::string& target, std::string body) {
  return ask(method, "/api/v2/cmdb/" + target, std::move(body));
}

LabReply ApiLab::monitor(const std::string& method, const std::string& target, std::string body) {
  return ask(method, "/api/v2/monitor/" + target, std::move(body));
}

void ApiLab::configure(std::string_view text) {
  auto t = store->begin();
  const auto applied = config::apply_text(t, text);
  ASSERT_TRUE(applied) << applied.error().message;
  const auto committed = store->commit(t);
  ASSERT_TRUE(committed) << committed.error().message;
}

std::string ApiLab::shown(const std::string& table) const {
  return config::print_table(*store->current(), {{table, ""}}, config::ShowMode::kChanged);
}

}  // namespace postern::gateway::api
