#include "gateway/shell/kept_pins.h"

#include <algorithm>

#include "base/file.h"
#include "base/log.h"
#include "gateway/addresses/kept_pins.h"

namespace postern::gateway {

void KeptPins::restore(const NetworkWatch& watch) {
  // Not in turns: pins are taken up for those who claim their addresses, and the firewall's first table has to hold these to them.
  while (context_.core->unfinished()) context_.core->go_on(context_.now());
  const auto text = read_file(path(), 64u << 20);
  if (!text) return;
  for (const auto& pin : decode_pins(*text)) {
    if (watch.left(pin.key) == pin.mac) context_.core->adopt_pin(pin);
  }
}

void KeptPins::save() {
  const auto begun = context_.now().mono;
  if (!unsaved_ || begun < rest_until_) return;
  std::vector<Pin> pins;
  for (const auto& [ip, pin] : context_.core->resolver().pins()) pins.push_back(pin);
  if (auto written = write_file_atomic(path(), encode_pins(pins)); !written) {
    log_error("pins.save", written.error().message);
    rest_until_ = begun + Seconds(1);
    return;
  }
  unsaved_ = false;
  rest_until_ = begun + std::min<MonoTime::duration>((context_.now().mono - begun) * 30, Seconds(10));
}

void KeptPins::remove() {
  std::error_code gone;
  std::filesystem::remove(path(), gone);
}

}  // namespace postern::gateway
