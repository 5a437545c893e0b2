// postern login, logout, contexts: which EMSs one signed in to.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <filesystem>

#include "base/file.h"
#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/config_file.h"
#include "cli/json_view.h"
#include "cli/moments.h"
#include "cli/table.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

constexpr Seconds kLongestToken{10LL * 365 * 24 * 3600};  // the EMS takes no more

std::string this_machine() {
  std::array<char, 64> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

/// Decides whom to believe: the fingerprint or the certificates given, else what the person says of what the EMS shows.
Status settle_trust(Session& session, Connection& connection, Context& context) {
  const std::string fingerprint = session.given.text("--fingerprint"), ca = session.given.text("--ca");
  if (!ca.empty()) {
    auto pem = read_file(ca, 4u << 20);
    if (!pem) return fail(pem.error());
    connection.roots_pem = std::move(*pem);
    context.ca = std::filesystem::absolute(ca).string();
    return {};
  }
  const auto shown = shown_fingerprint(connection.address, session.terminal);
  if (!shown) return fail(shown.error());
  if (!fingerprint.empty()) {
    const auto wanted = parse_fingerprint(fingerprint);
    if (!wanted) return fail(wanted.error().context("--fingerprint"));
    if (!equal_constant_time(*wanted, *shown)) {
      return fail(ErrorCode::kUnauthenticated, fmt::format("{} shows another certificate: {}. Nothing was sent to it",
                                                           connection.address.url(), to_hex_colons(*shown)));
    }
  } else {
    if (!session.look().interactive) {
      return fail(ErrorCode::kUnavailable,
                  "nobody is here to compare the EMS's fingerprint; give it: --fingerprint SHA256 (or --ca FILE)");
    }
    session.say(fmt::format("The web certificate of {} has the SHA-256 fingerprint\n  {}", connection.address.url(),
                            to_hex_colons(*shown)));
    const auto agreed =
        session.terminal.agreed("Is it the one that the EMS's administrator told you? Trust it? [y/N] ");
    if (!agreed) return fail(agreed.error());
    if (!*agreed) return fail(ErrorCode::kUnauthenticated, "the certificate is not trusted; nothing was sent");
  }
  connection.fingerprint = *shown;
  context.fingerprint = to_hex_colons(*shown);
  return {};
}

struct Credentials {
  std::string user, password;
};

Result<Credentials> ask_credentials(Session& session) {
  Credentials out;
  out.user = session.given.text("--user");
  if (session.given.has("--password-file")) {
    const std::string file = session.given.text("--password-file");
    const auto text = file == "-" ? session.terminal.input(4096) : read_file(file, 4096);
    if (!text) return fail(text.error().context("--password-file"));
    out.password = trim(*text);
    if (out.user.empty()) out.user = "admin";
    return out;
  }
  if (out.user.empty()) {
    auto user = session.terminal.ask("Name [admin]: ");
    if (!user) return fail(user.error());
    out.user = trim(*user).empty() ? "admin" : std::string(trim(*user));
  }
  auto password = session.terminal.ask_secret(fmt::format("Password of {}: ", one_line(out.user)));
  if (!password) return fail(password.error());
  out.password = std::move(*password);
  return out;
}

/// A session by name and password, for as long as it takes to make a token.
class SignedIn {
 public:
  explicit SignedIn(Api& api) : api_(api) {}

  Result<json::value> sign_in(const Credentials& who) {
    const auto response = send("auth/signin", json::object{{"name", who.user}, {"password", who.password}});
    if (!response) return fail(response.error());
    auto answer = api_.read(*response);
    if (!answer) return answer;
    const std::string* cookie = response->headers.find("Set-Cookie");
    cookie_ = cookie == nullptr ? "" : cookie->substr(0, cookie->find(';'));
    csrf_ = text_at(*answer, "csrf_token");
    return answer;
  }
  Result<json::value> post(const std::string& path, const json::value& body) {
    const auto response = send(path, body);
    if (!response) return fail(response.error());
    return api_.read(*response);
  }

 private:
  Result<net::HttpResponse> send(const std::string& path, const json::value& body) {
    net::HttpRequest request;
    request.method = "POST";
    request.path = "/api/v1/" + path;
    request.headers.add("Content-Type", "application/json");
    request.headers.add("User-Agent", "postern/" POSTERN_VERSION);
    if (!cookie_.empty()) request.headers.add("Cookie", cookie_);
    if (!csrf_.empty()) request.headers.add("X-CSRF-Token", csrf_);
    request.body = json::serialize(body);
    return api_.exchange(std::move(request));
  }

  Api& api_;
  std::string cookie_, csrf_;
};

/// The first password of all lets nobody do anything but change it.
Status change_password(Session& session, SignedIn& signed_in, const Api& api, const Credentials& who) {
  const std::string user = one_line(who.user);
  if (!session.look().interactive || session.given.has("--password-file")) {
    return fail(
        ErrorCode::kPermissionDenied,
        fmt::format("the password of {} has to be changed first: {}/password in a browser, or sign in at a terminal",
                    user, api.connection().address.url()));
  }
  session.say(fmt::format("The password of {} has to be changed: 12 bytes or more, without the name in it", user));
  const auto wanted = session.terminal.ask_secret("New password: ");
  if (!wanted) return fail(wanted.error());
  const auto again = session.terminal.ask_secret("The same again: ");
  if (!again) return fail(again.error());
  if (*wanted != *again) return invalid("the two are not the same; nothing was changed");
  const auto done =
      signed_in.post("auth/password", json::object{{"old_password", who.password}, {"new_password", *wanted}});
  if (!done) return fail(done.error().context("changing the password"));
  return {};
}

Result<json::value> make_token(Session& session, Api& api, const Credentials& who) {
  SignedIn signed_in(api);
  const auto answer = signed_in.sign_in(who);
  if (!answer) return fail(answer.error().context("signing in"));
  if (is_true(*answer, "must_change_password")) {
    if (auto changed = change_password(session, signed_in, api, who); !changed) return fail(changed.error());
  }
  json::object body{{"name", cut_off("postern on " + this_machine(), 63)},
                    {"role", session.given.text("--role", "admin")}};
  if (text_at(*answer, "role") == "readonly") body["role"] = "readonly";
  if (session.given.has("--expires")) {  // from here: asking for the password took its time
    const auto left = parse_time_left(session.given.text("--expires"), session.now(), kLongestToken);
    if (!left) return fail(left.error().context("--expires"));
    body["expires_in"] = left->count();
  }
  auto token = signed_in.post("tokens", body);
  if (!token) return fail(token.error().context("making an API token"));
  (void)signed_in.post("auth/signout", json::object());  // the token is there: nothing depends on this
  return token;
}

Result<int> run_login(Session& session) {
  if (session.given.has("--expires")) {
    const auto left = parse_time_left(session.given.text("--expires"), session.now(), kLongestToken);
    if (!left) return session.misused("--expires: " + left.error().message);
  }
  const auto address = parse_address(session.given.text("URL"));
  if (!address) return session.misused(address.error().message);
  const std::string& path = session.environment.config_path;
  auto config = read_config(path);  // before anybody is asked anything
  if (!config) return fail(config.error());
  Connection connection;
  connection.address = *address;
  Context context;
  context.url = address->url();
  if (auto settled = settle_trust(session, connection, context); !settled) return fail(settled.error());
  const auto who = ask_credentials(session);
  if (!who) return fail(who.error());
  Api api(connection, session.terminal);
  const auto token = make_token(session, api, *who);
  if (!token) return fail(token.error());
  context.user = who->user;
  context.token = text_at(*token, "token");
  context.token_id = text_at(*token, "id");
  if (context.token.empty()) return fail(ErrorCode::kDataLoss, "the EMS made an API token and did not tell it");
  const std::string name = session.given.text("--name", address->host);
  config->contexts[name] = context;
  config->current = name;
  if (auto written = write_config(path, *config); !written) return fail(written.error());
  session.say(fmt::format("Signed in to {} as {}: context {}, token {} in {}", context.url, one_line(context.user),
                          name, text_at(*token, "id"), path));
  return kDone;
}

Status end_token(Session& session, const Context& context) {
  const auto id = segment("token", context.token_id);
  if (!id) return fail(id.error());
  auto connection = choose_connection(
      {.url = context.url, .token = context.token, .ca = context.ca, .fingerprint = context.fingerprint},
      [](const char*) { return nullptr; }, session.environment.config_path);
  if (!connection) return fail(connection.error());
  return Api(std::move(*connection), session.terminal).remove("tokens/" + *id);
}

Result<int> run_logout(Session& session) {
  auto config = read_config(session.environment.config_path);
  if (!config) return fail(config.error());
  const std::string name = session.given.text("CONTEXT", config->current);
  const auto it = config->contexts.find(name);
  if (it == config->contexts.end())
    return fail(ErrorCode::kNotFound,
                name.empty() ? "one is not signed in anywhere" : "there is no context " + one_line(name));
  const Context context = it->second;
  config->contexts.erase(it);
  if (config->current == name) config->current.clear();
  // Ended at the EMS first: afterwards nobody here could.
  const Status ended = end_token(session, context);
  if (auto written = write_config(session.environment.config_path, *config); !written) return fail(written.error());
  session.say(
      fmt::format("Context {} is gone, {}", name,
                  ended ? "and its token is ended"
                        : "but the EMS still takes its token " + context.token_id + ": " + ended.error().message));
  return kDone;
}

Result<int> run_contexts(Session& session) {
  auto config = read_config(session.environment.config_path);
  if (!config) return fail(config.error());
  if (session.given.has("--use")) {
    const std::string name = session.given.text("--use");
    if (!config->contexts.contains(name))
      return fail(ErrorCode::kNotFound, "there is no context " + one_line(name) + "; postern contexts lists them");
    config->current = name;
    if (auto written = write_config(session.environment.config_path, *config); !written) return fail(written.error());
  }
  if (session.as_json()) {
    json::array items;
    for (const auto& [name, c] : config->contexts) {
      items.push_back(
          json::object{{"name", name}, {"url", c.url}, {"user", c.user}, {"current", name == config->current}});
    }
    return session.print_json(json::object{{"items", std::move(items)}});
  }
  if (config->contexts.empty()) {
    session.say("no contexts; make one with: postern login https://ems.example:8443");
    return kDone;
  }
  Table table(
      {{.title = ""}, {.title = "CONTEXT"}, {.title = "EMS"}, {.title = "USER"}, {.title = "TRUSTS", .least = 16}});
  for (const auto& [name, c] : config->contexts) {
    table.add({name == config->current ? "*" : "",
               {name, Style::kStrong},
               c.url,
               c.user,
               !c.fingerprint.empty() ? "certificate " + c.fingerprint
               : !c.ca.empty()        ? c.ca
                                      : "the system's certificates"});
  }
  session.print(table.text(session.look()));
  return kDone;
}

}  // namespace

