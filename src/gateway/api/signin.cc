#include "gateway/api/signin.h"

#include <boost/json.hpp>
#include <fmt/format.h>

#include "base/form.h"
#include "base/log.h"
#include "gateway/api/auth.h"
#include "gateway/api/input.h"
#include "gateway/api/trust.h"
#include "gateway/config/secret.h"
#include "net/strict_json.h"

namespace postern::gateway::api {
namespace {

namespace json = boost::json;

constexpr std::string_view kJsonAddress = "/api/v2/authentication";
constexpr std::string_view kFormAddress = "/logincheck";
constexpr std::string_view kFormEnd = "/logout";

struct Credentials {
  std::string user, password;
  bool want_key = false;  ///< The session's secret in the answer, for `Authorization: Bearer`.
  bool form = false;
};

net::HttpResponse text_reply(int status, std::string body, std::string type = "text/plain; charset=utf-8") {
  net::HttpResponse response{status, {}, std::move(body)};
  response.headers.add("Content-Type", std::move(type));
  return response;
}

/// The two ways of saying it: JSON, and the first character of a text.
net::HttpResponse verdict(const Credentials& given, int status, std::string_view message,
                          std::string_view session = {}, std::chrono::minutes idle = {}) {
  const bool success = status == 200;
  if (given.form) {
    // Clients read the first character, whatever the status.
    return text_reply(status == 401 ? 200 : status, fmt::format("{}{}\n", success ? '1' : '0', message));
  }
  json::object body = {{"status_code", success ? 5 : -1},
                       {"status_message", success ? "LOGIN_SUCCESS" : "LOGIN_FAILED"}};
  if (!message.empty()) body["message"] = message;
  if (success && given.want_key) {
    body["session_key"] = session;
    body["session_key_timeout"] = idle.count();
  }
  return text_reply(status, json::serialize(body), "application/json");
}

void add_cookies(net::HttpHeaders& headers, std::string_view secret) {
  // The first names the session; scripts of our pages may read the second, which proves that they are ours.
  headers.add("Set-Cookie", fmt::format("{}={}; Path=/; Secure; HttpOnly; SameSite=Strict", kSessionCookie, secret));
  headers.add("Set-Cookie",
              fmt::format("{}=\"{}\"; Path=/; Secure; SameSite=Strict", kCsrfCookie, Sessions::csrf_token(secret)));
}

void expire_cookies(net::HttpHeaders& headers) {
  for (const auto name : {kSessionCookie, kCsrfCookie}) {
    headers.add("Set-Cookie", fmt::format("{}=; Path=/; Secure; SameSite=Strict; Max-Age=0", name));
  }
}

Result<Credentials> read_json(std::string_view text) {
  const auto body = parse_object(text);
  if (!body) return fail(body.error());
  Credentials out;
  for (const auto& [name, value] : *body) {
    const bool is_text = value.is_string() && value.get_string().size() <= 512;
    if (name == "username" && is_text) {
      out.user = value.get_string();
    } else if ((name == "secretkey" || name == "password") && is_text) {
      // Some clients send both.
      if (out.password.empty()) out.password = value.get_string();
    } else if (name == "request_key" && value.is_bool()) {
      out.want_key = value.get_bool();
    } else if (!std::string_view(name).starts_with("ack_")) {
      return fail(ErrorCode::kInvalidArgument,
                  shown(name) +
                      " is not understood here; known are: username, secretkey (texts), request_key (true or "
                      "false), ack_…");
    }
  }
  return out;
}

Result<Credentials> read_form(std::string_view text) {
  auto form = postern::parse_form(text);
  if (!form) return fail(form.error());
  Credentials out;
  out.form = true;
  out.user = (*form)["username"];
  out.password = (*form)["secretkey"];
  if (out.user.size() > 512 || out.password.size() > 512) {
    return fail(ErrorCode::kInvalidArgument, "username and secretkey are at most 512 bytes long");
  }
  return out;
}

struct Account {
  std::string password_hash;  ///< Empty: there is no such administrator.
  bool trusted = false;       ///< May sign in from where the request comes from.
};

Account account_of(const config::ConfigTree& tree, const std::string& user, const IpAddress& from) {
  for (const auto& admin : tree.entries("system admin")) {
    if (admin.key() == user) return {admin.text("password"), trusted(admin, from)};
  }
  return {};
}

void sign_in(const CallPtr& call, const Credentials& given) {
  auto& services = call->services;
  if (auto same = check_origin(call->request); !same) {
    return call->reply_raw(verdict(given, 403, same.error().message));
  }
  const std::string address = call->request.peer.remote_ip.str();
  const std::string key = attempt_key(call->request.peer.remote_ip);
  const Seconds wait = services.signins.take(key, services.clock.now().mono);
  if (wait.count() > 0 || services.checking >= Services::kMaxChecking) {
    call->add_header("Retry-After", std::to_string(std::max<std::int64_t>(wait.count(), 1)));
    return call->reply_raw(
        verdict(given, 429, fmt::format("too many attempts: wait {} s", std::max<std::int64_t>(wait.count(), 1))));
  }
  const IpAddress from = call->request.peer.remote_ip;
  const std::string known = account_of(*services.store.current(), given.user, from).password_hash;
  auto right = std::make_shared<bool>(false);
  ++services.checking;
  services.operations.offload(
      [right, hash = known.empty() ? services.decoy_hash : known, password = given.password] {
        *right = config::verify_secret(hash, password);
      },
      [call, given, known, right, address, from, key] {
        auto& s = call->services;
        --s.checking;
        // Gone or changed while it was checked counts as wrong.
        const auto account = account_of(*s.store.current(), given.user, from);
        if (!*right || known.empty() || account.password_hash != known || !account.trusted) {
          // Only the log tells who has the right password at the wrong place.
          const bool elsewhere = *right && account.password_hash == known && !known.empty();
          log_warning("api.signin_refused", "signing in was refused",
                      {{"address", address}, {"why", elsewhere ? "untrusted address" : "name or password"}});
          return call->reply_raw(
              verdict(given, 401,
                      given.form ? "" : "the name or the password is wrong, or this address is not a trusted one"));
        }
        s.signins.give_back(key);
        s.sessions.set_idle(std::chrono::minutes(s.store.current()->single("system global").integer("admintimeout")));
        const auto secret = s.sessions.open(given.user, known, s.clock.now().mono, s.random);
        log_info("api.signin", "an administrator signed in", {{"user", given.user}, {"address", address}});
        auto response = verdict(given, 200, given.form ? "document.location=\"/\";" : "", secret, s.sessions.idle());
        add_cookies(response.headers, secret);
        call->reply_raw(std::move(response));
      });
}

void sign_out(const CallPtr& call, bool form, const std::string& query_token) {
  const auto who = authenticate(call->services, call->request, query_token);
  if (who && who->kind == Principal::Kind::kSession) {
    if (auto ours = check_csrf(*who, call->request); !ours)
      return call->fail(403, ErrorNumber::kNone, ours.error().message);
    call->services.sessions.close(who->session_secret);
  }
  auto response =
      form ? text_reply(200, "")
           : text_reply(200, json::serialize(json::object{{"status_message", "LOGOUT_SUCCESS"}}), "application/json");
  expire_cookies(response.headers);
  call->reply_raw(std::move(response));
}

}  // namespace

bool is_signin_address(const std::string& path) {
  return path == kJsonAddress || path == kFormAddress || path == kFormEnd;
}

void serve_signin(const CallPtr& call, const std::string& query_token) {
  const auto& method = call->request.method;
  const bool form = call->request.path != kJsonAddress;
  if (method == "POST" && call->request.path == kFormEnd) return sign_out(call, true, query_token);
  if (method == "DELETE" && !form) return sign_out(call, false, query_token);
  // Clients with a token look here whether anybody is at home.
  if (method == "GET" && call->request.path == kFormAddress) return call->reply_raw(text_reply(200, ""));
  if (method != "POST") {
    call->add_header("Allow", form ? "POST" : "POST, DELETE");
    return call->fail(405, ErrorNumber::kNone, "this address takes POST");
  }
  if (auto plain = net::check_body_coding(call->request.headers); !plain) {
    return call->fail(415, ErrorNumber::kBadValue, plain.error().message);
  }
  if (!form) {
    if (auto type = net::check_json_type(call->request.headers); !type) {
      return call->fail(415, ErrorNumber::kBadValue, type.error().message);
    }
  }
  auto given = form ? read_form(call->request.body) : read_json(call->request.body);
  if (!given) return call->fail(400, ErrorNumber::kBadValue, given.error().message);
  if (given->user.empty() || given->password.empty()) {
    return call->fail(400, ErrorNumber::kBadValue, "username and secretkey are needed");
  }
  sign_in(call, *given);
}

}  // namespace postern::gateway::api
