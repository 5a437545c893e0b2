// Netlink messages of interfaces, routes, neighbours and chains: the kernel's, but parsed as if they were anybody's.
#include <cstdint>
#include <vector>

#include "agent/collectors/network/table.h"
#include "agent/collectors/protection/ruleset.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::agent;
  const std::vector<std::uint8_t> datagram(data, data + size);
  NetworkTable table;
  table.apply(datagram);
  table.interfaces();
  table.macs();
  table.routes();
  table.tunnel_up();
  table.apply(datagram);
  Ruleset rules;
  rules.apply(datagram);
  return 0;
}
