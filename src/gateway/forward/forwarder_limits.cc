#include "gateway/forward/forwarder_limits.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "base/file.h"
#include "base/text.h"

namespace postern::gateway {
namespace {

constexpr std::size_t kForItself = 128;  // names that are looked up, log, lock, the loop's own
constexpr std::size_t kFilesOfOne = 2;
constexpr int kDigits = 20;
constexpr std::chrono::seconds kFullIsTold{60};

}  // namespace

net::TunnelLimits forwarder_limits(std::size_t open_files) {
  net::TunnelLimits out;
  out.max_beginning = std::clamp<std::size_t>(open_files / 8, 16, out.max_beginning);
  const auto taken = kForItself + out.max_beginning;
  const auto left = open_files > taken ? (open_files - taken) / kFilesOfOne : 0;
  out.max_tunnels = std::clamp<std::size_t>(left, 1, out.max_tunnels);
  out.max_per_owner = std::clamp<std::size_t>(out.max_tunnels / 4, 1, out.max_per_owner);
  return out;
}

std::size_t open_files_for_forwarder() {
  const net::TunnelLimits all;
  return kForItself + all.max_beginning + kFilesOfOne * all.max_tunnels;
}

std::string print_forwarder_state(const ForwarderState& s) {
  std::string out;
  const auto full_at = s.full_at ? static_cast<std::uint64_t>(s.full_at->time_since_epoch().count()) : 0;
  for (const auto number : {s.open, s.most, s.most_of_one, s.open_files, s.refused, s.refused_of_one, full_at,
                            static_cast<std::uint64_t>(s.alive_at.time_since_epoch().count())}) {
    out += fmt::format("{:0{}} ", number, kDigits);
  }
  out.back() = '\n';
  return out;
}

Result<ForwarderState> parse_forwarder_state(std::string_view text) {
  const auto damaged = [] { return fail(ErrorCode::kDataLoss, "what the forwarder of TCP connections says of itself can't be read"); };
  constexpr std::size_t kWords = 8;
  if (text.size() != kWords * (kDigits + 1) || !text.ends_with('\n')) return damaged();
  text.remove_suffix(1);
  const auto words = split(text, ' ');
  if (words.size() != kWords) return damaged();
  std::uint64_t numbers[kWords];
  for (std::size_t i = 0; i < kWords; ++i) {
    const auto number = words[i].size() == kDigits ? parse_u64(words[i]) : std::nullopt;
    if (!number) return damaged();
    numbers[i] = *number;
  }
  ForwarderState out{numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], {}, {}};
  constexpr auto kLast = static_cast<std::uint64_t>(MonoTime::max().time_since_epoch().count());
  if (numbers[6] > kLast || numbers[7] > kLast) return damaged();
  const auto time = [](std::uint64_t number) { return MonoTime(MonoTime::duration(static_cast<MonoTime::rep>(number))); };
  if (numbers[6] != 0) out.full_at = time(numbers[6]);
  out.alive_at = time(numbers[7]);
  return out;
}

ForwarderStateFile::~ForwarderStateFile() {
  if (fd_ >= 0) ::close(fd_);
}

Status ForwarderStateFile::open(const std::filesystem::path& folder) {
  const auto file = path(folder);
  ::unlink(file.c_str());
  fd_ = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd_ < 0) return fail(errno_error(errno, "making", file));
  return {};
}

void ForwarderStateFile::tell(const ForwarderState& state) {
  if (fd_ < 0 || told_ == state) return;
  const auto text = print_forwarder_state(state);
  if (::pwrite(fd_, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size())) told_ = state;
}

Result<std::string> forwarder_health(const ForwarderState& state, MonoTime now) {
  if (now - state.alive_at >= kForwarderSilent) {
    return fail(ErrorCode::kUnavailable,
                fmt::format("the forwarder of TCP connections has not run for {} s; after {} s it is ended and started anew",
                            std::chrono::floor<Seconds>(now - state.alive_at).count(), kForwarderHangs.count()));
  }
  const auto most = net::TunnelLimits().max_tunnels;
  const auto why = state.most < most
                       ? fmt::format("what its limit on open files, {}, allows: set a higher one (LimitNOFILE={} of its service) and "
                                     "restart both, gateway and forwarder", state.open_files, open_files_for_forwarder())
                       : std::string("the most that one forwarder carries");
  if (state.full_at && now - *state.full_at < kFullIsTold) {
    return fail(ErrorCode::kResourceExhausted,
                fmt::format("{} TCP connections are forwarded, and others were refused: {} is {}", state.open, state.most, why));
  }
  auto out = fmt::format("{} of {} connections, {} at most of one endpoint", state.open, state.most, state.most_of_one);
  if (state.most < most) out += fmt::format(": {} is {}", state.most, why);
  return out;
}

}  // namespace postern::gateway
