#pragma once
// A request's body that is JSON: what it may call itself, and reading it so that no two readers can understand it
// differently. Its size is the listener's and the route's to bound, before.
#include <boost/json/fwd.hpp>
#include <string_view>

#include "base/result.h"
#include "net/http.h"

namespace postern::net {

/// Does the Content-Type let the body be JSON? application/json (or another +json); none at all; and
/// application/x-www-form-urlencoded, which curl and others say unasked: a browser that posts a form escapes it, so that
/// it never is JSON. A text/plain or multipart body is refused: any page on the web can have a browser post one, with
/// JSON in it. Error: kInvalidArgument, to be answered with 415.
Status check_json_type(const HttpHeaders& headers);

/// Nothing here unpacks a body: one that says it is compressed would be read as what it is not. Only identity (and no
/// Content-Encoding) passes. Error: kInvalidArgument, to be answered with 415.
Status check_body_coding(const HttpHeaders& headers);

/// One JSON value and nothing after it, at most `max_depth` deep, valid UTF-8, no member twice, numbers in range. Error:
/// kInvalidArgument.
Result<boost::json::value> parse_strict_json(std::string_view text, std::size_t max_depth);

}  // namespace postern::net
