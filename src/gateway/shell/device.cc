#include "gateway/shell/device.h"

#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"
#include "pki/authority.h"
#include "pki/certificate.h"

namespace postern::gateway {
namespace {

constexpr std::size_t kLimit = 64 << 10;
constexpr std::chrono::hours kTenYears{24 * 3652};

Status write_device(const std::filesystem::path& dir, const Device& device) {
  const std::pair<const char*, const std::string*> files[] = {{"device.crt", &device.certificate_pem},
                                                              {"device.key", &device.key_pem},
                                                              {"factory.crt", &device.server_chain_pem},
                                                              {"factory.key", &device.server_key_pem}};
  for (const auto& [name, content] : files) {
    if (auto written = write_file_atomic(dir / name, *content); !written) return written;
  }
  // Last: while it is missing the device counts as not made yet.
  return write_file_atomic(dir / "serial", device.serial.str() + "\n");
}

}  // namespace

GatewaySerial make_serial(Random& random) { return GatewaySerial("PGW" + random.readable(13)); }

Result<Device> load_device(const std::filesystem::path& dir, WallTime now, Random& random) {
  if (auto made = make_directories(dir, 0700); !made) return fail(made.error());
  auto serial = read_file(dir / "serial", 64);
  if (!serial && serial.error().code != ErrorCode::kNotFound) return fail(serial.error());
  Device device;
  if (!serial) {
    device.serial = make_serial(random);
    const pki::Validity validity{now - std::chrono::hours(24), now + kTenYears};
    const auto own = pki::make_device(pki::PrivateKey::generate(), device.serial, validity, random);
    device.certificate_pem = pki::to_pem(own.certificate);
    device.key_pem = own.key.to_pem();
    device.key_sha256 = own.key.public_key_sha256();
    const auto root = pki::make_root(device.serial.str() + " factory CA", "Postern", validity, random);
    const auto server = pki::make_server(root, device.serial.str(), {"localhost"}, validity, random);
    device.server_chain_pem = pki::to_pem(server.certificate) + pki::to_pem(root.certificate);
    device.server_key_pem = server.key.to_pem();
    if (auto written = write_device(dir, device); !written) return fail(written.error());
    return device;
  }
  device.serial = GatewaySerial(std::string(trim(*serial)));
  const std::pair<const char*, std::string*> files[] = {{"device.crt", &device.certificate_pem},
                                                        {"device.key", &device.key_pem},
                                                        {"factory.crt", &device.server_chain_pem},
                                                        {"factory.key", &device.server_key_pem}};
  for (const auto& [name, content] : files) {
    auto text = read_file(dir / name, kLimit);
    if (!text) return fail(text.error().context("the gateway's identity is incomplete"));
    *content = std::move(*text);
  }
  auto key = pki::PrivateKey::from_pem(device.key_pem);
  if (!key || !valid_gateway_serial(device.serial.str())) {
    return fail(ErrorCode::kDataLoss, "the gateway's identity in " + dir.native() + " is damaged");
  }
  device.key_sha256 = key->public_key_sha256();
  return device;
}

std::vector<std::string> exposed_files(const std::filesystem::path& dir) {
  std::vector<std::string> out;
  const auto look = [&](const std::filesystem::path& path, mode_t bad) {
    struct stat st {};
    if (stat(path.c_str(), &st) == 0 && (st.st_mode & bad) != 0) out.push_back(path.native());
  };
  look(dir, S_IWGRP | S_IWOTH);
  for (const char* name : {"device.key", "factory.key", "gateway.conf"}) look(dir / name, S_IRWXG | S_IRWXO);
  return out;
}

}  // namespace postern::gateway
