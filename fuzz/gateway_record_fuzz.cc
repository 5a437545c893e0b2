// An endpoint and a tag as an EMS describes them.
#include <cstdint>
#include <cstdlib>

#include "base/hex.h"
#include "gateway/records/record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  const auto bytes = as_text({data, size});
  if (const auto record = gateway::decode_record(1, bytes)) {
    if (record->key.uid.empty()) std::abort();
    for (const auto& interface : record->interfaces) {
      for (const auto& address : interface.addresses) {
        if (!address.valid()) std::abort();
      }
    }
  }
  if (const auto tag = gateway::decode_tag(bytes)) {
    if (!valid_tag_name(tag->name.str()) || gateway::address_name(1, *tag).empty()) std::abort();
  }
  return 0;
}
