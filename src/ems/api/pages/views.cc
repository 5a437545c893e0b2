#include "ems/api/pages/views.h"

#include <fmt/format.h>

#include "ems/api/pages/html.h"

namespace postern::ems::api {
namespace {

std::string row(std::string_view label, std::string_view value, bool mono = false) {
  if (value.empty()) return fmt::format("<dt>{}</dt><dd>unknown (not reported)</dd>\n", label);
  return fmt::format("<dt>{}</dt><dd{}>{}</dd>\n", label, mono ? R"( class="mono")" : "", html_escape(value));
}

std::string signed_in_as(std::string_view user, std::string_view csrf_token) {
  return fmt::format(R"(<form method="post" action="/signout">
<input type="hidden" name="csrf_token" value="{}">
<p class="third">Signed in as {} <button type="submit">Sign out</button></p>
</form>
)",
                     html_escape(csrf_token), html_escape(user));
}

std::string fingerprint_block(std::string_view title, std::string_view hex) {
  return fmt::format(R"(<h2>{}</h2><p class="fingerprint mono">{}</p>
)",
                     title, html_escape(grouped_fingerprint(hex)));
}

}  // namespace

std::string grouped_fingerprint(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i < hex.size(); ++i) {
    if (i > 0 && i % 4 == 0) out += ' ';
    out += hex[i] >= 'a' && hex[i] <= 'f' ? static_cast<char>(hex[i] - 'a' + 'A') : hex[i];
  }
  return out;
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
<p class="third">The REST API is at <code>/api/v1/</code>, described in <a href="/api/v1/openapi.json">openapi.json</a>.</p>
)",
                      html_escape(view.next));
  return html_page(view.status, "Sign in", main);
}

net::HttpResponse start_page(const StartView& view) {
  std::string main = fmt::format(R"(<h1>Postern EMS</h1>
<dl>
{}{}{}</dl>
)",
                                 row("Serial number", view.ems, true), row("Version", view.version),
                                 row("Your role", view.role));
  main += view.pending == 0
              ? std::string("<p>No fabric device waits for authorisation.</p>\n")
              : notice("warn", fmt::format("{} fabric device{} for authorisation. Open the address that the gateway's "
                                           "connector shows, or use PATCH /api/v1/fabric-devices/{{serial}}.",
                                           view.pending, view.pending == 1 ? " waits" : "s wait"));
  main += R"(<p>The REST API is at <code>/api/v1/</code>, described in <a href="/api/v1/openapi.json">openapi.json</a>.</p>
)";
  main += signed_in_as(view.user, view.csrf_token);
  return html_page(200, "Start", main);
}

net::HttpResponse authorise_page(const DeviceView& view) {
  const std::string& name = view.host_name.empty() ? view.serial : view.host_name;
  std::string main;
  if (view.state == "authorised") {
    main += fmt::format("<h1>{} is authorised</h1>\n", html_escape(name));
  } else if (view.state == "refused") {
    main += fmt::format("<h1>{} is refused</h1>\n", html_escape(name));
  } else {
    main += fmt::format("<h1>Authorise {}?</h1>\n<p class=\"second\">Until you authorise it, it gets no data.</p>\n",
                        html_escape(name));
  }
  if (!view.done.empty()) main += notice("ok", view.done);
  const bool conflict = view.state == "conflict";
  if (conflict) {
    main += notice("bad",
                   "This serial number was authorised with another key. Either the gateway was set up anew, or another "
                   "device uses its serial number. Authorise only after you have compared the key on the gateway itself.");
  }
  main += "<dl>\n" + row("Serial number", view.serial, true) + row("Host name", view.host_name) +
          row("Address", view.address, true) + row("Version", view.version) + "</dl>\n";
  main += fingerprint_block("SHA-256 fingerprint of the device key", view.key_sha256);
  if (conflict && !view.pinned_sha256.empty()) {
    main += fingerprint_block("Authorised until now", view.pinned_sha256);
  }
  main += "<p class=\"third\">Compare it with what the gateway shows.</p>\n";
  if (view.may_decide) {
    const bool authorised = view.state == "authorised";
    const bool refused = view.state == "refused";
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
    main += notice("warn", "Authorising needs the role admin; you have readonly.");
  }
  main += signed_in_as(view.user, view.csrf_token);
  return html_page(200, (view.state == "authorised" ? "Fabric device " : "Authorise ") + name, main);
}

}  // namespace postern::ems::api
