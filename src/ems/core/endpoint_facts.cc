#include "ems/core/endpoint_facts.h"

namespace postern::ems {

const posture::Fact* EndpointFacts::find(std::string_view key) const {
  for (const auto& [known, fact] : read_) {
    if (known == key) return fact ? &*fact : nullptr;
  }
  const auto& [name, fact] = read_.emplace_back(std::string(key), of_.fact(key));
  return fact ? &*fact : nullptr;
}

}  // namespace postern::ems
