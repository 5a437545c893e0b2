// rtnetlink messages: the kernel's, but parsed as if they were anybody's.
#include <cstdint>
#include <vector>

#include "gateway/neighbours/table.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  postern::gateway::NetworkTable table;
  const std::vector<std::uint8_t> aligned(data, data + size);
  table.begin_reading();
  table.take(aligned);
  table.end_reading();
  table.begin_routes();
  table.take(aligned);
  table.end_routes(true);
  table.take(aligned);
  table.take_neighbours();
  for (const auto& key : table.pinned()) table.own(key, true);
  table.take(aligned);
  for (const auto& key : table.take_unsettled()) table.give_up(key);
  table.take_neighbours();
  table.interfaces();
  return 0;
}
