#pragma once
// The frame of the EMS's plain pages. They work without JavaScript and hold none; style comes from one file of ours, so
// that the content security policy needs no exception.
#include <string>
#include <string_view>

#include "net/http.h"

namespace postern::ems::api {

/// Text for an element's content or a quoted attribute: & < > " ' become entities, bytes that are not UTF-8 and control
/// characters (is_control: also what turns the direction of the text after it) become U+FFFD.
std::string html_escape(std::string_view text);

/// A whole page. `title` is text, `main` is HTML that the caller has escaped.
net::HttpResponse html_page(int status, std::string_view title, std::string_view main);

/// A box for a message: `kind` is "bad", "ok" or "warn"; `text` is escaped here.
std::string notice(std::string_view kind, std::string_view text);

std::string_view style_sheet();
std::string_view page_icon();  ///< SVG: a door.

/// Strict-Transport-Security, content security policy and the like, on every answer.
void add_security_headers(net::HttpHeaders& headers);

}  // namespace postern::ems::api
