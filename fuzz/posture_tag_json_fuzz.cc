// A tag from outside: what is accepted compiles, and can be evaluated and explained.
#include "posture/engine.h"
#include "posture/fact_keys.h"
#include "posture/tag_json.h"
#include "posture_json.h"

using namespace postern;
using namespace postern::posture;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto tag = read_json(data, size, parse_tag_json, print_tag_json);
  if (!tag) return 0;
  TagEngine engine;
  if (!engine.set(2, *tag)) {
    demand(tag->name.str() == kAllRegisteredClients);
    return 0;
  }
  for (const OsFamily os : kAllOsFamilies) {
    FactMap facts;
    facts[std::string(keys::kOsFamily)] = {std::string(os_family_name(os)), {}, "fuzz"};
    const auto why = engine.explain(2, {facts, {}});
    demand(why && why->state == engine.evaluate(2, {facts, {}}));
    demand(engine.required_facts(os).version != 0);
  }
  return 0;
}
