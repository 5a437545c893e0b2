#pragma once
// The agent's data directory: what it must still know after a crash. Whoever may read it is this endpoint.
//   client.key   the private key (0600); before an enrolment is answered, the key that it was asked for with
//   client.pem   the certificate chain, for other programs of this machine (curl, a browser)
//   agent.json   the enrolment, or why there is none any more
//   wishes.json  what the EMS wants to be watched
// The machine is registered if agent.json says so *and* client.key is the key of the certificate in it. So an
// interrupted enrolment is done or can be repeated with the same key, and an interrupted deregistration is done.
#include <filesystem>
#include <optional>
#include <string>

#include "agent/core/agent_core.h"
#include "base/result.h"

namespace postern::agent {

class StateDir {
 public:
  /// Makes the directory (0700). Errors: those of the file system; kAlreadyExists when another agent uses it.
  static Result<StateDir> open(std::filesystem::path directory);
  StateDir(StateDir&& other) noexcept
      : directory_(std::move(other.directory_)), lock_(std::exchange(other.lock_, -1)) {}
  StateDir& operator=(StateDir&&) = delete;
  ~StateDir();

  struct Stored {
    std::optional<Enrolment> enrolment;
    std::string deregistered_because;  ///< Not empty: the EMS ended the last one.
    Wishes wishes;
  };
  /// Errors: kDataLoss (a file is damaged; says which), those of reading. What is missing is no error, nor that
  /// client.pem, which is a copy, can't be mended now.
  Result<Stored> load() const;

  /// The key to enrol with: the one of an enrolment that was not answered, else a new one. Durable when it returns.
  struct EnrolmentKey {
    pki::PrivateKey key;
    bool reused = false;
  };
  Result<EnrolmentKey> enrolment_key() const;
  /// Durable when it returns.
  Status store_key(const pki::PrivateKey& key) const;
  /// Whole and durable when it returns; on an error what was there before still holds.
  Status store(const Enrolment& enrolment) const;
  Status store_wishes(const Wishes& wishes) const;
  /// Destroys the key, then forgets the enrolment. `reason` is kept; empty: it left by its own will.
  Status forget(const std::string& reason) const;

 private:
  StateDir(std::filesystem::path directory, int lock) : directory_(std::move(directory)), lock_(lock) {}

  std::filesystem::path directory_;
  int lock_ = -1;
};

/// Pure: agent.json and wishes.json. Errors: kDataLoss.
struct StoredEnrolment {
  std::string deregistered_because;
  std::optional<Enrolment> enrolment;
};
/// `key` is absent when there is none.
Result<StoredEnrolment> read_enrolment(std::string_view json, const std::optional<pki::PrivateKey>& key);
std::string print_enrolment(const Enrolment& enrolment);
Result<Wishes> read_wishes(std::string_view json);
std::string print_wishes(const Wishes& wishes);

}  // namespace postern::agent
