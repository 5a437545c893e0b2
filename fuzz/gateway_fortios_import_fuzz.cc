// A FortiGate's configuration: whatever comes, each line has one verdict; what is taken validates, and prints as text that is
// taken back.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/text.h"
#include "gateway/config/import/report.h"
#include "gateway/config/store.h"
#include "gateway/config/text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::gateway::config;
  if (size > 64u << 10) return 0;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto store = ConfigStore::in_memory(gateway_schema());
  const auto import = fortios::import_text(store->current(), text, {});
  if (!import) {
    if (import.error().message.empty()) std::abort();
    return 0;
  }
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (import->lines.size() != postern::split(text, '\n').size()) std::abort();
  for (const auto& line : import->lines) {
    if (line.verdict == fortios::Verdict::kOpen) std::abort();
    if (line.text.find('\n') != line.text.npos) std::abort();
  }
  if (!import->transaction.validate()) std::abort();
  const std::string shown = print_tree(import->transaction.tree());
  auto again = store->begin();
  if (!apply_text(again, shown)) std::abort();
  if (print_tree(again.tree()) != shown) std::abort();
  if (fortios::print_lines(*import).empty() || fortios::print_summary(*import).empty()) std::abort();
  fortios::print_changes(*import);
  return 0;
}
