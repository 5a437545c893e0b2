#pragma once
// The page for what nginx can't serve: a request that it can't read, an application that doesn't answer. It looks like the
// denial page, and is without nginx' name. Text only.
#include <string>

namespace postern::nginx {

struct FailurePage {
  unsigned status = 500;
  bool plain_http = false;  ///< Sent without TLS to a port that speaks it.
  std::string host;  ///< As the client sent it; empty: it is not known.
  bool can_check = false;  ///< Asking for it again may help and does no harm: offer it, and do so by itself.
  std::string nonce;       ///< Of the Content-Security-Policy.
  std::string id;  ///< In the gateway's log; empty: the request wasn't read so far that there is a line about it.
};

std::string failure_html(const FailurePage& page);
/// {"error":{"code","title","message","reference"}}
std::string failure_json(const FailurePage& page);

}  // namespace postern::nginx
