// The stored change log of an endpoint, as a damaged database may hold it: what can't be taken back is refused as
// damage, and what an endpoint reports, whatever it is, can be taken back.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/hex.h"
#include "ems/registry/history.h"
#include "ems/registry/registry.h"
#include "posture/fact_keys.h"
#include "proto/fact_codec.h"
#include "wire/telemetry.pb.h"

using namespace postern;
using namespace postern::ems;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

/// Twice is as once, and a fact that vanished before is not there.
void taken_back(const std::string& undo) {
  posture::FactMap once;
  if (const auto ok = undo_facts(undo, once); !ok) return require(ok.error().code == ErrorCode::kDataLoss);
  auto twice = once;
  require(undo_facts(undo, twice).has_value() && twice == once);
}

/// What one report says instead of another, read backwards.
void reported(const wire::Report& report) {
  posture::FactMap facts;
  PostureTable::Before before;
  for (const auto& one : report.facts()) {
    const auto fact = proto::decode_fact(one);
    if (!fact || one.key().starts_with(posture::keys::kEmsPrefix)) return;  // nobody is taken to report such
    facts.insert_or_assign(one.key(), *fact);
    before.facts.insert_or_assign(one.key(), *fact);
  }
  const Endpoint after;  // none of its facts is left
  for (const auto& change : endpoint_changes(&after, &after, before, [](posture::TagId) { return std::string("T"); })) {
    if (change.kind != "facts") continue;
    posture::FactMap back;
    require(undo_facts(change.undo, back).has_value());
    for (const auto& [key, fact] : facts) {
      const auto found = back.find(key);
      require(found != back.end() && found->second.value == fact.value);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string row(as_text({data, size}));
  // Each half of a change of tags, beside one that is whole.
  for (const auto& one : tag_states_before(row, R"({"ids":[7,8]})")) require(one.id == 0 || one.id == 7 || one.id == 8);
  require(tag_states_before(R"({"tags":[{"tag":"T","before":"has","after":"absent"}]})", row).size() == 1);
  confirmed_by(row);
  taken_back(row);
  if (wire::Report report; report.ParseFromString(row)) reported(report);
  return 0;
}
