// Configuration text: whatever comes, it is taken or refused with a line number; what is taken prints as text that is
// taken back to the same configuration.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "gateway/config/store.h"
#include "gateway/config/text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::gateway::config;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto store = ConfigStore::in_memory(gateway_schema());
  auto transaction = store->begin();
  const auto status = apply_text(transaction, text);
  if (!status) {
    if (status.error().message.empty()) std::abort();
    return 0;
  }
  if (!transaction.validate()) return 0;
  const std::string shown = print_tree(transaction.tree());
  auto again = store->begin();
  if (!apply_text(again, shown)) std::abort();
  if (print_tree(again.tree()) != shown) std::abort();
  return 0;
}
