#pragma once
// Certificates in stores of this machine. Pure.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hex.h"
#include "pki/key.h"
#include "posture/fact.h"

namespace postern::agent {

/// The bodies of all CERTIFICATE blocks of a PEM text; broken ones are left out.
std::vector<Bytes> pem_certificates(std::string_view text);

/// What a rule sees of a certificate; nothing: it is none.
std::optional<posture::Certificate> describe_certificate(ByteView der, std::string store);

/// Does this key sign what the certificate's key verifies? By doing both.
bool possesses(ByteView der, const pki::PrivateKey& key);

}  // namespace postern::agent
