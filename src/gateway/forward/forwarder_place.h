#pragma once
// The folder in which the gateway and its forwarder meet: socket, record of who runs, log. It is the gateway's own, and the
// user of nginx may only search it: whoever takes nginx over can't put anything in the place of what root opens here, nor
// have the gateway take another process for the forwarder.
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "gateway/ztna/process_user.h"

namespace postern::gateway {

/// The kernel's name of a forwarder's process.
inline constexpr const char* kForwarderName = "postern-tcp";

/// Mode 0710, ours, its group's the user's. Errors: kPermissionDenied (it is somebody else's), errno's.
Status make_forwarder_folder(const std::filesystem::path& folder, const ProcessUser& user);
/// Whether nobody but us can put anything there. Errors: kPermissionDenied, kNotFound, kUnsupported (no folder).
Status check_forwarder_folder(const std::filesystem::path& folder);

/// To append to; begun anew past `limit` bytes. Never waits, and takes only a regular file of ours with one name. The caller
/// closes it. Errors: kUnsupported (anything else lies there), errno's.
Result<int> open_forwarder_log(const std::filesystem::path& path, off_t limit);

/// Only one at a time, for as long as the descriptor lives; the caller keeps it. Errors: kAlreadyExists, errno's.
Result<int> lock_forwarder_folder(const std::filesystem::path& folder);

/// A process for as long as it lives: its number alone is another's some day.
struct ForwarderRecord {
  pid_t pid = 0;
  std::uint64_t start = 0;  ///< Clock ticks since the machine started.
  friend bool operator==(const ForwarderRecord&, const ForwarderRecord&) = default;
};
/// "123 456\n", at most 64 bytes. Pure.
std::optional<ForwarderRecord> parse_forwarder_record(std::string_view text);
/// nullopt: there is no such process.
std::optional<ForwarderRecord> record_of_process(pid_t pid);
/// By the forwarder, of itself, while it has our rights yet and before anybody can connect to it.
Status write_forwarder_record(const std::filesystem::path& folder);

/// A descriptor (pidfd) of the forwarder that listens on `socket`: the process of that user that the record names, and none
/// else. The caller closes it. Errors: kNotFound (nobody listens), kPermissionDenied (what is there can't be trusted).
Result<int> find_forwarder(const std::filesystem::path& socket, uid_t user);

}  // namespace postern::gateway