Command login_command() {
  return {.name = "login",
          .group = "Signing in",
          .summary = "Sign in to an EMS once: its address, certificate and an API token are kept as a context",
          .details =
              "Shows the fingerprint of the EMS's web certificate and asks whether to trust it, as ssh does; "
              "--fingerprint or\n"
              "--ca avoids the question. Name and password are asked for, and not kept.",
          .examples =
              "postern login https://ems.example:8443\n"
              "postern login ems.example:8443 --name lab --role readonly --expires 30d\n",
          .arguments = {{"URL", "Address of the EMS"}},
          .options = {{"--name", "NAME", "Of the context; the EMS's host name when not given"},
                      {"--user", "NAME", "Administrator; asked for when not given"},
                      {"--password-file", "FILE", "Read the password there (- for standard input) instead of asking"},
                      {.names = "--role",
                       .value = "ROLE",
                       .help = "What the token may",
                       .choices = {"admin", "readonly"}},
                      {"--expires", "WHEN", "The token runs out then, at most ten years from now: " + std::string(kUntilForms)}},
          .run = run_login};
}

Command logout_command() {
  return {.name = "logout",
          .group = "Signing in",
          .summary = "End a context: its token at the EMS, and what is kept of it here",
          .examples = "postern logout\npostern logout lab\n",
          .arguments = {{"CONTEXT", "The current one when not given", false}},
          .run = run_logout};
}

Command contexts_command() {
  return {.name = "contexts",
          .group = "Signing in",
          .summary = "List the contexts that login made; choose the current one",
          .examples = "postern contexts\npostern contexts --use lab\n",
          .options = {{"--use", "NAME", "Make it the current one"}},
          .run = run_contexts};
}

}  // namespace postern::cli
