// A view kept across a restart: refused, or one that is kept as the same again. Its deadline is never later than the
// threshold allows.
#include <cstdint>
#include <cstdlib>

#include "base/hex.h"
#include "gateway/core/view_cache.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  const auto cached = gateway::decode_cached_view(as_text({data, size}));
  if (!cached) return 0;
  const auto again = gateway::decode_cached_view(gateway::encode_cached_view(*cached));
  if (!again || again->view.digest() != cached->view.digest() || again->revision != cached->revision ||
      again->contact.wall != cached->contact.wall || again->boot_id != cached->boot_id) {
    std::abort();
  }
  const Now now{from_unix_ms(1'790'000'000'000), MonoTime(std::chrono::hours(1))};
  const Seconds threshold(300);
  for (const auto* boot : {"boot", ""}) {
    if (gateway::cached_view_deadline(*cached, now, boot, threshold) > now.mono + threshold) std::abort();
  }
  return 0;
}
