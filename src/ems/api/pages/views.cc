#include "ems/api/pages/views.h"

#include <fmt/format.h>

#include "base/hex.h"
#include "ems/api/pages/html.h"

namespace postern::ems::api {
namespace {

std::string row(std::string_view label, std::string_view value, bool mono = false) {
  if (value.empty()) return fmt::format("<dt>{}</dt><dd>unknown (not reported)</dd>\n", label);
  return fmt::format("<dt>{}</dt><dd{}>{}</dd>\n", label, mono ? R"( class="mono")" : "", html_escape(value));
}

std::string signed_in_as(std::string_view user, std::string_view csrf_token) {
  return fmt::format(R"(<form class="foot" method="post" action="/signout">
<input type="hidden" name="csrf_token" value="{}">
<span class="third">Signed in as {}</span> <button class="quiet" type="submit">Sign out</button>
</form>
)",
                     html_escape(csrf_token), html_escape(user));
}

std::string fingerprint_block(std::string_view title, std::string_view hex) {
  std::string groups;
  for (const std::string& group : fingerprint_groups(hex)) groups += fmt::format("<span>{}</span>", html_escape(group));
  return fmt::format("<h2>{}</h2>\n<p class=\"fingerprint mono\">{}</p>\n", title, groups);
}

}  // namespace

std::vector<std::string> fingerprint_groups(std::string_view hex) {
  const auto bytes = from_hex(hex);
  if (!bytes) return {std::string(hex)};
  std::vector<std::string> groups;
  const std::string text = to_hex_colons(*bytes);
  for (std::size_t i = 0; i < text.size(); i += 12) groups.push_back(text.substr(i, 12));
  return groups;
}

net::HttpResponse sign_in_page(const SignInView& view) {
  std::string main = fmt::format("<h1>Sign in</h1>\n<p class=\"second\">EMS <span class=\"mono\">{}</span></p>\n",
                                 html_escape(view.ems));
  if (!view.problem.empty()) main += notice("bad", view.problem);
  main += fmt::format(R"(<form method="post" action="/signin">
<input type="hidden" name="next" value="{}">
<label for="name">Name</label>
<input id="name" name="name" autocomplete="username" autocapitalize="none" required maxlength="64" autofocus>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required maxlength="256">
<p class="acts"><button class="main" type="submit">Sign in</button></p>
</form>
<p class="third">The REST API is at <code>/api/v1/</code>, described in
<a href="/api/v1/openapi.json">openapi.json</a>.</p>
)",
                      html_escape(view.next));
  return html_page(view.status, "Sign in", main);
}

net::HttpResponse password_page(const PasswordView& view) {
  std::string main =
      fmt::format("<h1>Change your password</h1>\n<p class=\"second\">EMS <span class=\"mono\">{}</span></p>\n",
                  html_escape(view.ems));
  if (view.must)
    main += notice("warn", "The password you signed in with was chosen for you. Change it before anything else.");
  if (!view.problem.empty()) main += notice("bad", view.problem);
  main += fmt::format(R"(<form method="post" action="/password">
<input type="hidden" name="csrf_token" value="{}">
<input type="hidden" name="next" value="{}">
<input type="hidden" name="name" value="{}" autocomplete="username">
<label for="old_password">Password until now</label>
<input id="old_password" name="old_password" type="password" autocomplete="current-password" required maxlength="256"
autofocus>
<label for="new_password">New password (at least 12 characters, without your name in it)</label>
<input id="new_password" name="new_password" type="password" autocomplete="new-password" required minlength="12"
maxlength="256">
<label for="repeated">New password again</label>
<input id="repeated" name="repeated" type="password" autocomplete="new-password" required minlength="12"
maxlength="256">
<p class="acts"><button class="main" type="submit">Change password</button></p>
</form>
)",
                      html_escape(view.csrf_token), html_escape(view.next), html_escape(view.user));
  main += signed_in_as(view.user, view.csrf_token);
  return html_page(view.status, "Change your password", main);
}

