// Messages for a syslog server, of events whose texts come from the whole world: a strict reader takes each, and no value
// ends before its own end.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/text.h"
#include "ecshm/event.h"
#include "gateway/syslog/message.h"
#include "gateway/syslog/parse_lab.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  using namespace postern::gateway;
  ecshm::Event event;
  TrafficNames names;
  std::vector<std::uint8_t> bytes(data, data + size);
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (const auto decoded = ecshm::decode_event(bytes)) {
    event = *decoded;
  } else {
    event.type = size % 2 == 0 ? ecshm::EventType::kDenied : ecshm::EventType::kCut;
    event.path = event.host = event.method = text;
    names = {text, text, text, text, text, {text, text}};
  }
  std::string message;
  syslog::put_message(message, {static_cast<unsigned>(size % 30), std::string(names.host_name), "1"}, event, names);
  const auto parsed = syslog::parse_message(message);
  if (!parsed || message.size() > syslog::kMaxMessage) std::abort();
  const auto path = one_line(event.path);
  if (!path.starts_with(parsed->get("path"))) std::abort();
  if (path.size() <= 512 && parsed->get("path") != path) std::abort();
  return 0;
}
