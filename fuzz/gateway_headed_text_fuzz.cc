// A backup, or a kept revision, from anywhere: taken only if it prints as the same bytes' meaning again, refused otherwise;
// and a text that is forced in is read to its end whatever it holds.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "gateway/config/backup.h"
#include "gateway/config/headed_text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::gateway::config;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto headed = read_headed(bytes, "title")) {
    const auto again = read_headed(print_headed(*headed), "title");
    if (!again || again->text != headed->text || again->fields.size() != headed->fields.size()) std::abort();
  }
  static const auto store = ConfigStore::in_memory(gateway_schema());
  const auto backup = read_backup(bytes, true);
  // Only what holds no table at all is refused though it is forced.
  if (!backup) {
    if (bytes.find("config ") != bytes.npos) std::abort();
    return 0;
  }
  const auto replacement = replace_by_text(*store, backup->text);
  std::size_t line = 0;
  for (const auto& wrong : replacement.wrong) {
    if (wrong.message.empty() || wrong.line < line) std::abort();
    line = wrong.line;
  }
  if (replacement.wrong.empty() && !replacement.transaction.validate()) std::abort();
  return 0;
}
