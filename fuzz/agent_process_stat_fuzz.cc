// /proc/PID/stat: a process chooses its own name, and may choose one that looks like the rest of the line.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "agent/watch/process_table.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto stat = postern::agent::parse_process_stat(text);
  if (!stat) return 0;
  // The name stands in the text between the first bracket and the last.
  const auto open = text.find('(');
  if (text.substr(open + 1, stat->comm.size()) != stat->comm || text[open + 1 + stat->comm.size()] != ')') std::abort();
  if (text.find(')', open + 2 + stat->comm.size()) != text.npos) std::abort();
  return 0;
}
