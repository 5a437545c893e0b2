#include "nginx/denial_page.h"

#include <fmt/format.h>

#include "base/log.h"
#include "nginx/page_look.h"

namespace postern::nginx {
namespace {

// Looks again by itself, and at once when somebody comes back to the page. What is said aloud says it once.
constexpr std::string_view kLookAgain = R"js(
(function(){var note=document.getElementById('note'),when=document.getElementById('when'),last=Date.now(),timer,
url='/.postern/check?path='+encodeURIComponent(location.pathname);
function tell(){when.textContent='Last checked '+Math.round((Date.now()-last)/1000)+' s ago.'}
function next(ms){clearTimeout(timer);timer=setTimeout(look,ms)}
function look(){fetch(url,{cache:'no-store',credentials:'same-origin'}).then(function(r){if(r.status===204){location.reload();return}
last=Date.now();tell();next(5000)}).catch(function(){next(10000)})}
document.addEventListener('visibilitychange',function(){if(!document.hidden)next(0)});
note.textContent='Postern checks by itself every few seconds.';tell();setInterval(tell,1000);next(5000)})();
)js";

constexpr std::string_view kArrow =
    R"(<svg aria-hidden="true" width="14" height="14" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2.4"><path d="M20 11a8 8 0 1 0-2.3 6.6M20 4v7h-7"/></svg>)";

/// Whose it is that the page doesn't open.
enum class Whose { kDevice, kApplication, kAddress };

Whose whose_fault(policy::Reason reason) {
  using policy::Reason;
  switch (reason) {
    case Reason::kNoRealServer:
    case Reason::kRealServerUnresolved:
    case Reason::kStale:
    case Reason::kCleared:
      return Whose::kApplication;
    case Reason::kNoApiGateway:
    case Reason::kPathNotCanonical:
    case Reason::kHostMismatch:
      return Whose::kAddress;
    default:
      return Whose::kDevice;
  }
}

std::string title_of(const DenialPage& page) {
  const auto name = escape_html(short_host(page.host));
  switch (whose_fault(page.reason)) {
    case Whose::kApplication:
      return name + " can&#8217;t be opened at the moment";
    case Whose::kAddress:
      return "This address can&#8217;t be opened";
    case Whose::kDevice:
      break;
  }
  return "This device can&#8217;t open " + name + " yet";
}

/// Of several tags one may be enough: they are not counted.
std::string lead_of(const DenialPage& page) {
  const std::string opens = page.can_check ? " Once it is mended, this page opens by itself." : "";
  if (page.messages.empty() && whose_fault(page.reason) == Whose::kApplication && page.can_check)
    return "This page opens by itself as soon as that is over.";
  if (page.messages.empty()) return "Here is what to do.";
  if (page.messages.size() > 1) return "Something about this device is not as it has to be." + opens;
  return (page.reason == policy::Reason::kForbiddenTag ? "One thing stands in the way." : "One thing is missing.") + opens;
}

}  // namespace

std::string denial_html(const DenialPage& page) {
  const auto user = policy::reason_user_text(page.reason);
  std::string inside;
  if (page.messages.empty()) {
    inside = "<p>" + escape_html(user.advice) + "</p>";
  } else {
    inside = "<ol>";
    for (const auto& message : page.messages) inside += "<li><span>" + escape_html(message) + "</span></li>";
    if (page.can_check) inside += "<li><span>Come back here. Postern checks by itself.</span></li>";
    inside += "</ol>";
  }
  const auto time = to_iso8601(page.time);
  const auto id = escape_html(page.id);
  PageLook look;
  look.sign = whose_fault(page.reason) == Whose::kDevice ? PageLook::Sign::kLock : PageLook::Sign::kCloud;
  look.host = page.host;
  look.title = title_of(page);
  look.lead = lead_of(page);
  look.what = page_box(escape_html(user.title), inside);
  if (page.can_check) {
    // An empty reference is this very address, query included.
    look.row = fmt::format(
        R"(<a class="button" href="">{}Check again</a><div><span id="note" role="status"></span><small id="when"></small></div>)", kArrow);
    look.script = kLookAgain;
  }
  look.facts = page_fact("Denial id", "<code>" + id + "</code>") + page_fact("Reason", policy::reason_code(page.reason)) +
               page_fact("Time", fmt::format(R"(<time datetime="{0}">{0}</time>)", time));
  look.help = fmt::format("Denial id {}, reason {}, {}, {}", id, policy::reason_code(page.reason), escape_html(page.host), time);
  look.end = "Think this is wrong? Tell your help desk the denial id. They see the full reason under it.";
  look.nonce = page.nonce;
  return page_html(look);
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
