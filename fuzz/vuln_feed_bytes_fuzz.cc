// A feed's file: plain, gzip or zip, with limits small enough to be met.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "vuln/feed_bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  vuln::FeedLimits limits;
  limits.record_bytes = 4096;
  limits.total_bytes = 1u << 20;
  limits.records = 100;
  std::size_t total = 0;
  const auto status = vuln::for_each_record(
      {reinterpret_cast<const char*>(data), size}, limits, [&](std::string_view where, std::string_view text) {
        if (text.size() > limits.record_bytes || where.empty()) std::abort();
        total += text.size();
        return Status{};
      });
  if (total > limits.total_bytes) std::abort();
  if (!status && status.error().message.empty()) std::abort();
  return 0;
}
