// A signing request from somebody who wants to enrol.
#include <cstdint>
#include <cstdlib>

#include "pki/authority.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  static SeededRandom random(1);
  static const pki::Validity validity{from_unix_ms(0), from_unix_ms(4'000'000'000'000)};
  static const auto ca = pki::make_root("CA", "", validity, random);
  const auto key = pki::request_public_key({data, size});
  if (!key) return 0;
  const auto issued = pki::issue_client(ca, {data, size}, EndpointUid(std::string(32, 'A')), EmsSerial("PSTEMS0000000001"),
                                        validity, random);
  if (!issued) std::abort();
  const auto info = pki::parse_certificate(*issued);
  // Nothing of the request but its key is in the certificate.
  if (!info || info->public_key_sha256 != *key || info->is_ca || !info->client_auth || info->server_auth) std::abort();
  if (!info->dns_names.empty() || !info->ip_addresses.empty()) std::abort();
  return 0;
}
