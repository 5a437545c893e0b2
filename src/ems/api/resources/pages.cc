// The plain pages: signing in, a start page, and the pop-up in which a gateway is authorised. They work without
// JavaScript; sign-in and authorising are the API's own functions behind forms.
#include <fmt/format.h>

#include "ems/api/auth.h"
#include "ems/api/handling.h"
#include "ems/api/own_password.h"
#include "ems/api/pages/html.h"
#include "ems/api/pages/views.h"
#include "ems/api/password.h"
#include "ems/api/resources/resources.h"
#include "ems/api/services.h"
#include "ems/api/sign_in.h"

namespace postern::ems::api {
namespace {

const Field kCsrfField{.name = "csrf_token", .required = true, .max = 64};
constexpr std::string_view kAuthorisation = "/fabric-authorization";
constexpr std::string_view kAuthorisationOf = "/fabric-authorization?serial=";
constexpr std::string_view kPassword = "/password";

bool signed_in(const CallPtr& call) { return call->who.kind != Principal::Kind::kNobody; }

/// Where sign-in may lead: pages of ours, never another site ("//evil", "/\evil", "https:…").
std::string own_path(const std::string& next) {
  if (next.starts_with(kAuthorisationOf) && valid_gateway_serial(next.substr(kAuthorisationOf.size()))) return next;
  if (next == kPassword) return next;
  return "/";
}

std::string authorisation_path(const std::string& serial) { return fmt::format("{}{}", kAuthorisationOf, serial); }

void go_to(const CallPtr& call, const std::string& path) {
  net::HttpResponse response;
  response.status = 303;
  response.headers.add("Location", path);
  call->reply(std::move(response));
}

void ask_to_sign_in(const CallPtr& call, const std::string& next, const std::string& problem = {}, int status = 200) {
  SignInView view;
  view.ems = call->services.core.status().serial.str();
  view.next = own_path(next);
  view.problem = problem;
  view.status = status;
  call->reply(sign_in_page(view));
}

/// Who has to change the password is led there first; true: answered.
bool led_to_password(const CallPtr& call, bool must_change, const std::string& next) {
  if (!must_change) return false;
  const std::string after = own_path(next);
  std::string target(kPassword);
  if (after != "/" && after != kPassword) {
    target += "?next=";
    for (const char c : after) {
      target += c == '/' ? "%2F" : c == '?' ? "%3F" : c == '=' ? "%3D" : std::string(1, c);
    }
  }
  go_to(call, target);
  return true;
}

void style(const CallPtr& call) {
  net::HttpResponse response;
  response.headers.add("Content-Type", "text/css; charset=utf-8");
  response.headers.add("Cache-Control", "max-age=300");
  response.body = style_sheet();
  call->reply(std::move(response));
}

void icon(const CallPtr& call) {
  net::HttpResponse response;
  response.headers.add("Content-Type", "image/svg+xml");
  response.headers.add("Cache-Control", "max-age=86400");
  response.body = page_icon();
  call->reply(std::move(response));
}

void start(const CallPtr& call) {
  if (!signed_in(call)) return ask_to_sign_in(call, "/");
  if (led_to_password(call, call->who.must_change_password, "/")) return;
  const EmsStatus status = call->services.core.status();
  StartView view;
  view.ems = status.serial.str();
  view.version = status.version;
  view.user = call->who.user;
  view.role = call->who.role == Role::kAdmin ? "admin" : "readonly";
  view.csrf_token = call->who.csrf_token;
  for (const FabricDeviceView& d : call->services.core.fabric_devices()) {
    if (d.device.state != DeviceState::kPending && d.device.state != DeviceState::kConflict) continue;
    view.waiting.push_back({d.device.serial.str(), d.device.host_name, authorisation_path(d.device.serial.str())});
  }
  view.endpoints = status.registered;
  view.online = status.online;
  view.store_error = status.store_error;
  call->reply(start_page(view));
}

void sign_in_form(const CallPtr& call) {
  if (signed_in(call)) return go_to(call, own_path(call->query("next")));
  ask_to_sign_in(call, call->query("next"));
}

void sign_in_by_form(const CallPtr& call) {
  const std::string next = own_path(call->form["next"]);
  sign_in(call, call->form["name"], call->form["password"], [call, next](Result<SignedIn> signed_in) {
    if (!signed_in) {
      return ask_to_sign_in(call, next, signed_in.error().message, sign_in_status(signed_in.error()));
    }
    call->add_header("Set-Cookie", Sessions::cookie(signed_in->secret));
    if (!led_to_password(call, signed_in->who.must_change_password, next)) go_to(call, next);
  });
}

// ---- One's own password
// ----------------------------------------------------------------------------------------------

void show_password(const CallPtr& call, const std::string& next, const std::string& problem = {}, int status = 200) {
  PasswordView view;
  view.ems = call->services.core.status().serial.str();
  view.user = call->who.user;
  view.csrf_token = call->who.csrf_token;
  view.next = own_path(next) == kPassword ? "/" : own_path(next);
  view.must = call->who.must_change_password;
  view.problem = problem;
  view.status = status;
  call->reply(password_page(view));
}

void password_form(const CallPtr& call) {
  if (call->who.kind != Principal::Kind::kSession) return ask_to_sign_in(call, std::string(kPassword));
  show_password(call, call->query("next"));
}

void post_password(const CallPtr& call) {
  if (call->who.kind != Principal::Kind::kSession) {
    return ask_to_sign_in(call, std::string(kPassword), "The session has ended; nothing was changed. Sign in again.",
                          401);
  }
  if (Status ok = check_csrf(call->who, call->form["csrf_token"]); !ok) return call->fail(ok.error());
  const std::string next = own_path(call->form["next"]);
  if (call->form["new_password"] != call->form["repeated"]) {
    return show_password(call, next, "The new password was not the same both times; nothing was changed.", 400);
  }
  change_own_password(call, call->form["old_password"], call->form["new_password"],
                      [call, next](Status done, int status) {
                        if (!done)
                          return show_password(call, next, "Nothing was changed: " + done.error().message, status);
                        go_to(call, next);
                      });
}

void sign_out_by_form(const CallPtr& call) {
  if (call->who.kind == Principal::Kind::kSession) {
    if (Status ok = check_csrf(call->who, call->form["csrf_token"]); !ok) return call->fail(ok.error());
    call->services.sessions.close(call->who.session_key);
    call->services.core.note(now_of(call), actor_of(call), "signout", call->who.user, "");
    call->add_header("Set-Cookie", Sessions::expired_cookie());
  }
  go_to(call, "/");
}

// ---- The pop-up ----------------------------------------------------------------------------------------------------

std::optional<FabricDeviceView> find_device(const CallPtr& call, const std::string& serial) {
  if (!valid_gateway_serial(serial)) return std::nullopt;
  return call->services.core.fabric_device(GatewaySerial(serial));
}

void no_such_device(const CallPtr& call, const std::string& serial) {
  call->fail({ErrorCode::kNotFound, "no gateway with the serial number " + serial +
                                        " has connected to this EMS yet; check the connector's address on the gateway, "
                                        "and open this page again"});
}

void show_device(const CallPtr& call, const std::string& serial, const std::string& problem = {}, int status = 200) {
  const auto found = find_device(call, serial);
  if (!found) return no_such_device(call, serial);
  const FabricDevice& d = found->device;
  DeviceView view;
  view.ems = call->services.core.status().serial.str();
  view.serial = serial;
  view.host_name = d.host_name;
  view.address = d.address.str();
  view.version = d.version;
  view.state = std::string(device_state_name(d.state));
  view.connected = found->connected;
  view.key_sha256 = to_hex_lower(d.offered_key);
  if (d.pinned_key) view.pinned_sha256 = to_hex_lower(*d.pinned_key);
  view.user = call->who.user;
  view.csrf_token = call->who.csrf_token;
  view.may_decide = call->who.may(Role::kAdmin) && !call->who.must_change_password;
  view.problem = problem;
  view.status = status;
  call->reply(authorise_page(view));
}

void authorisation_form(const CallPtr& call) {
  const std::string serial = call->query("serial");
  if (!signed_in(call)) return ask_to_sign_in(call, authorisation_path(serial));
  if (led_to_password(call, call->who.must_change_password, authorisation_path(serial))) return;
  show_device(call, serial);
}

void decide(const CallPtr& call) {
  const std::string serial = call->form["serial"];
  if (!signed_in(call)) {
    return ask_to_sign_in(call, authorisation_path(serial),
                          "The session has ended; nothing was changed. Sign in again.", 401);
  }
  if (Status ok = check_csrf(call->who, call->form["csrf_token"]); !ok) return call->fail(ok.error());
  if (call->who.must_change_password) {
    return call->fail({ErrorCode::kPermissionDenied, "your password has to be changed first: open /password"});
  }
  if (!call->who.may(Role::kAdmin)) {
    return call->fail({ErrorCode::kPermissionDenied, "authorising a gateway needs the role admin"});
  }
  if (!find_device(call, serial)) return no_such_device(call, serial);
  const auto key = from_hex(call->form["key_sha256"]);
  Sha256 seen{};
  if (!key || key->size() != seen.size()) return call->fail({ErrorCode::kInvalidArgument, "key_sha256: is no SHA-256"});
  std::copy(key->begin(), key->end(), seen.begin());
  EmsCore::DeviceChange change;
  change.authorized = call->form["act"] == "authorise";
  change.expected_key = seen;  // the one that the page showed, whatever connected since
  call->services.core.change_device(
      now_of(call), actor_of(call), GatewaySerial(serial), std::move(change), [call, serial](Status done) {
        if (!done) return show_device(call, serial, done.error().message, http_status(done.error().code));
        go_to(call, authorisation_path(serial));  // so that loading it again does not send the form again
      });
}

}  // namespace

Resource pages_resource() {
  return {.name = "pages",
          .description = "Plain pages",
          .routes = {{.method = "GET", .path = "/", .role = Role::kAnyone, .handler = start, .summary = "Start page"},
                     {.method = "GET",
                      .path = "/style.css",
                      .role = Role::kAnyone,
                      .handler = style,
                      .summary = "Style of the pages"},
                     {.method = "GET",
                      .path = "/icon.svg",
                      .role = Role::kAnyone,
                      .handler = icon,
                      .summary = "Icon of the pages"},
                     {.method = "GET",
                      .path = "/signin",
                      .role = Role::kAnyone,
                      .handler = sign_in_form,
                      .summary = "Sign-in form",
                      .query = {{.name = "next"}}},
                     {.method = "POST",
                      .path = "/signin",
                      .role = Role::kAnyone,
                      .handler = sign_in_by_form,
                      .summary = "Sign in",
                      .body_kind = BodyKind::kForm,
                      .body = {{.name = "name", .required = true, .min = 1, .max = 63},
                               {.name = "password",
                                .required = true,
                                .min = 1,
                                .max = static_cast<std::int64_t>(kMaxPassword)},
                               {.name = "next"}}},
                     {.method = "GET",
                      .path = std::string(kPassword),
                      .role = Role::kAnyone,
                      .handler = password_form,
                      .summary = "Form for one's own password",
                      .query = {{.name = "next"}}},
                     {.method = "POST",
                      .path = std::string(kPassword),
                      .role = Role::kAnyone,
                      .handler = post_password,
                      .summary = "Change one's own password",
                      .body_kind = BodyKind::kForm,
                      .body = {kCsrfField,
                               {.name = "name"},
                               {.name = "old_password",
                                .required = true,
                                .min = 1,
                                .max = static_cast<std::int64_t>(kMaxPassword)},
                               {.name = "new_password", .required = true, .min = 1, .max = 4096},
                               {.name = "repeated", .required = true, .min = 1, .max = 4096},
                               {.name = "next"}}},
                     {.method = "POST",
                      .path = "/signout",
                      .role = Role::kAnyone,
                      .handler = sign_out_by_form,
                      .summary = "Sign out",
                      .body_kind = BodyKind::kForm,
                      .body = {kCsrfField}},
                     {.method = "GET",
                      .path = std::string(kAuthorisation),
                      .role = Role::kAnyone,
                      .handler = authorisation_form,
                      .summary = "A gateway that asks to be authorised",
                      .query = {{.name = "serial", .required = true, .min = 1, .max = 16}}},
                     {.method = "POST",
                      .path = std::string(kAuthorisation),
                      .role = Role::kAnyone,
                      .handler = decide,
                      .summary = "Authorise or refuse a gateway",
                      .body_kind = BodyKind::kForm,
                      .body = {kCsrfField,
                               {.name = "serial", .required = true, .min = 1, .max = 16},
                               {.name = "key_sha256", .required = true, .min = 64, .max = 64},
                               {.name = "act", .required = true, .values = {"authorise", "refuse"}}}}}};
}

}  // namespace postern::ems::api
