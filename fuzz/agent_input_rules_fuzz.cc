// A dump of nftables' chains, rules and elements of sets: the kernel's, but parsed as if it were anybody's.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "agent/collectors/protection/input_rules.h"
#include "agent/collectors/protection/ruleset.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::agent;
  const std::vector<std::uint8_t> datagram(data, data + size);
  InputRules rules;
  rules.apply(datagram);
  rules.sets();
  const auto v4 = rules.of_ipv4();
  rules.of_ipv6();
  // Nothing drops where no chain sees what comes in.
  if (rules.tables().empty() && v4 == InputRules::Fate::kDropped) std::abort();
  rules.apply(datagram);
  rules.of_ipv4();
  Ruleset summary;
  summary.apply(datagram);
  return 0;
}
