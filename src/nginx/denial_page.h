#pragma once
// Text of the denial page, apart from nginx, so that it can be tested without it.
#include <string>
#include <vector>

#include "base/clock.h"
#include "policy/reason.h"

namespace postern::nginx {

struct DenialPage {
  std::string id;
  policy::Reason reason = policy::Reason::kNone;
  std::string host;                   ///< As the client sent it.
  std::vector<std::string> messages;  ///< Of the tags in question; written by an administrator.
  WallTime time{};
  bool can_check = false;  ///< Offer to look again, by itself too.
  std::string nonce;       ///< Of the Content-Security-Policy.
};

std::string denial_html(const DenialPage& page);
/// {"error":{"code","reason","title","message","details":[…],"denial_id"}}
std::string denial_json(const DenialPage& page);

}  // namespace postern::nginx
