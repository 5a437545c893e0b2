// What an EMS answers to an enrolment, and what the agent keeps of it on disk.
#include <cstdint>
#include <cstdlib>

#include "agent/core/enrolment.h"
#include "agent/shell/state_dir.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  static const auto key = pki::PrivateKey::generate();
  if (const auto enrolment = agent::enrol_response({data, size}, key, {"127.0.0.1:8013"}, {})) {
    if (enrolment->uid.empty() || enrolment->chain_der.empty()) std::abort();
  }
  const auto text = as_text({data, size});
  if (const auto stored = agent::read_enrolment(text, key); stored && stored->enrolment) {
    if (!agent::read_enrolment(agent::print_enrolment(*stored->enrolment), key)) std::abort();
  }
  if (const auto wishes = agent::read_wishes(text)) {
    const auto again = agent::read_wishes(agent::print_wishes(*wishes));
    if (!again || agent::print_wishes(*again) != agent::print_wishes(*wishes)) std::abort();
  }
  return 0;
}
