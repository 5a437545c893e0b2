#include "gateway/shell/trust.h"

#include "pki/certificate.h"

namespace postern::gateway {

std::optional<Sha256> issuer_key_of(const std::vector<Bytes>& chain_der) {
  if (chain_der.empty()) return std::nullopt;
  const auto leaf = pki::parse_certificate(chain_der.front());
  if (!leaf || leaf->self_signed) return std::nullopt;
  for (std::size_t i = 1; i < chain_der.size(); ++i) {
    if (!pki::signed_by(chain_der.front(), chain_der[i])) continue;
    if (const auto issuer = pki::parse_certificate(chain_der[i])) return issuer->public_key_sha256;
  }
  return std::nullopt;
}

Trust judge_certificate(const AcceptedCertificate& accepted, const std::vector<Bytes>& chain_der) {
  if (!accepted.fingerprint && accepted.trusted.empty()) return Trust::kNothingAccepted;
  if (chain_der.empty()) return Trust::kChanged;
  if (!accepted.trusted.empty()) {
    if (chain_der.front() == accepted.trusted) return Trust::kSame;
    if (pki::signed_by(chain_der.front(), accepted.trusted)) return Trust::kRenewed;
    if (!accepted.fingerprint) return Trust::kChanged;
  }
  if (sha256(chain_der.front()) == *accepted.fingerprint) return Trust::kSame;
  if (!accepted.trust_renewals || !accepted.issuer_key) return Trust::kChanged;
  return issuer_key_of(chain_der) == accepted.issuer_key ? Trust::kRenewed : Trust::kChanged;
}

}  // namespace postern::gateway
