// A feed's address as an administrator gives it, and where a server sends on to.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "ems/feeds/source.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::ems;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto check = [](const postern::Result<FeedUrl>& url) {
    if (!url) {
      if (url.error().message.empty()) std::abort();
      return;
    }
    if (url->host.empty() || url->port == 0 || !url->target.starts_with('/')) std::abort();
    for (const char c : url->target) {  // it goes into a request's first line
      if (c <= ' ' || c >= 0x7f) std::abort();
    }
    const auto again = parse_feed_url(url->str());
    if (!again || *again != *url) std::abort();
  };
  check(parse_feed_url(text));
  const FeedUrl from{true, "feeds.example", 443, "/a"};
  const auto next = follow_feed_url(from, text);
  check(next);
  if (next && !next->tls) std::abort();
  return 0;
}
