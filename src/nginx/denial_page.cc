#include "nginx/denial_page.h"

#include <fmt/format.h>

#include "base/log.h"

namespace postern::nginx {
namespace {

constexpr std::string_view kStyle = R"css(
:root{--bg:#F3F5F8;--surface:#FFFFFF;--raised:#F8FAFC;--line:#DFE4EC;--border:#7C889B;--text:#182231;--text2:#455166;
--text3:#5F6B7E;--accent:#2A54C0;--onaccent:#FFFFFF;--warn:#865000;--warntint:#FCF0DA;--ink:#17233C}
@media (prefers-color-scheme:dark){:root{--bg:#0E131B;--surface:#161D28;--raised:#1C2431;--line:#2A3444;--border:#74819A;
--text:#E7ECF3;--text2:#B3BDCC;--text3:#929EB1;--accent:#8DADFF;--onaccent:#0D1730;--warn:#F0B65A;--warntint:#35280F;
--ink:#1C2431}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--text);font:15px/1.45 Inter,system-ui,sans-serif}
main{max-width:640px;margin:0 auto;padding:84px 16px 24px}
.brand{display:flex;align-items:center;gap:10px;margin:0 0 18px;font-size:14px;color:var(--text2);overflow-wrap:anywhere}
.brand span{flex:none;width:30px;height:30px;border-radius:7px;background:var(--ink);display:grid;place-items:center}
.card{background:var(--surface);border:1px solid var(--line);border-radius:8px;overflow:hidden}
.body{padding:28px 32px 22px}
.head{display:flex;gap:18px;align-items:flex-start}
.lock{flex:none;width:48px;height:48px;border-radius:10px;background:var(--warntint);color:var(--warn);display:grid;
place-items:center}
h1{font-size:22px;line-height:1.25;margin:2px 0 6px;overflow-wrap:anywhere}
.head p{margin:0;color:var(--text2)}
.what{border:1px solid var(--line);border-radius:8px;margin:22px 0 0;overflow:hidden}
h2{font-size:15px;margin:0;padding:13px 16px;background:var(--raised);border-bottom:1px solid var(--line);display:flex;
gap:10px;align-items:center}
h2 svg{color:var(--warn);flex:none}
.what ol,.what p{margin:0;padding:12px 16px}
.what ol{padding-left:38px}
.what li{margin:4px 0}
.row{display:flex;align-items:center;gap:16px;margin-top:20px;flex-wrap:wrap}
.button{background:var(--accent);color:var(--onaccent);border-radius:6px;padding:9px 18px;text-decoration:none;
font-weight:500;display:inline-block}
.button:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
.row small{color:var(--text3);font-size:13px}
footer{display:flex;gap:24px;flex-wrap:wrap;padding:14px 32px;background:var(--raised);border-top:1px solid var(--line);
font-size:14px}
footer small{display:block;font-size:12px;color:var(--text3)}
code{font:600 14px "JetBrains Mono",ui-monospace,monospace}
.end{text-align:center;color:var(--text3);font-size:13px;margin:14px 0 0}
)css";

constexpr std::string_view kScript = R"js(
(function(){var note=document.getElementById('note'),url='/.postern/check?path='+encodeURIComponent(location.pathname);
function look(){fetch(url,{cache:'no-store',credentials:'same-origin'}).then(function(r){
if(r.status===204){location.reload();return}note.textContent='Checked at '+new Date().toLocaleTimeString()+
'. This page opens by itself.';setTimeout(look,5000)}).catch(function(){setTimeout(look,10000)})}
setTimeout(look,5000);note.textContent='This page opens by itself once it is mended.'})();
)js";

constexpr std::string_view kDoor =
    R"(<svg width="18" height="18" viewBox="0 0 24 24" fill="none" stroke="#fff" stroke-width="2"><path d="M5 21V11a7 7 0 0 1 14 0v10M9 21V12a3 3 0 0 1 6 0v9"/></svg>)";
constexpr std::string_view kLock =
    R"(<svg width="24" height="24" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2"><rect x="5" y="11" width="14" height="9" rx="2"/><path d="M8 11V8a4 4 0 0 1 8 0v3"/></svg>)";
constexpr std::string_view kTriangle =
    R"(<svg width="18" height="18" viewBox="0 0 24 24"><path fill="currentColor" d="M12 3 1 21h22zM11 10h2v5h-2zm0 7h2v2h-2z"/></svg>)";

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

std::string denial_html(const DenialPage& page) {
  const auto user = policy::reason_user_text(page.reason);
  const auto host = escape_html(page.host);
  std::string what;
  if (!page.messages.empty()) {
    what = fmt::format(R"(<section class="what"><h2>{}{}</h2><ol>)", kTriangle,
                       escape_html(user.title));
    for (const auto& message : page.messages) what += "<li>" + escape_html(message) + "</li>";
    what += "</ol></section>";
  } else {
    what = fmt::format(R"(<section class="what"><h2>{}{}</h2><p>{}</p></section>)", kTriangle,
                       escape_html(user.title), escape_html(user.advice));
  }
  std::string check;
  if (page.can_check) {
    // An empty reference is this very address, query included.
    check =
        R"(<div class="row"><a class="button" href="">Check again</a><small id="note" role="status"></small></div>)";
  }
  const auto script =
      page.can_check ? fmt::format(R"(<script nonce="{}">{}</script>)", page.nonce, kScript) : "";
  const auto time = to_iso8601(page.time);
  return fmt::format(
      R"(<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>This device can&#8217;t open {host} yet</title><style nonce="{nonce}">{style}</style></head><body><main><p class="brand"><span>{door}</span>{host}</p><div class="card"><div class="body"><div class="head"><div class="lock">{lock}</div><div><h1>This device can&#8217;t open {host} yet</h1><p>{lead}</p></div></div>{what}{check}</div><footer><div><small>Denial id</small><code>{id}</code></div><div><small>Reason</small>{code}</div><div><small>Time</small><time datetime="{time}">{time}</time></div></footer></div><p class="end">Think this is wrong? Tell your help desk the denial id. They see the full reason under it.</p></main>{script}</body></html>
)",
      fmt::arg("host", host), fmt::arg("nonce", page.nonce), fmt::arg("style", kStyle),
      fmt::arg("door", kDoor), fmt::arg("lock", kLock),
      fmt::arg("lead", page.messages.empty() ? "Here is what to do."
                                             : "Once it is mended, this page opens."),
      fmt::arg("what", what), fmt::arg("check", check), fmt::arg("id", escape_html(page.id)),
      fmt::arg("code", policy::reason_code(page.reason)), fmt::arg("time", time),
      fmt::arg("script", script));
}

std::string denial_json(const DenialPage& page) {
  const auto user = policy::reason_user_text(page.reason);
  std::string details;
  for (const auto& message : page.messages)
    details += (details.empty() ? "" : ",") + json_quote(message);
  return fmt::format(
      R"({{"error":{{"code":"{}","reason":"{}","title":{},"message":{},"details":[{}],"denial_id":"{}"}}}})"
      "\n",
      policy::reason_code(page.reason), policy::reason_name(page.reason), json_quote(user.title),
      json_quote(user.advice), details, page.id);
}

}  // namespace postern::nginx
