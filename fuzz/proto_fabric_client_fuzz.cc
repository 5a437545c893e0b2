// What an EMS sends to a gateway: frames, each behind two bytes of length. Whatever comes, the client goes on, and its
// view changes only by what it says.
#include <cstdint>
#include <cstdlib>

#include "base/random.h"
#include "proto/fabric_client.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  SeededRandom random(1);
  proto::FabricClient::Options options;
  options.max_endpoints = 100;
  options.max_chunk_inflated = 1u << 16;
  proto::FabricClient client({GatewaySerial("PGW0000000000001"), "gw", "1", ""}, random, options);
  Now now{from_unix_ms(1'790'000'000'000), MonoTime(std::chrono::seconds(10))};
  client.enable(now);
  client.on_connected(now);
  while (size >= 2) {
    const std::size_t length = std::min<std::size_t>(data[0] | data[1] << 8, size - 2);
    const auto before = client.view().digest();
    client.take_actions();
    if (length == 0) {
      // An administrator wants everything anew, and to know whose a certificate is.
      client.refresh(now);
      client.inquire_certificate(Sha256{});
    }
    client.on_frame(now, {data + 2, length});
    data += 2 + length;
    size -= 2 + length;
    bool changed = false;
    bool dropped = false;
    for (const auto& action : client.take_actions()) {
      changed |= std::holds_alternative<proto::fabric::ViewChanged>(action);
      dropped |= std::holds_alternative<proto::fabric::Disconnect>(action);
    }
    if (client.view().digest() != before && !changed) std::abort();
    if (client.view().entries().size() > options.max_endpoints) std::abort();
    if (dropped) {
      now.mono += std::chrono::minutes(1);
      client.on_tick(now);
      client.on_connected(now);
    }
  }
  return 0;
}
