#pragma once
// Which EMS is asked, as whom, and what proves that it is this one.
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/sha256.h"

namespace postern::cli {

struct Address {
  std::string host;
  std::uint16_t port = 443;
  /// "https://host:port", the port only where it is not 443.
  std::string url() const;
};
/// "https://ems.example:8443/", "ems.example:8443", "[::1]". Errors: kInvalidArgument (http://, a path, no port
/// number).
Result<Address> parse_address(std::string_view text);

struct Connection {
  Address address;
  std::string token;                  ///< Never printed.
  std::string roots_pem;              ///< Whom it may be certified by ...
  std::optional<Sha256> fingerprint;  ///< ... or exactly this web certificate.
  std::string from;                   ///< Where the token is from: "context lab", "POSTERN_TOKEN".
};

/// What stands on the command line.
struct ConnectionOptions {
  std::string url = {}, token = {}, token_file = {}, ca = {}, fingerprint = {}, run_json = {}, context = {};
};

using GetEnvironment = std::function<const char*(const char*)>;

/// The command line before the environment before the configuration file. A token and what is trusted only ever go to
/// the address they were given with: those of a context to its own URL, those of the environment to any. Errors:
/// kInvalidArgument, kNotFound, kPermissionDenied (a file with a token that others may read), each with what to do.
Result<Connection> choose_connection(const ConnectionOptions& given, const GetEnvironment& environment,
                                     const std::string& config_path);

/// 64 hex digits with or without colons, "SHA256:" before them or not.
Result<Sha256> parse_fingerprint(std::string_view text);

/// Certificates that this system trusts; empty when it has none.
std::string system_roots();

/// ~/.config/postern/config.toml, or below XDG_CONFIG_HOME.
std::string default_config_path(const GetEnvironment& environment);

}  // namespace postern::cli
