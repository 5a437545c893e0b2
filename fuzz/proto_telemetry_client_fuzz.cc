// What an EMS sends to an agent: frames, each behind two bytes of length.
#include <cstdint>
#include <cstdlib>

#include "base/random.h"
#include "proto/telemetry_client.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  SeededRandom random(1);
  proto::TelemetryClient client({EndpointUid(std::string(32, 'A')), "1", "boot"}, random);
  Now now{from_unix_ms(1'790'000'000'000), MonoTime(std::chrono::seconds(10))};
  client.set_fact("os.id", {posture::FactValue(std::string("debian")), now.wall, "test"});
  client.set_inventory("postern-inventory 1\n", now.wall);
  client.enable(now);
  client.on_connected(now);
  while (size >= 2) {
    const std::size_t length = std::min<std::size_t>(data[0] | data[1] << 8, size - 2);
    client.on_frame(now, {data + 2, length});
    client.flush(now);
    data += 2 + length;
    size -= 2 + length;
    bool dropped = false;
    for (const auto& action : client.take_actions())
      dropped |= std::holds_alternative<proto::agent::Disconnect>(action);
    if (client.facts().size() != 1) std::abort();
    if (dropped && !client.deregistered()) {
      now.mono += std::chrono::minutes(5);
      client.on_tick(now);
      client.on_connected(now);
    }
  }
  client.next_deadline();
  return 0;
}
