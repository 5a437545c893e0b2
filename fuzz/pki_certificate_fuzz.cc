// A certificate that a peer shows, as DER and as PEM: refused, or plain values; it never proves itself.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "pki/certificate.h"
#include "pki/trust_store.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  const ByteView der(data, size);
  if (const auto info = pki::parse_certificate(der)) {
    if (info->der.size() != size || info->sha256 != sha256(der)) std::abort();
    const std::vector<Bytes> chain = {info->der};
    for (const auto purpose : {pki::Purpose::kClient, pki::Purpose::kServer}) {
      if (pki::verify_chain(der, chain, {}, purpose, from_unix_ms(0))) std::abort();
      (void)pki::verify_chain(der, chain, chain, purpose, from_unix_ms(1'790'000'000'000));
    }
    if (pki::TrustStore({}).verify(der, chain, from_unix_ms(0))) std::abort();
    (void)pki::TrustStore(chain).verify(der, chain, from_unix_ms(1'790'000'000'000));
    (void)pki::signed_by(der, der);
    const auto again = pki::certificates_from_pem(pki::to_pem(der));
    if (!again || again->size() != 1 || again->front() != info->der) std::abort();
  }
  if (const auto list = pki::certificates_from_pem(as_text(der)); list && list->empty()) std::abort();
  (void)pki::PrivateKey::from_pem(as_text(der));
  return 0;
}
