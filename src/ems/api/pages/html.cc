#include "ems/api/pages/html.h"

#include <fmt/format.h>

#include "base/utf8.h"

namespace postern::ems::api {

std::string html_escape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto c = first_character(text);
    switch (c.point) {
      case U'&': out += "&amp;"; break;
      case U'<': out += "&lt;"; break;
      case U'>': out += "&gt;"; break;
      case U'"': out += "&quot;"; break;
      case U'\'': out += "&#39;"; break;
      case U'\n':
      case U'\t': out += text.front(); break;
      default: out += c.length == 0 || is_control(c.point) ? std::string_view("\uFFFD") : text.substr(0, c.length);
    }
    text.remove_prefix(c.length == 0 ? 1 : c.length);
  }
  return out;
}

net::HttpResponse html_page(int status, std::string_view title, std::string_view main) {
  net::HttpResponse response;
  response.status = status;
  response.headers.add("Content-Type", "text/html; charset=utf-8");
  response.body = fmt::format(
      R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{0} · Postern EMS</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/style.css">
</head>
<body>
<header><p class="brand">Postern <span class="chip">EMS</span></p></header>
<main>
{1}
</main>
</body>
</html>
)",
      html_escape(title), main);
  return response;
}

std::string notice(std::string_view kind, std::string_view text) {
  const std::string_view mark = kind == "ok" ? "●" : kind == "bad" ? "⬣" : "▲";
  return fmt::format(R"(<p class="notice {0}" role="{1}"><span aria-hidden="true">{2}</span> {3}</p>)", kind,
                     kind == "bad" ? "alert" : "status", mark, html_escape(text));
}

void add_security_headers(net::HttpHeaders& headers) {
  headers.set("Content-Security-Policy",
              "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; "
              "base-uri 'none'");
  headers.set("X-Content-Type-Options", "nosniff");
  headers.set("X-Frame-Options", "DENY");
  headers.set("Referrer-Policy", "same-origin");  // not no-referrer: browsers would then send Origin: null with forms
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Resource-Policy", "same-origin");
  headers.set("Strict-Transport-Security", "max-age=31536000");
}

std::string_view page_icon() {
  return R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<rect width="32" height="32" rx="7" fill="#17233c"/>
<path d="M8 25V14a8 8 0 0 1 16 0v11M13 25V15a3 3 0 0 1 6 0v10" fill="none" stroke="#fff" stroke-width="2.4"/></svg>
)";
}

std::string_view style_sheet() {
  // The colours are the tokens of the consoles' design system.
  return R"(:root {
  color-scheme: light dark;
  --bg: #F3F5F8; --surface: #FFFFFF; --raised: #F8FAFC; --line: #DFE4EC; --control: #7C889B;
  --text: #182231; --text-2: #455166; --text-3: #5F6B7E;
  --accent: #2A54C0; --accent-tint: #E9EFFC; --on-accent: #FFFFFF;
  --ink: #17233C; --on-ink: #FFFFFF;
  --ok: #11703D; --ok-tint: #E3F4EA; --warn: #865000; --warn-tint: #FCF0DA; --bad: #B0251D; --bad-tint: #FCE9E7;
}
@media (prefers-color-scheme: dark) {
  :root {
    --bg: #0E131B; --surface: #161D28; --raised: #1C2431; --line: #2A3444; --control: #74819A;
    --text: #E7ECF3; --text-2: #B3BDCC; --text-3: #929EB1;
    --accent: #8DADFF; --accent-tint: #1B2A4E; --on-accent: #0D1730;
    --ok: #62D192; --ok-tint: #12301F; --warn: #F0B65A; --warn-tint: #35280F; --bad: #FF8F85; --bad-tint: #3E1B1A;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--bg); color: var(--text);
  font: 14px/22px Inter, system-ui, sans-serif; font-variant-numeric: tabular-nums; }
header { background: var(--ink); color: var(--on-ink); padding: 12px 20px; }
.brand { margin: 0; font-weight: 600; font-size: 15px; line-height: 24px; }
.chip { border: 1px solid currentColor; border-radius: 6px; padding: 1px 7px; margin-left: 4px; font-size: 11px;
  font-weight: 400; }
main { max-width: 600px; margin: 48px auto; padding: 28px 32px 24px; background: var(--surface); overflow: hidden;
  border: 1px solid var(--line); border-radius: 8px; }
h1 { font-size: 19px; line-height: 26px; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 13px; line-height: 20px; font-weight: 600; margin: 20px 0 6px; }
p { margin: 8px 0; overflow-wrap: anywhere; }
.second { color: var(--text-2); }
.third { color: var(--text-3); font-size: 12px; line-height: 18px; }
code, .mono { font-family: "JetBrains Mono", ui-monospace, monospace; font-size: 12px; }
dl { display: grid; grid-template-columns: 144px 1fr; gap: 8px 12px; margin: 20px 0; }
dt { color: var(--text-2); }
dd { margin: 0; overflow-wrap: anywhere; }
.fingerprint { background: var(--raised); border: 1px solid var(--line); border-radius: 6px; padding: 12px 16px;
  margin: 0; font-size: 13px; line-height: 24px; max-width: 100%; }
.fingerprint span { display: inline-block; width: 25%; }
.notice { border-radius: 6px; padding: 10px 14px; margin: 16px 0; display: flex; gap: 10px; }
.notice.ok { color: var(--ok); background: var(--ok-tint); }
.notice.warn { color: var(--warn); background: var(--warn-tint); }
.notice.bad { color: var(--bad); background: var(--bad-tint); }
label { display: block; margin: 16px 0 4px; font-size: 13px; font-weight: 600; }
input { width: 100%; height: 34px; padding: 0 10px; font: inherit; color: var(--text); background: var(--surface);
  border: 1px solid var(--control); border-radius: 6px; }
.acts { display: flex; gap: 8px; justify-content: flex-end; margin: 20px 0 0; flex-wrap: wrap; }
button { height: 34px; padding: 0 16px; font: inherit; font-weight: 600; border-radius: 6px; cursor: pointer;
  border: 1px solid var(--control); background: var(--surface); color: var(--text); }
button.main { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
button.bad { color: var(--bad); border-color: var(--bad); }
button.quiet { background: none; border-color: transparent; color: var(--accent); font-weight: 400; padding: 0 8px; }
.foot { display: flex; align-items: center; justify-content: space-between; gap: 8px; margin: 28px -32px -24px;
  padding: 8px 24px 8px 32px; border-top: 1px solid var(--line); background: var(--raised); }
.plain { list-style: none; margin: 4px 0 20px; padding: 0; }
.plain li { padding: 6px 0; }
a { color: var(--accent); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
@media (pointer: coarse) { input, button { height: 44px; } }
@media (max-width: 640px) {
  main { margin: 12px; padding: 20px; }
  .foot { margin: 20px -20px -20px; padding: 8px 12px 8px 20px; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: 10px; }
  .fingerprint span { width: 50%; }
}
)";
}

}  // namespace postern::ems::api
