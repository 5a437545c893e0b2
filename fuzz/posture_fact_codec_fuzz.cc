// The compact form in which a population keeps facts' values: no bytes do harm, and what is read is written so again.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "posture/population/fact_codec.h"

using namespace postern::posture;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  FactValue value;
  if (!decode_value(bytes, value)) return 0;
  std::string form;
  encode_value(value, form);
  FactValue again;
  if (!decode_value(form, again) || again != value) std::abort();
  return 0;
}
