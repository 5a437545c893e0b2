// A tag from outside: what is accepted is printed and read back as the same, compiles, and can be
// evaluated and explained.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "posture/engine.h"
#include "posture/fact_keys.h"
#include "posture/quote.h"
#include "posture/tag_json.h"

using namespace postern;
using namespace postern::posture;

namespace {

void demand(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto tag = parse_tag_json({reinterpret_cast<const char*>(data), size});
  if (!tag) {
    demand(clean_text(tag.error().message));
    demand(tag.error().message.size() < 1000);
    return 0;
  }
  const auto again = parse_tag_json(print_tag_json(*tag));
  demand(again && *again == *tag);

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
