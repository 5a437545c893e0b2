// Forms and percent-encoding: what is taken is taken again after being written out, and says the same.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/form.h"
#include "base/hex.h"

namespace {

void demand(bool holds) {
  if (!holds) std::abort();
}

std::string encoded(std::string_view text) {
  std::string out;
  for (const char c : text) out += '%' + postern::to_hex_lower(postern::as_bytes(std::string_view(&c, 1)));
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const bool plus : {false, true}) {
    if (const auto plain = percent_decode(text, plus)) {
      demand(plain->size() <= text.size());
      demand(percent_decode(encoded(*plain), plus) == *plain);
    }
  }
  if (const auto form = parse_form(text)) {
    demand(form->size() <= kMaxFormFields);
    std::string again;
    for (const auto& [name, value] : *form) again += (again.empty() ? "" : "&") + encoded(name) + '=' + encoded(value);
    demand(again.empty() ? form->empty() : parse_form(again).value() == *form);
  }
  return 0;
}
