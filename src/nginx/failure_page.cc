#include "nginx/failure_page.h"

#include <fmt/format.h>

#include "base/log.h"
#include "nginx/denial_page.h"

namespace postern::nginx {
namespace {

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
  const auto reference = page.id.empty() ? std::string()
                                         : fmt::format("<p>Reference: <code>{}</code></p>", escape_html(page.id));
  return fmt::format(
      R"(<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><meta name="color-scheme" content="light dark"><title>{0}</title></head><body><h1>{0}</h1><p>{1}</p>{2}</body></html>
)",
      escape_html(text.title), escape_html(text.advice), reference);
}

std::string failure_json(const FailurePage& page) {
  const auto text = text_of(page);
  return fmt::format(R"({{"error":{{"code":"{}","title":{},"message":{},"reference":{}}}}})"
                     "\n",
                     page.status, json_quote(text.title), json_quote(text.advice),
                     page.id.empty() ? "null" : json_quote(page.id));
}

}  // namespace postern::nginx
