#pragma once
// Facts' values as compact bytes: what a population keeps of a million endpoints. Texts that are hexadecimal digits,
// UUIDs or hardware addresses take half. One value has one form: equal bytes, equal values.
#include <cstdint>
#include <string>
#include <string_view>

#include "posture/fact.h"

namespace postern::posture {

/// Appends.
void encode_value(const FactValue& value, std::string& out);
/// False: not what encode_value makes, and `out` is anything. Memory used is bounded by the bytes given.
bool decode_value(std::string_view bytes, FactValue& out);

// Unsigned numbers, seven bits per byte.
void put_number(std::uint64_t number, std::string& out);
/// Takes it off the front. False: there is none.
bool take_number(std::string_view& bytes, std::uint64_t& number);

}  // namespace postern::posture
