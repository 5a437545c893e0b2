#pragma once
// The page for what nginx can't serve: a request that it can't read, an application that doesn't answer. Plain, and
// without nginx' name. Text only.
#include <string>

namespace postern::nginx {

struct FailurePage {
  unsigned status = 500;
  bool plain_http = false;  ///< Sent without TLS to a port that speaks it.
  std::string id;  ///< In the gateway's log; empty: the request wasn't read so far that there is a line about it.
};

std::string failure_html(const FailurePage& page);
/// {"error":{"code","title","message","reference"}}
std::string failure_json(const FailurePage& page);

}  // namespace postern::nginx
