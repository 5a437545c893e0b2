#pragma once
// The one writer of ec-shm: the gateway's process. Layout and memory protocol: ecshm.h.
#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/hex.h"
#include "base/result.h"
#include "ecshm/slot.h"

namespace postern::ecshm {

struct WriterOptions {
  std::uint32_t capacity = 4096;                ///< Slots at first; the table grows by itself.
  std::uint32_t ring = 8192;                    ///< Changes a reader may be behind; a power of two.
  gid_t reader_group = static_cast<gid_t>(-1);  ///< Owner group of directory and files; -1: ours.
};

/// Thread: one at a time.
class Writer {
 public:
  /// Makes `dir` (0750) and a new, empty generation that nobody sees before `publish`: a restarted
  /// gateway first fills in what it knows, and readers go over in one step. Errors:
  /// kPermissionDenied, kResourceExhausted (disk full), kUnavailable, kConflict (another process is
  /// the writer).
  static Result<std::unique_ptr<Writer>> create(const std::filesystem::path& dir,
                                                WriterOptions options = {});
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// Puts the generation under its name and retires the one before. Once; later calls do nothing.
  Status publish();

  /// Errors: kResourceExhausted when the table can't grow (memory, disk); nothing is changed then
  /// and the caller should say so loudly: this endpoint is denied.
  Status upsert(const Sha256& leaf, const SlotData& data);
  void remove(const Sha256& leaf);
  void set_lease(MonoTime until);
  /// `connector` 1..7. Something earlier than what was said before makes readers look at all their
  /// sessions again.
  void set_connector_valid_until(std::uint32_t connector, MonoTime until);
  /// `blob` as policy::compile made it. Whole in the directory before readers hear of it. Errors as
  /// `create`.
  Status publish_policies(ByteView blob);

  /// Tells readers that something changed since the last call: calls `on_notify` (the wake-up over
  /// the socket) if so. To be called once after a batch of changes.
  void notify();
  std::function<void()> on_notify;

  std::optional<SlotData> find(const Sha256& leaf) const;
  std::size_t size() const { return used_; }
  std::uint32_t capacity() const;
  std::uint64_t generation() const;

 private:
  struct File;
  Writer(int dir, int lock, WriterOptions options);
  Status make_generation(std::uint32_t capacity);
  Status replace_generation(std::uint32_t capacity);
  std::uint32_t* find_bucket(const Sha256& leaf) const;
  void insert(const Sha256& leaf, const SlotData& data);
  void changed(std::uint32_t slot);

  int dir_;
  int lock_;
  WriterOptions options_;
  std::unique_ptr<File> file_;
  bool published_ = false;
  bool dirty_ = false;
  std::size_t used_ = 0;
  std::size_t removed_buckets_ = 0;
  std::uint32_t next_slot_ = 0;
  std::vector<std::uint32_t> free_;
};

}  // namespace postern::ecshm
