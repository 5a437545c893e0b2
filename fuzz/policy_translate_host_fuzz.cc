// What real servers name in answers: a translation names the client's host, and another one finds nothing left of the
// server's.
#include <cstdint>
#include <string_view>

#include "policy/translate_host.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::policy;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const HostTranslation names{"app.internal", "shop.example:8443", 8080};
  if (const auto location = translate_location(text, names)) {
    if (location->find("//shop.example:8443") == location->npos || translate_location(*location, names)) __builtin_trap();
  }
  if (const auto cookie = translate_cookie(text, names)) {
    if (cookie->find("Domain=shop.example") == cookie->npos || translate_cookie(*cookie, names)) __builtin_trap();
  }
  return 0;
}
