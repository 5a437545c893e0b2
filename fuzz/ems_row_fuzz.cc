// Rows of the store, as a damaged database may hold them: refused, or written as what reads as the same.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>

#include "base/hex.h"
#include "ems/registry/codec.h"

namespace {

using namespace postern;
using namespace postern::ems;

template <class Read, class Write>
void check(std::string_view row, Read read, Write write) {
  const auto value = read(row);
  if (!value) return;
  const auto text = write(*value);
  const auto again = read(text);
  if (!again || write(*again) != text) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto row = as_text({data, size});
  check(row, [](std::string_view r) -> Result<Endpoint> {
    Endpoint e;
    if (auto s = codec::read_endpoint_row(r, e); !s) return fail(s.error());
    return e;
  }, codec::endpoint_row);
  using State = std::pair<Endpoint, posture::TagSets>;
  check(row, [](std::string_view r) -> Result<State> {
    State state;
    if (auto s = codec::read_endpoint_state_row(r, state.first, state.second); !s) return fail(s.error());
    return state;
  }, [](const State& state) { return codec::endpoint_state_row(state.first, state.second); });
  check(row, codec::read_fact_row, [](const posture::Fact& fact) { return codec::fact_row("k", fact); });
  check(row, codec::read_tag_row, codec::tag_row);
  check(row, codec::read_invitation_row, codec::invitation_row);
  check(row, codec::read_device_row, codec::device_row);
  check(row, codec::read_profile_row, codec::profile_row);
  check(row, codec::read_administrator_row, codec::administrator_row);
  check(row, codec::read_api_token_row, codec::api_token_row);
  check(row, codec::read_server_certificate_row, codec::server_certificate_row);
  check(row, codec::read_feed_row, codec::feed_row);
  check(row, codec::read_risk_row, codec::risk_row);
  return 0;
}
