#pragma once
// Who this gateway is: its serial number, its device key, and the server certificate it has when none is configured.
#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/random.h"
#include "base/result.h"
#include "base/sha256.h"

namespace postern::gateway {

struct Device {
  GatewaySerial serial;
  std::string certificate_pem;   ///< Self-signed, EKU clientAuth, CN the serial number: shown to EMSs.
  std::string key_pem;
  Sha256 key_sha256{};           ///< What an administrator compares when authorising.
  std::string server_chain_pem;  ///< Of the access proxies that have no certificate of their own.
  std::string server_key_pem;
};

/// Reads it from `dir`, or makes it there (mode 0600) at the first start. Errors: those of the file system; kDataLoss
/// when only a part is there.
Result<Device> load_device(const std::filesystem::path& dir, WallTime now, Random& random);

/// What of a gateway's secrets in `dir` others than its owner may read or change, `dir` itself included. For a warning.
std::vector<std::string> exposed_files(const std::filesystem::path& dir);

/// `prefix` and random readable characters: "PGW" and 13.
GatewaySerial make_serial(Random& random);

}  // namespace postern::gateway
