#include "nginx/page_look.h"

#include <fmt/format.h>

#include <algorithm>

namespace postern::nginx {
namespace {

constexpr std::string_view kStyle = R"css(
:root{color-scheme:light dark;--bg:#F3F5F8;--surface:#FFFFFF;--raised:#F8FAFC;--line:#DFE4EC;--border:#7C889B;--text:#182231;
--text2:#455166;--text3:#5F6B7E;--accent:#2A54C0;--onaccent:#FFFFFF;--warn:#865000;--warntint:#FCF0DA;--ink:#17233C;
--shadow:0 1px 2px rgb(24 34 49/.06)}
@media (prefers-color-scheme:dark){:root{--bg:#0E131B;--surface:#161D28;--raised:#1C2431;--line:#2A3444;--border:#74819A;
--text:#E7ECF3;--text2:#B3BDCC;--text3:#929EB1;--accent:#8DADFF;--onaccent:#0D1730;--warn:#F0B65A;--warntint:#35280F;
--ink:#1C2431;--shadow:none}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--text);font:15px/1.45 Inter,system-ui,sans-serif}
main{max-width:672px;margin:0 auto;padding:84px 16px 24px}
.brand{display:flex;align-items:center;gap:9px;margin:0 0 18px;font-size:14px;color:var(--text2);overflow-wrap:anywhere}
.brand span{flex:none;width:30px;height:30px;border-radius:7px;background:var(--ink);display:grid;place-items:center}
.brand b{color:var(--text)}
.card{background:var(--surface);border:1px solid var(--line);border-radius:12px;overflow:hidden;box-shadow:var(--shadow)}
.body{padding:28px 32px 23px}
.head{display:flex;gap:18px;align-items:flex-start}
.head div:last-child{min-width:0}
.sign{flex:none;width:48px;height:48px;border-radius:10px;background:var(--warntint);color:var(--warn);display:grid;
place-items:center}
h1{font-size:22px;line-height:1.25;letter-spacing:-.01em;margin:2px 0 5px;overflow-wrap:anywhere}
.head p{margin:0;color:var(--text2)}
.what{border:1px solid var(--line);border-radius:8px;margin:20px 0 0;overflow:hidden}
h2{font-size:15px;margin:0;padding:12px 16px;background:var(--raised);border-bottom:1px solid var(--line);display:flex;
gap:10px;align-items:center}
h2 svg{color:var(--warn);flex:none}
.what p{margin:0;padding:12px 16px;overflow-wrap:anywhere}
.what ol{margin:0;padding:10px 16px;list-style:none;counter-reset:step}
.what li{counter-increment:step;display:flex;gap:11px;padding:4px 0;overflow-wrap:anywhere}
.what li span{min-width:0}
.what li::before{content:counter(step);flex:none;width:21px;height:21px;border:1px solid var(--border);border-radius:50%;
font:600 12px/19px Inter,system-ui,sans-serif;text-align:center}
.row{display:flex;align-items:center;gap:16px;margin-top:20px;flex-wrap:wrap}
.row div{flex:1 1 200px;color:var(--text2);font-size:14px}
.row small{display:block;color:var(--text3);font-size:13px}
.button{background:var(--accent);color:var(--onaccent);border-radius:6px;padding:8px 18px;text-decoration:none;font-weight:500;
display:inline-flex;align-items:center;gap:8px}
button{background:var(--surface);color:var(--text);border:1px solid var(--border);border-radius:6px;padding:4px 11px;cursor:pointer;
font:inherit;font-size:13px;font-weight:500;display:inline-flex;align-items:center;gap:8px;margin-left:auto}
button[hidden]{display:none}
.button:focus-visible,button:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
footer{display:flex;gap:8px 18px;flex-wrap:wrap;align-items:center;padding:14px 32px;background:var(--raised);
border-top:1px solid var(--line);font-size:14px}
footer small{display:block;font-size:12px;color:var(--text3)}
code{font:600 14px "JetBrains Mono",ui-monospace,monospace}
.end{text-align:center;color:var(--text3);font-size:13px;margin:14px 0 0}
@media (max-width:520px){main{padding-top:24px}.body{padding:20px 18px}.head{flex-direction:column;gap:12px}footer{padding:14px 18px}
button{margin-left:0}}
)css";

// Times as people here write them; and what the help desk is told, into the clipboard.
constexpr std::string_view kFootScript = R"js(
(function(){var t=document.querySelector('time'),b=document.getElementById('copy');
if(t){var d=new Date(t.dateTime);t.textContent=d.toLocaleString(undefined,{dateStyle:'medium',timeStyle:'medium'});t.title=t.dateTime}
if(b&&navigator.clipboard){b.hidden=false;b.onclick=function(){var say=function(text){b.lastElementChild.textContent=text};
navigator.clipboard.writeText(b.dataset.text).then(function(){say('Copied')},function(){say('The browser forbids it')})}}})();
)js";

constexpr std::string_view kDoor =
    R"(<svg aria-hidden="true" width="18" height="18" viewBox="0 0 24 24" fill="none" stroke="#fff" stroke-width="2"><path d="M5 21V11a7 7 0 0 1 14 0v10M9 21V12a3 3 0 0 1 6 0v9"/></svg>)";
constexpr std::string_view kLock =
    R"(<svg aria-hidden="true" width="24" height="24" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2"><rect x="5" y="11" width="14" height="9" rx="2"/><path d="M8 11V8a4 4 0 0 1 8 0v3"/></svg>)";
constexpr std::string_view kCloud =
    R"(<svg aria-hidden="true" width="24" height="24" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2"><path d="M7 18h10a4 4 0 0 0 .6-7.95A6 6 0 0 0 6.1 9.6 4.2 4.2 0 0 0 7 18z"/></svg>)";