net::HttpResponse start_page(const StartView& view) {
  std::string main = "<h1>Postern EMS</h1>\n";
  if (!view.store_error.empty()) main += notice("bad", "Nothing can be stored: " + view.store_error);
  main += "<dl>\n" + row("Serial number", view.ems, true) + row("Version", view.version) +
          row("Endpoints", fmt::format("{} registered, {} online", view.endpoints, view.online)) +
          row("Your role", view.role) + "</dl>\n<h2>Fabric devices that wait for you</h2>\n";
  if (view.waiting.empty()) main += "<p class=\"second\">None: no gateway asks to be authorised.</p>\n";
  if (!view.waiting.empty()) main += "<ul class=\"plain\">\n";
  for (const StartView::Device& d : view.waiting) {
    main += fmt::format("<li><a href=\"{}\">{}</a> <span class=\"mono third\">{}</span></li>\n", html_escape(d.path),
                        html_escape(d.host_name.empty() ? d.serial : d.host_name),
                        d.host_name.empty() ? std::string() : html_escape(d.serial));
  }
  if (!view.waiting.empty()) main += "</ul>\n";
  main +=
      R"(<p class="third">Everything else is in the REST API at <code>/api/v1/</code>, described in
<a href="/api/v1/openapi.json">openapi.json</a>.</p>
)";
  main += "<p class=\"third\"><a href=\"/password\">Change your password</a></p>\n";
  main += signed_in_as(view.user, view.csrf_token);
  return html_page(200, "Start", main);
}

net::HttpResponse authorise_page(const DeviceView& view) {
  const std::string name = html_escape(view.host_name.empty() ? view.serial : view.host_name);
  const bool conflict = view.state == "conflict";
  std::string main;
  if (view.state == "authorised") {
    main += fmt::format("<h1>{} is authorised</h1>\n", name);
    main += notice("ok", view.connected ? "It is connected and gets its data. You can close this window."
                                        : "It is not connected now; it gets its data when it comes back.");
  } else if (view.state == "refused") {
    main += fmt::format("<h1>{} is refused</h1>\n", name);
    main += notice("warn", "It gets no data. Authorise it to change that.");
  } else {
    main += fmt::format("<h1>Authorise {}?</h1>\n<p class=\"second\">Until you authorise it, this gateway gets no data "
                        "from EMS <span class=\"mono\">{}</span>.</p>\n",
                        name, html_escape(view.ems));
  }
  if (!view.problem.empty()) main += notice("bad", "Nothing was changed: " + view.problem);
  if (conflict) {
    main +=
        notice("bad",
               "This serial number was authorised with another key. Either the gateway was set up anew, or another "
               "device uses its serial number. Authorise only after you have compared the key on the gateway itself.");
  }
  main += "<dl>\n" + row("Serial number", view.serial, true) + row("Host name", view.host_name) +
          row("Address", view.address, true) + row("Version", view.version) + "</dl>\n";
  main += fingerprint_block(
      view.state == "authorised" ? "SHA-256 fingerprint of its key" : "SHA-256 fingerprint of the key that asks",
      view.key_sha256);
  if (conflict && !view.pinned_sha256.empty()) {
    main += fingerprint_block("Fingerprint authorised until now", view.pinned_sha256);
  }
  if (view.may_decide) {
    const bool authorised = view.state == "authorised";
    const bool refused = view.state == "refused";
    if (authorised) {
      main += "<p class=\"second\">Refusing it takes its data away at once.</p>\n";
    } else {
      main +=
          "<p class=\"second\">Compare it with <i>Device key (SHA-256)</i> of <code>get system status</code> on the "
          "gateway itself, then decide.</p>\n";
    }
    main += fmt::format(R"(<form method="post" action="/fabric-authorization">
<input type="hidden" name="csrf_token" value="{}">
<input type="hidden" name="serial" value="{}">
<input type="hidden" name="key_sha256" value="{}">
<p class="acts">{}{}</p>
</form>
)",
                        html_escape(view.csrf_token), html_escape(view.serial), html_escape(view.key_sha256),
                        refused ? "" : R"(<button class="bad" type="submit" name="act" value="refuse">Refuse</button>)",
                        authorised
                            ? ""
                            : R"( <button class="main" type="submit" name="act" value="authorise">Authorise</button>)");
  } else {
    main += notice("warn", "Deciding needs the role admin, and yours is readonly.");
  }
  main += signed_in_as(view.user, view.csrf_token);
  return html_page(view.status, view.state == "authorised" || view.state == "refused" ? "Fabric device" : "Authorise",
                   main);
}

}  // namespace postern::ems::api
