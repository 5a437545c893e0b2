// host.serial: the hardware's serial number, as its firmware says. Only root may read it.
#include "agent/collectors/asked.h"
#include "agent/collectors/hardware/parse.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace hardware_serial_family {
namespace {

constexpr const char* kSerial = "/sys/class/dmi/id/product_serial";

void answer(const Question&, Facts& facts) {
  facts.text(posture::keys::kHardwareSerial,
             facts.read(kSerial, 4096).map([](const std::string& text) { return parse_dmi(text); }), kSerial);
}

}  // namespace
}  // namespace hardware_serial_family

namespace asked {
const AskedFamily& hardware_serial() {
  static const AskedFamily kFamily{.name = "hardware serial",
                                   .keys = {posture::keys::kHardwareSerial},
                                   .answer = hardware_serial_family::answer};
  return kFamily;
}
}  // namespace asked

}  // namespace postern::agent