constexpr std::string_view kTriangle =
    R"(<svg aria-hidden="true" width="18" height="18" viewBox="0 0 24 24"><path fill="currentColor" d="M12 3 1 21h22zM11 10h2v5h-2zm0 7h2v2h-2z"/></svg>)";
constexpr std::string_view kSheets =
    R"(<svg aria-hidden="true" width="14" height="14" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2"><rect x="8" y="8" width="12" height="12" rx="2"/><path d="M16 8V5a1 1 0 0 0-1-1H5a1 1 0 0 0-1 1v10a1 1 0 0 0 1 1h3"/></svg>)";

bool looks_like_address(std::string_view host) {
  return host.find(':') != host.npos || std::all_of(host.begin(), host.end(), [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string_view short_host(std::string_view host) {
  if (looks_like_address(host)) return host;
  const auto www = host.starts_with("www.") ? std::size_t{4} : 0;
  const auto label = host.substr(www, host.find('.', www) - www);
  return label.empty() ? host : label;
}

std::string page_fact(std::string_view name, std::string_view value) {
  return fmt::format("<div><small>{}</small>{}</div>", name, value);
}

std::string page_box(std::string_view title, std::string_view inside) {
  return fmt::format(R"(<section class="what"><h2>{}{}</h2>{}</section>)", kTriangle, title, inside);
}

std::string page_policy(std::string_view nonce) {
  return fmt::format(
      "default-src 'none'; style-src 'nonce-{0}'; script-src 'nonce-{0}'; "
      "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      nonce);
}

std::string page_html(const PageLook& look) {
  const auto name = short_host(look.host);
  const auto brand = name == look.host ? fmt::format("<b>{}</b>", escape_html(look.host))
                                       : fmt::format("<b>{}</b> {}", escape_html(name), escape_html(look.host));
  const auto copy = look.help.empty()
                        ? std::string()
                        : fmt::format(R"(<button id="copy" type="button" hidden data-text="{}">{}<span role="status">Copy for the help desk</span></button>)",
                                      look.help, kSheets);
  const auto foot = look.facts.empty() ? std::string() : fmt::format("<footer>{}{}</footer>", look.facts, copy);
  const auto row = look.row.empty() ? std::string() : fmt::format(R"(<div class="row">{}</div>)", look.row);
  const auto end = look.end.empty() ? std::string() : fmt::format(R"(<p class="end">{}</p>)", look.end);
  return fmt::format(
      R"(<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>{title}</title><style nonce="{nonce}">{style}</style></head><body><main>{brand}<div class="card"><div class="body"><div class="head"><div class="sign">{sign}</div><div><h1>{title}</h1><p>{lead}</p></div></div>{what}{row}</div>{foot}</div>{end}</main><script nonce="{nonce}">{foot_script}{script}</script></body></html>
)",
      fmt::arg("title", look.title), fmt::arg("nonce", look.nonce), fmt::arg("style", kStyle),
      fmt::arg("brand", look.host.empty() ? std::string() : fmt::format(R"(<p class="brand"><span>{}</span>{}</p>)", kDoor, brand)),
      fmt::arg("sign", look.sign == PageLook::Sign::kLock ? kLock : kCloud), fmt::arg("lead", look.lead), fmt::arg("what", look.what),
      fmt::arg("row", row), fmt::arg("foot", foot), fmt::arg("end", end), fmt::arg("foot_script", kFootScript),
      fmt::arg("script", look.script));
}

}  // namespace postern::nginx
