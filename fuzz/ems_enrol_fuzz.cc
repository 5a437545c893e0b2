// Enrolment requests to a whole core, from anybody: always answered, and only the right code enrols.
#include <cstdint>
#include <cstdlib>

#include "ems/bootstrap/bootstrap.h"
#include "ems/core/ems_core.h"
#include "ems/store/memory_store.h"
#include "wire/telemetry.pb.h"

namespace {

using namespace postern;

struct Ems {
  SeededRandom random{1};
  Now now{from_unix_ms(1'790'000'000'000), MonoTime(std::chrono::hours(1))};
  ems::MemoryStore store{1};
  std::unique_ptr<ems::EmsCore> core;

  Ems() {
    ems::BootstrapOptions options;
    options.password_hash = "$argon2id$test";
    options.server_names = {"127.0.0.1"};
    if (!ems::bootstrap(store, random, now, options)) std::abort();
    core = std::make_unique<ems::EmsCore>(store, random, ems::EmsOptions{});
    if (!core->start(now)) std::abort();
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Ems ems;
  ems.now.mono += std::chrono::minutes(1);  // Guesses are limited by source and time.
  ems.now.wall += Millis(60'000);
  int answers = 0;
  ems.core->enrol(ems.now, *IpAddress::parse("10.0.1.2"), {data, size}, [&](Bytes bytes) {
    ++answers;
    wire::EnrolResponse response;
    if (!response.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) std::abort();
    if (response.error_code().empty() || response.error_message().empty()) std::abort();  // There is no invitation.
    if (response.chain_der_size() != 0 || !response.uid().empty()) std::abort();
  });
  while (ems.core->flush_wanted()) ems.core->flush(ems.now);
  for (const auto& action : ems.core->take_actions()) {
    if (const auto* complete = std::get_if<ems::act::Complete>(&action)) complete->call();
  }
  if (answers != 1 || ems.core->status().endpoints != 0) std::abort();
  return 0;
}
