// Detection sets from outside: what is accepted can be judged and explained.
#include "posture/fact_keys.h"
#include "posture/on_fabric_json.h"
#include "posture_json.h"

using namespace postern;
using namespace postern::posture;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto sets = read_json(data, size, parse_detection_json, print_detection_json);
  if (!sets) return 0;
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
