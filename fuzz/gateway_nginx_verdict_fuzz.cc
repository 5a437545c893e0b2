// nginx's error log, to which workers write what clients send: however it is cut into pieces, the verdict is the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "gateway/ztna/nginx_verdict.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using postern::gateway::NginxVerdict;
  const std::string_view log(reinterpret_cast<const char*>(data), size);
  NginxVerdict whole(71), in_pieces(71);
  const auto verdict = whole.take(log);
  for (std::size_t i = 0; i < size; i += 3) in_pieces.take(log.substr(i, 3));
  const auto again = in_pieces.take({});
  if (verdict.has_value() != again.has_value()) std::abort();
  if (!verdict) return 0;
  if (verdict->has_value() != again->has_value()) std::abort();
  if (*verdict) return 0;
  if (verdict->error().message != again->error().message) std::abort();
  if (verdict->error().message.empty() || verdict->error().message.find('\n') != std::string::npos) std::abort();
  return 0;
}
