#pragma once
// May the EMS that shows this chain be trusted? An administrator accepted one certificate; a renewal counts only if the
// very key that signed the accepted one signed the new one, too. Pure.
#include <optional>
#include <vector>

#include "base/hex.h"
#include "base/sha256.h"

namespace postern::gateway {

struct AcceptedCertificate {
  std::optional<Sha256> fingerprint;
  std::optional<Sha256> issuer_key;  ///< Empty for a self-signed certificate: nothing can vouch for a renewal.
  bool trust_renewals = true;        ///< `set trust-ca-cn`.
  /// `set certificate-remote`, DER: the EMS's own, or that of who signs it. Counts beside the fingerprint.
  Bytes trusted = {};
};

enum class Trust { kSame, kRenewed, kChanged, kNothingAccepted };

Trust judge_certificate(const AcceptedCertificate& accepted, const std::vector<Bytes>& chain_der);

/// The key of the certificate in `chain_der` that signed its leaf; nothing when the leaf signed itself or the signer
/// was not sent.
std::optional<Sha256> issuer_key_of(const std::vector<Bytes>& chain_der);

}  // namespace postern::gateway
