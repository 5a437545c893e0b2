#pragma once
// What the access proxies let through, refused and cut: one line of JSON each. Under a denial's id
// an administrator finds the whole trace.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ecshm/event.h"
#include "gateway/ztna/forward_log.h"
#include "gateway/ztna/line_buffer.h"

namespace postern::gateway {

/// Names for the numbers in an event, as the gateway knows them at that moment. Empty: not known. Views of what knows them:
/// they live until something there changes.
struct TrafficNames {
  std::string_view endpoint_uid;
  std::string_view host_name;
  std::string_view ems_serial;
  std::string_view proxy;
  std::string_view policy;
  std::vector<std::string_view> tags = {};  ///< Of event.tags.
  bool forwards = false;                    ///< Its pool is one of service tcp-forwarding.
};
using DescribeTraffic = std::function<TrafficNames(const ecshm::EventView&)>;

/// What an event's detail tells: of forwarded TCP the destination, and in a second line why it ended. Views of the event.
struct ToldOf {
  std::string_view destination;
  std::string_view detail;
};
ToldOf told_of(const ecshm::EventView& event, const TrafficNames& names);

/// The line for an event, without its end. Pure.
std::string traffic_line(const ecshm::EventView& event, const TrafficNames& names);

/// Lines are gathered and written with one call per batch, in the order they came. Nothing is kept
/// back beyond a batch: a crash of the gateway costs at most the lines since the last `flush`,
/// which its loop calls as soon as the workers' rings are empty; what a ring holds is taken after
/// the restart. (Of the machine: what the kernel had not yet written.)
///
/// Thread: one.
class TrafficLog {
 public:
  /// Past this size the file becomes `<name>.1` and a new one begins.
  static constexpr std::uint64_t kMaxBytes = 64u << 20;

  /// Appends to `path` (0640). Errors: kPermissionDenied, kNotFound, kUnavailable.
  static Result<std::unique_ptr<TrafficLog>> open(std::filesystem::path path,
                                                  DescribeTraffic describe,
                                                  std::uint64_t max_bytes = kMaxBytes);
  ~TrafficLog();
  TrafficLog(const TrafficLog&) = delete;
  TrafficLog& operator=(const TrafficLog&) = delete;

  /// From the next line on.
  void set_max_bytes(std::uint64_t max_bytes) { max_bytes_ = max_bytes; }
  /// Written with the next `flush`, or when much has gathered.
  void add(const ecshm::EventView& event);
  void add(const ForwardCut& cut);
  /// Never fails for the caller: lines that can't be written (disk full) are counted.
  void flush();
  /// Whether the file of this name is still the one that is written to. Another program may have moved or removed it: then a new
  /// one begins; or emptied it. For once a second, and for whoever rotates it. What fails is in `health`.
  void look();
  /// Of the file that is written to. What `look` found last.
  const Status& health() const { return health_; }
  void append(const ecshm::EventView& event) {
    add(event);
    flush();
  }
  /// Who also gets each event, with the names it got here, and when a batch ends.
  std::function<void(const ecshm::EventView&, const TrafficNames&)> on_add;
  std::function<void()> on_flush;
  std::uint64_t lost() const { return lost_; }
  /// The line of this denial or cut ("K7QM-2D9F", in any case), in this file or the one before.
  /// Errors: kInvalidArgument (no such form of id), kNotFound, kUnavailable.
  Result<std::string> find(std::string_view id);
  /// The same in what was flushed to the log at `path`. Thread: any.
  static Result<std::string> find_in(const std::filesystem::path& path, std::string_view id);
  const std::filesystem::path& path() const { return path_; }

 private:
  TrafficLog(std::filesystem::path path, DescribeTraffic describe, std::uint64_t max_bytes);
  Status reopen();
  void begin_anew();
  void found(Status health);
  void ended_line(std::size_t before);

  std::filesystem::path path_;
  DescribeTraffic describe_;
  std::uint64_t max_bytes_;
  int fd_ = -1;
  std::uint64_t size_ = 0;  // Of the file.
  LineBuffer pending_;      // Whole lines.
  std::uint64_t lost_ = 0;
  Status health_;
  std::string told_;   // what of it the log of the gateway has
  bool full_ = false;  // and can't be begun anew
};

}  // namespace postern::gateway
