#pragma once
// The whole configuration as one text to keep elsewhere, and what puts another in the place of the one in force: a backup,
// a revision, or nothing but what keeps administrators signed in.
#include <string>
#include <string_view>
#include <vector>

#include "gateway/config/store.h"
#include "gateway/config/text.h"

namespace postern::gateway::config {

struct BackupSource {
  std::string version;  ///< Of the gateway.
  std::string serial;
  WallTime time{};
};
/// Keys of certificates and hashes of passwords included. Is itself configuration text.
std::string print_backup(const ConfigTree& tree, const BackupSource& source);

/// Does the text begin as a backup does? For those who must not overwrite anything else.
bool looks_like_backup(std::string_view text);

struct Backup {
  std::string version, serial, revision, time;  ///< Empty where the text is none of ours (`edited`).
  std::string text;
};
/// `edited`: it was changed by hand, or is the output of `show`: the checksum is not asked for. Errors: kInvalidArgument
/// (not a backup), kDataLoss (the checksum doesn't fit).
Result<Backup> read_backup(std::string_view text, bool edited);

/// What would be in force, and how it came about.
struct Replacement {
  explicit Replacement(Transaction t) : transaction(std::move(t)) {}
  Transaction transaction;              ///< Onto what was in force; for ConfigStore::commit.
  std::vector<WrongLine> wrong;         ///< Not empty: nothing can be replaced.
  std::vector<std::string> notes;       ///< What a person should know before saying yes; one sentence each.
};
/// A whole text in the place of everything. If no administrator in it could sign in, those of now stay.
Replacement replace_by_text(const ConfigStore& store, std::string_view text);
/// A revision in the place of everything but the accounts (system admin, system api-user): passwords that were changed
/// and keys that were taken back meanwhile do not come to life again. Errors: of ConfigStore::configuration_of.
Result<Replacement> replace_by_revision(const ConfigStore& store, std::uint64_t revision);
/// Nothing but the administrators and the port at which they are signed in.
Replacement replace_by_nothing(const ConfigStore& store);

}  // namespace postern::gateway::config
