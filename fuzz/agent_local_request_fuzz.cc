// The agent's Unix socket, both directions.
#include <cstdint>
#include <cstdlib>

#include "agent/local_api/request.h"
#include "base/hex.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::agent;
  const auto message = postern::as_text({data, size});
  if (const auto request = parse_local_request(message)) {
    if (parse_local_request(print_local_request(*request)) != *request) std::abort();
  }
  (void)parse_local_answer(message);
  return 0;
}
