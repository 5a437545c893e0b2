#pragma once
// A file that is written off the loop: a disk that takes seconds to sync must not keep the gateway from renewing its leases.
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "net/loop.h"

namespace postern::gateway {

/// Writes one at a time, each with write_file_atomic. Thread: loop.
class BackgroundWrite {
 public:
  using Done = std::function<void(const Status& status)>;
  explicit BackgroundWrite(net::Loop& loop) : loop_(loop) {}
  BackgroundWrite(const BackgroundWrite&) = delete;
  BackgroundWrite& operator=(const BackgroundWrite&) = delete;

  bool busy() const { return job_ != nullptr; }
  /// Not while `busy`. `done`: on the loop, or from `wait`; not when this object is gone by then, the file is written nevertheless.
  void begin(std::filesystem::path path, std::string bytes, Done done);
  /// Until what is under way has been written, and told.
  void wait();

 private:
  struct Job;
  void end(const std::shared_ptr<Job>& job);

  net::Loop& loop_;
  std::shared_ptr<Job> job_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace postern::gateway
