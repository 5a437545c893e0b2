#pragma once
// How many connections a forwarder may carry, and what it tells the gateway of that: the two are different processes.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "net/tunnel.h"

namespace postern::gateway {

/// What that many open files are enough for. A connection takes two; some are left for requests that have not said yet where to,
/// for names and the log. Of all connections an endpoint may have a quarter, and never more than TunnelLimits says.
net::TunnelLimits forwarder_limits(std::size_t open_files);
/// So many are enough for all that TunnelLimits allows.
std::size_t open_files_for_forwarder();

/// As it was not long ago.
struct ForwarderState {
  std::uint64_t open = 0;           ///< Connections that are carried, and that are being dialled.
  std::uint64_t most = 0;           ///< How many there may be.
  std::uint64_t most_of_one = 0;    ///< Of them of one endpoint.
  std::uint64_t open_files = 0;     ///< The limit on open files (RLIMIT_NOFILE) that it found.
  std::uint64_t refused = 0;        ///< Since it began: because there were as many as there may be.
  std::uint64_t refused_of_one = 0; ///< Likewise of one endpoint.
  std::optional<MonoTime> full_at;  ///< When it last refused for the first reason.
  MonoTime alive_at{};              ///< When it said this: each half a second.
  friend bool operator==(const ForwarderState&, const ForwarderState&) = default;
};
/// A line of fixed length.
std::string print_forwarder_state(const ForwarderState& state);
/// Error: kDataLoss.
Result<ForwarderState> parse_forwarder_state(std::string_view text);

/// The file in the forwarder's folder. Made while it has the gateway's rights; written without.
class ForwarderStateFile {
 public:
  ForwarderStateFile() = default;
  ~ForwarderStateFile();
  ForwarderStateFile(const ForwarderStateFile&) = delete;
  ForwarderStateFile& operator=(const ForwarderStateFile&) = delete;
  /// Made anew, empty. Errors: errno's.
  Status open(const std::filesystem::path& folder);
  /// Whoever can't be told is not told.
  void tell(const ForwarderState& state);

  static std::filesystem::path path(const std::filesystem::path& folder) { return folder / "forwarder.state"; }

 private:
  int fd_ = -1;
  std::optional<ForwarderState> told_;
};

/// Silent for this long it is told of, and for the second it is ended and started anew: nothing passes through it.
constexpr std::chrono::seconds kForwarderSilent{5}, kForwarderHangs{20};

/// What a person is told of it; an error while it is silent, or refuses whoever comes, and for a minute after that.
Result<std::string> forwarder_health(const ForwarderState& state, MonoTime now);

}  // namespace postern::gateway
