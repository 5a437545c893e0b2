// A compiled policy table of unknown origin: either refused, or safe to decide by. Version and digest are
// put right first, so that the bounds are what gets tested, not SHA-256, and seeds outlive versions.
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/sha256.h"
#include "policy/blob.h"
#include "policy/decide.h"
#include "policy/view.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  std::vector<std::uint64_t> aligned((size + 7) / 8);
  auto* bytes = reinterpret_cast<std::uint8_t*>(aligned.data());
  if (size > 0) std::memcpy(bytes, data, size);
  policy::blob::Header header;
  if (size >= sizeof header) {
    std::memcpy(&header, bytes, sizeof header);
    header.magic = policy::blob::kMagic;
    header.version = policy::blob::kVersion;
    header.layout = policy::blob::kLayout;
    header.size = size;
    const auto digest = sha256(ByteView(bytes + sizeof header, size - sizeof header));
    std::memcpy(header.digest, digest.data(), digest.size());
    std::memcpy(bytes, &header, sizeof header);
  }
  const auto view = policy::PolicyView::open({bytes, size});
  if (!view) return 0;
  policy::EndpointState endpoint;
  endpoint.known = endpoint.online = endpoint.registered = endpoint.fresh = true;
  endpoint.not_after = from_unix_ms(1'000);
  endpoint.tags.set(3);
  policy::RequestContext request;
  request.certificate = policy::Certificate::kVerified;
  request.certificate_not_after = from_unix_ms(1'000);
  request.host = "app.example";
  request.path = "/v2/users";
  request.source = IpAddress::v4({10, 0, 1, 2});
  for (const std::uint32_t proxy : {0u, 1u, 2u}) {
    request.proxy = proxy;
    const auto decision = policy::decide(*view, endpoint, request);
    if (decision.allow != (decision.reason == policy::Reason::kNone)) __builtin_trap();
  }
  for (std::uint32_t bit = 0; bit < policy::kTagBits; ++bit) {
    if (const auto* tag = view->tag(bit)) (void)view->text(tag->message);
  }
  return 0;
}
