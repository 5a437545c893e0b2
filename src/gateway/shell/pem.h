#pragma once
// PEM values of the configuration: texts, or files that they name.
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "gateway/config/tree.h"

namespace postern::gateway {

/// The text, or that of the file whose absolute path it is. Errors: those of the file system.
Result<std::string> pem_of(const std::string& value);

/// Is this a chain and the key of its first certificate, both of a strength that TLS takes? Errors: kInvalidArgument,
/// kUnsupported.
Status check_pair(const std::string& chain_pem, const std::string& key_pem);

/// Does the chain's first certificate hold at this moment? Errors: kInvalidArgument, with the moment that it begins or ended
/// at; those of reading it.
Status check_validity(const std::string& chain_pem, WallTime now);

/// Does each certificate that a change brings read as one, and does each private key belong to its certificate? A file
/// that can't be read is passed over: it may come later. Errors: kInvalidArgument, naming the entry.
Status check_certificates(const config::ConfigTree& before, const config::ConfigTree& next);

}  // namespace postern::gateway
