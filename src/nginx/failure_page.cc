#include "nginx/failure_page.h"

#include <fmt/format.h>

#include "base/log.h"
#include "nginx/page_look.h"

namespace postern::nginx {
namespace {

// Asks whether there is an answer by now; of a page it is only the head that is asked for.
constexpr std::string_view kAskAgain = R"js(
(function(){var note=document.getElementById('note');note.textContent='This page opens by itself once there is an answer.';
function look(){fetch(location.href,{method:'HEAD',cache:'no-store',credentials:'same-origin',redirect:'manual'}).then(function(r){
if(r.status<502||r.status>504)location.reload();else setTimeout(look,10000)}).catch(function(){setTimeout(look,20000)})}
setTimeout(look,10000)})();
)js";

struct Text {
  const char* title;
  const char* advice;
};

Text text_of(const FailurePage& page) {
  if (page.plain_http) return {"This address wants https", "Begin it with https:// and open it again."};
  switch (page.status) {
    case 404:
      return {"There is nothing at this address", "Look at its spelling."};
    case 405:
      return {"This address doesn't take such a request", "Open it by a link of the application."};
    case 408:
      return {"The request took too long to arrive", "Send it again."};
    case 413:
      return {"The request is too large", "Send less at once."};
    case 414:
      return {"The address is too long", "Open the application's first page and go on from there."};
    case 431:
      return {"The request's headers are too large", "Delete the cookies of this site, then open it again."};
    case 502:
    case 503:
      return {"The application doesn't answer", "Try again in a moment. If it stays so, tell your help desk."};
    case 504:
      return {"The application didn't answer in time", "Try again in a moment. If it stays so, tell your help desk."};
    default:
      break;
  }
  if (page.status >= 500) {
    return {"The request could not be served", "Try again in a moment. If it stays so, tell your help desk."};
  }
  return {"This request can't be read", "Its address or one of its headers is malformed. Open the page by a link, or type its "
                                        "address again."};
}

}  // namespace

std::string failure_html(const FailurePage& page) {
  const auto text = text_of(page);
  PageLook look;
  look.sign = PageLook::Sign::kCloud;
  look.host = page.host;
  look.title = escape_html(text.title);
  look.lead = escape_html(text.advice);
  if (page.can_check) {
    look.row = R"(<a class="button" href="">Try again</a><div><span id="note" role="status"></span></div>)";
    look.script = kAskAgain;
  }
  if (!page.id.empty()) {
    look.facts = page_fact("Reference", "<code>" + escape_html(page.id) + "</code>");
    look.help = fmt::format("Reference {}, status {}, {}", escape_html(page.id), page.status, escape_html(page.host));
  }
  look.nonce = page.nonce;
  return page_html(look);
}

std::string failure_json(const FailurePage& page) {
  const auto text = text_of(page);
  return fmt::format(R"({{"error":{{"code":"{}","title":{},"message":{},"reference":{}}}}})"
                     "\n",
                     page.status, json_quote(text.title), json_quote(text.advice),
                     page.id.empty() ? "null" : json_quote(page.id));
}

}  // namespace postern::nginx
