// What the forwarder reads of a request: its header of destinations (up to the first NUL), then the host asked for.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "gateway/forward/destinations.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::gateway;
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const auto end = bytes.find('\0');
  const auto read = parse_destinations(bytes.substr(0, end));
  if (!read) return 0;
  const auto again = parse_destinations(print_destinations(*read));
  if (!again && print_destinations(*read).size() <= kMaxDestinationsText) std::abort();
  const auto host = end == bytes.npos ? std::string() : bytes.substr(end + 1);
  for (const std::uint16_t port : {std::uint16_t{0}, std::uint16_t{22}, std::uint16_t{65535}}) {
    const bool leads = leads_to(*read, host, port);
    if (leads && port == 0) std::abort();
    if (again && leads != leads_to(*again, host, port)) std::abort();
  }
  return 0;
}
