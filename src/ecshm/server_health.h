#pragma once
// How the real servers are, beside ec-shm: one word for each that nginx may be told of, written by the gateway, read by the
// workers without locks or system calls. Health grants nothing, so it has no lease: while no gateway runs, what it said
// last holds.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "base/result.h"
#include "ecshm/mapping.h"

namespace postern::ecshm {

/// What workers make of a server. The numbers stand in the file.
enum class ServerState : std::uint8_t {
  kUnknown = 0,  ///< Nobody has checked it, or nobody can: it takes requests.
  kUp = 1,
  kDown = 2,     ///< Its checks fail, or it is held down: no new requests.
  kRemoved = 3,  ///< An administrator has taken it out; a worker may not have heard of it yet: no new requests.
};
inline bool takes_requests(ServerState state) { return state == ServerState::kUnknown || state == ServerState::kUp; }

inline constexpr std::size_t kHealthWords = 8192;
inline constexpr const char* kHealthFile = "servers";

/// The gateway's end. Thread: one.
class HealthWriter {
 public:
  /// Goes on with the file of the gateway before, which workers have mapped; else makes one. Errors: those of the files.
  static Result<std::unique_ptr<HealthWriter>> open(const std::filesystem::path& dir, gid_t reader_group);

  /// `number`: never 0, and the same for the same server always. False: there is no room for another one; workers then know
  /// nothing of it.
  bool set(std::uint32_t number, ServerState state);
  /// What was said last, also by the gateway before.
  ServerState state(std::uint32_t number) const;

 private:
  explicit HealthWriter(Mapping mapping) : mapping_(std::move(mapping)) {}
  Mapping mapping_;
};

/// A worker's end. Thread: one.
class HealthReader {
 public:
  explicit HealthReader(std::filesystem::path dir) : path_(dir / kHealthFile) {}
  ~HealthReader();
  HealthReader(const HealthReader&) = delete;

  /// Where a number was found last; begins empty.
  struct Place {
    std::uint32_t index = 0;
    std::uint64_t looked = 0;  ///< At which arrangement it was looked for in vain.
  };
  ServerState state(std::uint32_t number, Place& place) const;
  /// Finds the file if there is none yet, or another has come in its stead. To be called once a second or so.
  void look();

 private:
  const std::filesystem::path path_;
  Mapping mapping_;
  int fd_ = -1;
  std::uint64_t opened_ = 0;  // files so far
};

}  // namespace postern::ecshm
