// Logic expressions: what parses can be evaluated with any verdicts, in Kleene's sense, and nothing
// else happens.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "posture/logic.h"
#include "posture/quote.h"
#include "posture/tag.h"

using namespace postern::posture;

namespace {

void demand(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto logic = Logic::parse(text);
  if (!logic) {
    demand(clean_text(logic.error().message));  // errors go out as JSON: never broken text
    return 0;
  }
  demand(!logic->rules().empty() && logic->rules().back() <= kMaxRuleId);
  const auto with = [&](auto&& verdict_of) { return logic->evaluate(verdict_of); };
  // All unknown is unknown: without a constant in the language nothing can be concluded from
  // nothing.
  demand(with([](std::size_t) { return Verdict::kUnknown; }) == Verdict::kUnknown);
  // A conclusion drawn with some verdicts unknown holds whatever they turn out to be.
  std::uint32_t mix = 2166136261u;
  for (const char c : text) mix = (mix ^ static_cast<unsigned char>(c)) * 16777619u;
  const auto partly = [&](std::size_t i) { return static_cast<Verdict>((mix >> (i % 29)) % 3); };
  const Verdict concluded = with(partly);
  for (const Verdict turned : {Verdict::kMatch, Verdict::kNoMatch}) {
    const Verdict later = with([&](std::size_t i) {
      const Verdict v = partly(i);
      return v == Verdict::kUnknown ? turned : v;
    });
    demand(later != Verdict::kUnknown);
    demand(concluded == Verdict::kUnknown || later == concluded);
  }
  return 0;
}
