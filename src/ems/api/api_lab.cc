#include "ems/api/api_lab.h"

#include <algorithm>
#include <utility>

#include "base/hex.h"
#include "base/text.h"
#include "ems/api/password.h"

namespace postern::ems::testing {
namespace {

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      if (const auto byte = from_hex(text.substr(i + 1, 2))) {
        out += static_cast<char>(byte->front());
        i += 2;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

}  // namespace

Reply::Reply() = default;
Reply::Reply(const Reply&) = default;
Reply::Reply(Reply&&) noexcept = default;
Reply& Reply::operator=(const Reply&) = default;
Reply& Reply::operator=(Reply&&) noexcept = default;
Reply::~Reply() = default;

json::value Reply::at_path(std::initializer_list<std::string_view> names) const {
  json::value value = body;
  for (const std::string_view name : names) value = member(value, name);
  return value;
}

std::string Reply::str(std::string_view name) const {
  const json::value value = member(body, name);
  return value.is_string() ? std::string(value.get_string()) : std::string();
}

json::array Reply::items() const {
  const json::value value = member(body, "items");
  return value.is_array() ? value.get_array() : json::array();
}
std::string Reply::code() const { return text_at("code"); }
std::string Reply::message() const { return text_at("message"); }

std::string Reply::header(std::string_view name) const {
  const std::string* value = headers.find(name);
  return value == nullptr ? std::string() : *value;
}

std::string Reply::cookie() const {
  const std::string set = header("Set-Cookie");
  return set.substr(0, set.find(';'));
}

json::value Reply::member(const json::value& of, std::string_view name) {
  const json::object* object = of.if_object();
  const json::value* found =
      object == nullptr ? nullptr : object->if_contains(json::string_view(name.data(), name.size()));
  return found == nullptr ? json::value(nullptr) : *found;
}

std::string Reply::text_at(std::string_view name) const {
  const json::value value = at("error", name);
  return value.is_string() ? std::string(value.get_string()) : std::string();
}

struct ApiLab::Timer final : net::Handle::Cancel {
  MonoTime at;
  std::function<void()> call;  ///< Null: called or cancelled.
  void cancel() override { call = nullptr; }
};

ApiLab::ApiLab() {
  static const std::string hash = *hash_password(kPassword);
  Administrator a = *core->administrator("admin");
  a.password_hash = hash;
  core->save_administrator(clock.now(), admin, a, nullptr);
  a.name = "reader";
  a.role = AdministratorRole::kReadonly;
  core->save_administrator(clock.now(), admin, a, nullptr);
  add_token("admin", admin_token, AdministratorRole::kAdmin);
  add_token("reader", reader_token, AdministratorRole::kReadonly);
  run();
  start_api();
}

ApiLab::~ApiLab() = default;

void ApiLab::start_api() {
  ApiHooks hooks;
  hooks.offload = [this](std::function<void()> blocking, std::function<void()> done) {
    offloaded_.emplace_back(std::move(blocking), std::move(done));
  };
  hooks.after = [this](std::chrono::nanoseconds delay, std::function<void()> call) {
    auto timer = std::make_shared<Timer>();
    timer->at = clock.now().mono + delay;
    timer->call = std::move(call);
    timers_.push_back(timer);
    return net::Handle(timer);
  };
  hooks.use_web_certificate = [this](const net::TlsIdentity& identity) -> Status {
    if (web_certificate_error) return postern::fail(*web_certificate_error);
    web_certificates.push_back(identity);
    return {};
  };
  hooks.feeds_changed = [this] { feed_calls.emplace_back("changed"); };
  hooks.refresh_feed = [this](const std::string& name) { feed_calls.push_back("refresh " + name); };
  hooks.commit = [this] { run(); };
  api = std::make_unique<Api>(*core, clock, random, std::move(hooks));
}

void ApiLab::restart_all() {
  api.reset();
  offloaded_.clear();
  timers_.clear();
  restart();
  start_api();
}

void ApiLab::add_token(const std::string& user, const std::string& text, AdministratorRole role,
                       std::optional<WallTime> expires_at) {
  ApiToken token;
  token.id = "TOK-" + text.substr(text.size() - std::min<std::size_t>(text.size(), 12));
  token.token_sha256 = sha256(text);
  token.name = "test";
  token.user = user;
  token.role = role;
  token.created_at = clock.now().wall;
  token.expires_at = expires_at;
  core->add_api_token(clock.now(), admin, token, [](Status ok) { ASSERT_TRUE(ok) << ok.error().message; });
  run();
}

void ApiLab::settle() {
  for (int round = 0; round < 1000; ++round) {
    run();
    if (offloaded_.empty()) return;
    auto [blocking, done] = std::move(offloaded_.front());
    offloaded_.pop_front();
    blocking();
    done();
  }
  ADD_FAILURE() << "it does not come to rest";
}

void ApiLab::pass(std::chrono::nanoseconds time) {
  clock.advance(time);
  const auto pending = timers_;
  for (const auto& timer : pending) {
    if (timer->call == nullptr || timer->at > clock.now().mono) continue;
    std::exchange(timer->call, nullptr)();
  }
  std::erase_if(timers_, [](const auto& timer) { return timer->call == nullptr; });
  core->tick(clock.now());
  settle();
}

std::shared_ptr<Reply> ApiLab::begin(net::HttpRequest request) {
  auto reply = std::make_shared<Reply>();
  api->handle(std::move(request), [reply](net::HttpResponse response) {
    EXPECT_EQ(reply->status, 0) << "answered twice";
    reply->status = response.status;
    reply->headers = std::move(response.headers);
    reply->text = std::move(response.body);
    const std::string* type = reply->headers.find("Content-Type");
    if (type == nullptr || !type->starts_with("application/json")) return;
    json::error_code error;
    reply->body = json::parse(reply->text, error);
    EXPECT_FALSE(error) << reply->text;
  });
  return reply;
}

Reply ApiLab::send_request(net::HttpRequest request) {
  const std::string what = request.method + " " + request.path;
  const auto reply = begin(std::move(request));
  settle();
  EXPECT_NE(reply->status, 0) << what << " was not answered";
  return *reply;
}

net::HttpRequest ApiLab::request(const std::string& method, const std::string& target, const std::string& body) {
  net::HttpRequest out;
  out.method = method;
  const std::size_t mark = target.find('?');
  out.path = percent_decoded(target.substr(0, mark));
  if (mark != std::string::npos) {
    for (const std::string_view pair : split(std::string_view(target).substr(mark + 1), '&')) {
      if (pair.empty()) continue;
      const std::size_t eq = std::min(pair.find('='), pair.size());
      out.query[percent_decoded(pair.substr(0, eq))] = percent_decoded(eq < pair.size() ? pair.substr(eq + 1) : "");
    }
  }
  out.body = body;
  out.headers.add("Host", "ems.test:8443");
  out.peer.remote_ip = *IpAddress::parse("192.0.2.7");
  return out;
}

Reply ApiLab::call_with(const std::string& token, const std::string& method, const std::string& target,
                        const std::string& body) {
  auto r = request(method, target, body);
  r.headers.add("Authorization", "Bearer " + token);
  return send_request(std::move(r));
}

Reply ApiLab::call(const std::string& method, const std::string& target, const std::string& body) {
  return call_with(admin_token, method, target, body);
}
Reply ApiLab::get(const std::string& target) { return call("GET", target); }
Reply ApiLab::post(const std::string& target, const std::string& body) { return call("POST", target, body); }

Reply ApiLab::read_only(const std::string& method, const std::string& target, const std::string& body) {
  return call_with(reader_token, method, target, body);
}

Reply ApiLab::nobody(const std::string& method, const std::string& target, const std::string& body) {
  return send_request(request(method, target, body));
}

Reply ApiLab::try_sign_in(const std::string& name, const std::string& password) {
  return nobody("POST", "/api/v1/auth/signin", json::serialize(json::object{{"name", name}, {"password", password}}));
}

Browser ApiLab::sign_in(const std::string& name, const std::string& password) {
  const Reply reply = try_sign_in(name, password);
  EXPECT_EQ(reply.status, 200) << reply.text;
  return {reply.cookie(), reply.str("csrf_token")};
}

Reply ApiLab::browse(const Browser& browser, const std::string& method, const std::string& target,
                     const std::string& body) {
  auto r = request(method, target, body);
  r.headers.add("Cookie", browser.cookie);
  if (method != "GET") r.headers.add("X-CSRF-Token", browser.csrf_token);
  return send_request(std::move(r));
}

void ApiLab::disk_full(bool full) {
  store.fail_commits(full ? std::optional(Error{ErrorCode::kResourceExhausted, "the disk is full"}) : std::nullopt);
}

}  // namespace postern::ems::testing
