// Messages between `postern-gateway cli` and the daemon, in both directions.
#include <cstdint>
#include <cstdlib>

#include "base/hex.h"
#include "gateway/cli/wire.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::gateway::cli;
  const auto message = postern::as_text({data, size});
  if (const auto request = decode_request(message)) {
    const auto again = decode_request(encode(*request));
    if (!again || again->text != request->text || again->kind != request->kind) std::abort();
  }
  if (const auto response = decode_response(message)) {
    const auto again = decode_response(encode(*response));
    if (!again || again->reply.output != response->reply.output || again->help.size() != response->help.size())
      std::abort();
  }
  return 0;
}
