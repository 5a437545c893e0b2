#pragma once
// What most handlers do: say who acts and when, wait for the commit, page through a small list.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "ems/api/call.h"
#include "ems/core/ems_core.h"

namespace postern::ems::api {

Now now_of(const CallPtr& call);
/// For the audit log.
Actor actor_of(const CallPtr& call);

/// Answers without a body once it is committed, else with the error.
DoneStatus done_empty(const CallPtr& call);
/// Answers with what `show` makes of the state after the commit; the error instead when there was none. `show` returns
/// JSON, and is called on the loop's thread.
template <class Show>
DoneStatus done_showing(const CallPtr& call, Show show, int status = 200) {
  return [call, show = std::move(show), status](Status done) {
    if (!done) return call->fail(done.error());
    call->reply(status, show());
  };
}

/// One page of a list that is in memory and in the order of its keys, ascending unless `descending`: `key_of` gives an
/// item's key, which must be unique, and `show` its JSON. Answers the call.
template <class Items, class Key, class Show>
void reply_page(const CallPtr& call, const Items& items, Key key_of, Show show, bool descending = false) {
  const Result<std::string> after = read_cursor(*call);
  if (!after) return call->fail(after.error());
  const auto limit = static_cast<std::size_t>(call->query_u64("limit", kDefaultLimit));
  boost::json::array page;
  std::string last, next;
  for (const auto& item : items) {
    const std::string key = key_of(item);
    if (!after->empty() && (descending ? key >= *after : key <= *after)) continue;
    if (page.size() == limit) {
      next = make_cursor(*call, last);
      break;
    }
    page.push_back(show(item));
    last = key;
  }
  call->reply(200, list_reply(std::move(page), next, items.size()));
}

}  // namespace postern::ems::api
