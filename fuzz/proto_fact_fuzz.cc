// One fact from a peer: what is taken is within bounds, and travels on unchanged.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "proto/fact_codec.h"
#include "wire/endpoint.pb.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  wire::Fact in;
  if (!in.ParseFromArray(data, static_cast<int>(size))) return 0;
  const auto fact = proto::decode_fact(in);
  if (!fact) return 0;
  wire::Fact out;
  proto::encode_fact(in.key(), *fact, out);
  const auto again = proto::decode_fact(out);
  if (!again || again->value != fact->value) std::abort();
  return 0;
}
