// What agents send: the first byte says whether the connection was welcomed, the rest is one frame.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "posture/fact_keys.h"
#include "proto/telemetry_server.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  if (size == 0) return 0;
  proto::TelemetryServer server;
  if (data[0] & 1) server.welcome({}, data[0] >> 2, (data[0] & 2) != 0);
  const auto event = server.on_frame({data + 1, size - 1});
  if (!event) return 0;
  if (const auto* report = std::get_if<proto::telemetry::Report>(&*event)) {
    for (const auto& [key, fact] : report->facts) {
      if (key.starts_with(posture::keys::kEmsPrefix)) std::abort();
    }
  }
  if (const auto* inventory = std::get_if<proto::telemetry::Inventory>(&*event)) {
    if (sha256(inventory->text) != inventory->hash) std::abort();
  }
  return 0;
}
