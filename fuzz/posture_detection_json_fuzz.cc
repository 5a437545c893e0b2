// Detection sets from outside: what is accepted is printed and read back as the same, and can be judged and explained.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "posture/fact_keys.h"
#include "posture/on_fabric_json.h"
#include "posture/quote.h"

using namespace postern;
using namespace postern::posture;

namespace {

void demand(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto sets = parse_detection_json({reinterpret_cast<const char*>(data), size});
  if (!sets) {
    demand(clean_text(sets.error().message));
    demand(sets.error().message.size() < 1000);
    return 0;
  }
  const auto again = parse_detection_json(print_detection_json(*sets));
  demand(again && *again == *sets);

  const auto detection = OnFabricDetection::compile(*sets);
  demand(detection.has_value());
  FactMap facts;
  for (const std::string& key : detection->keys()) {
    demand(key.size() <= keys::kMaxKeyBytes);
    facts[key] = {std::vector<std::string>{"10.0.1.1", "02:09:0f:00:01:02", "wifi"}, {}, "fuzz"};
  }
  const auto judgement = detection->judge({facts, {}});
  demand(judgement.reason != nullptr);
  demand(detection->explain({facts, {}}).size() == sets->size());
  return 0;
}
