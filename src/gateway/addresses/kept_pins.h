#pragma once
// Whose the pinned addresses are, as text: what lets a gateway that comes back after it was killed leave each pin to
// its owner and to nobody else (docs/adr/0006). Pure.
#include <string>
#include <string_view>
#include <vector>

#include "gateway/addresses/resolver.h"

namespace postern::gateway {

std::string encode_pins(const std::vector<Pin>& pins);
/// What can't be understood is left out: such an address is asked about anew.
std::vector<Pin> decode_pins(std::string_view text);

}  // namespace postern::gateway
