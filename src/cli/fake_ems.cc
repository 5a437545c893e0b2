#include "cli/fake_ems.h"

#include <boost/json.hpp>
#include <future>
#include <stdexcept>

#include "base/sha256.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

// For 127.0.0.1, made for tests and used nowhere else; valid for a hundred years.
constexpr char kCertificate[] = R"(-----BEGIN CERTIFICATE-----
MIIBpDCCAUugAwIBAgIUMHTgyOcEB4T9j7qVcao09+S4FDQwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJMTI3LjAuMC4xMCAXDTI2MTEyNjA1MzE1OFoYDzIxMjYxMTAy
MDUzMTU4WjAUMRIwEAYDVQQDDAkxMjcuMC4wLjEwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAR4ABF0VXS67mh/eapDcbiOzePr5zU2cxuAmWUJXiPRLwe6a1jWFHrs
i90iL9IhNdBoF+dDNyzQT110f3WRv9VPo3kwdzAdBgNVHQ4EFgQU12aIWIVSaL40
QIRRPONn3VkQri4wHwYDVR0jBBgwFoAU12aIWIVSaL40QIRRPONn3VkQri4wDwYD
VR0TAQH/BAUwAwEB/zAPBgNVHREECDAGhwR/AAABMBMGA1UdJQQMMAoGCCsGAQUF
BwMBMAoGCCqGSM49BAMCA0cAMEQCIAdTTt91TW3ccj1ylIi7rZ09CHbvoB/nMYCa
zNSWQbv2AiBhIT96SabIiAZqUE5Cd8FBxLcVD+1DzHGZtq+Cakcz5A==
-----END CERTIFICATE-----
)";
constexpr char kKey[] = R"(-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgy/YpG2zhk4rbYtoC
YEQhB9y0NwWAaH8U8Wc7gvCQ5dShRANCAAR4ABF0VXS67mh/eapDcbiOzePr5zU2
cxuAmWUJXiPRLwe6a1jWFHrsi90iL9IhNdBoF+dDNyzQT110f3WRv9VP
-----END PRIVATE KEY-----
)";

net::HttpResponse error_reply(int status, const std::string& code, const std::string& message) {
  const json::object body{{"error", json::object{{"code", code}, {"message", message}, {"request_id", "R1"}}}};
  return {status, {}, json::serialize(body)};
}

}  // namespace

FakeEms::FakeEms() {
  std::promise<std::string> listening;
  thread_ = std::thread([this, &listening] {
    net::TlsServerConfig tls;
    tls.identity = {kCertificate, kKey};
    tls.alpn = {{"http/1.1"}, {""}};
    tls.tls13_only = false;
    auto server = net::Server::listen(
        loop_, *IpAddress::parse("127.0.0.1"), 0, tls,
        [this](net::HttpRequest request, net::HttpResponder respond) { respond(answer(std::move(request))); }, nullptr);
    if (server) port_ = (*server)->port();
    listening.set_value(server ? "" : server.error().message);
    if (server) loop_.run();
  });
  if (const std::string error = listening.get_future().get(); !error.empty()) {
    thread_.join();
    throw std::runtime_error("the fake EMS can't listen: " + error);
  }
}

FakeEms::~FakeEms() {
  loop_.stop();
  thread_.join();
}

std::string FakeEms::url() const { return "https://127.0.0.1:" + std::to_string(port_); }

std::string FakeEms::fingerprint() {
  const std::string pem = kCertificate;
  const std::size_t begin = pem.find('\n') + 1;
  std::string body = pem.substr(begin, pem.find("-----END") - begin);
  std::erase(body, '\n');
  return to_hex_colons(sha256(*from_base64(body)));
}

void FakeEms::on(const std::string& method_and_path, std::string body, int status) {
  const std::lock_guard lock(mutex_);
  replies_[method_and_path] = {status, {}, std::move(body)};
}

void FakeEms::refuse(const std::string& method_and_path, int status, const std::string& code,
                     const std::string& message) {
  const std::lock_guard lock(mutex_);
  replies_[method_and_path] = error_reply(status, code, message);
}

void FakeEms::add_header(const std::string& method_and_path, const std::string& name, const std::string& value) {
  const std::lock_guard lock(mutex_);
  replies_[method_and_path].headers.add(name, value);
}

std::string FakeEms::told(const std::string& method_and_path) const {
  const std::lock_guard lock(mutex_);
  const auto it = replies_.find(method_and_path);
  return it == replies_.end() ? "" : it->second.body;
}

std::vector<net::HttpRequest> FakeEms::asked(const std::string& method_and_path) const {
  const std::lock_guard lock(mutex_);
  std::vector<net::HttpRequest> out;
  for (const net::HttpRequest& request : requests_) {
    if (request.method + " " + request.path == "" + method_and_path.substr(0, method_and_path.find(' ') + 1) +
                                                   "/api/v1/" + method_and_path.substr(method_and_path.find(' ') + 1)) {
      out.push_back(request);
    }
  }
  return out;
}

std::size_t FakeEms::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_.size();
}

net::HttpResponse FakeEms::answer(net::HttpRequest request) {
  const std::lock_guard lock(mutex_);
  requests_.push_back(request);
  constexpr std::string_view kRoot = "/api/v1/";
  const std::string name =
      request.method + " " + (request.path.starts_with(kRoot) ? request.path.substr(kRoot.size()) : request.path);
  const std::string* authorization = request.headers.find("Authorization");
  const bool open = name == "POST auth/signin" || request.headers.find("Cookie") != nullptr;
  if (!open && (authorization == nullptr || *authorization != "Bearer pst_test")) {
    return error_reply(401, "unauthenticated", "sign in first");
  }
  // One page of a list after the other, by its cursor.
  const auto cursor = request.query.find("cursor");
  const auto it = replies_.find(cursor == request.query.end() ? name : name + "?" + cursor->second);
  if (it == replies_.end()) return error_reply(404, "not_found", "nothing at " + name);
  return it->second;
}

}  // namespace postern::cli
