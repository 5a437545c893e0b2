#include "gateway/config/store.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "gateway/config/difference.h"
#include "gateway/config/entries.h"
#include "gateway/config/headed_text.h"
#include "gateway/config/text.h"

namespace postern::gateway::config {
namespace {

constexpr std::string_view kHeader = "# Configuration of a Postern gateway. The gateway rewrites this file whole.\n";

constexpr std::string_view kRevisionLine = "# revision: ";

/// The number in the file's head; 0: there is none.
std::uint64_t named_revision(std::string_view text) {
  for (int line = 0; line < 8; ++line) {
    const auto end = text.find('\n');
    const auto head = text.substr(0, end);
    if (!head.starts_with('#') || end == text.npos) return 0;
    if (head.starts_with(kRevisionLine)) return parse_u64(trim(head.substr(kRevisionLine.size()))).value_or(0);
    text.remove_prefix(end + 1);
  }
  return 0;
}

Status write_configuration(const std::filesystem::path& path, const std::string& text, std::uint64_t revision) {
  return write_file_atomic(path, fmt::format("{}{}{}\n{}", kHeader, kRevisionLine, revision, text));
}

/// Those that a gateway that was killed while it wrote has left.
void remove_temporaries(const std::filesystem::path& path) {
  const std::string prefix = path.filename().native() + ".tmp.";
  std::error_code ec;
  const auto parent = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  for (std::filesystem::directory_iterator it(parent, ec), end; !ec && it != end; it.increment(ec)) {
    std::error_code ignored;
    if (it->path().filename().native().starts_with(prefix)) std::filesystem::remove(it->path(), ignored);
  }
}

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

/// "root (cli) at 2026-11-27T00:20:11.000Z, revision 43".
std::string describe_commit(const Revision& r) {
  return fmt::format("{} ({}) at {}, revision {}", r.author.name, r.author.by, to_iso8601(r.time), r.id);
}

/// Who administers the gateway can lose that only to somebody else: without any administrator nobody signs in, and the
/// next start would make `admin` anew, with the first password.
Status keeps_an_administrator(const ConfigTree& before, const ConfigTree& next) {
  const auto had = before.entries("system admin"), left = next.entries("system admin");
  const auto may_sign_in = [](const std::vector<ObjectView>& admins) {
    return std::any_of(admins.begin(), admins.end(), [](const ObjectView& a) {
      return !a.text("password").empty() && a.text("accprofile") == "super_admin";
    });
  };
  if (had.empty() || (!left.empty() && (may_sign_in(left) || !may_sign_in(had)))) return {};
  return fail(ErrorCode::kConflict,
              "system admin: this would leave no administrator who can sign in and change anything; make another one with a "
              "password and accprofile super_admin first (edit <name>, set password <password>), then try again");
}

}  // namespace

ConfigStore::ConfigStore(const Schema& schema, std::filesystem::path path, const Options& options)
    : path_(std::move(path)),
      clock_(options.clock != nullptr ? options.clock : &system_clock()),
      current_(std::make_shared<ConfigTree>(schema)) {}

std::unique_ptr<ConfigStore> ConfigStore::in_memory(const Schema& schema, const Clock* clock) {
  return std::unique_ptr<ConfigStore>(new ConfigStore(schema, {}, {clock, {}}));
}

Result<std::unique_ptr<ConfigStore>> ConfigStore::open(const Schema& schema, std::filesystem::path path) {
  return open(schema, std::move(path), Options());
}

Result<std::unique_ptr<ConfigStore>> ConfigStore::open(const Schema& schema, std::filesystem::path path,
                                                       const Options& options) {
  auto store = std::unique_ptr<ConfigStore>(new ConfigStore(schema, path, options));
  remove_temporaries(path);
  const auto text = read_file(path, kMaxConfigText + kMaxHeader);
  if (!text && text.error().code != ErrorCode::kNotFound) return fail(text.error());
  auto history = path;
  history.replace_extension(".revisions");
  if (text) {
    Transaction transaction(store->current_, Actor::kGateway);
    auto status = apply_text(transaction, *text);
    if (status) status = transaction.validate();
    if (!status) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("reading the configuration {}: {}; earlier ones stand in {} (postern-gateway recover "
                              "--data-dir {} goes back to the last)", path.native(),
                              status.error().message, history.native(), path.parent_path().native()));
    }
    store->current_ = std::make_shared<ConfigTree>(transaction.tree());
  }
  store->revisions_ = Revisions(std::move(history), options.history);
  if (text) store->revisions_.settle(named_revision(*text));
  if (auto whole = store->check_whole(text ? std::optional(*text) : std::nullopt); !whole) return fail(whole.error());
  if (text) store->settle_history(named_revision(*text));
  return store;
}

/// A file that says less than its revision, or that there is none of, was cut off or lost: to start with that would be to
/// start with less than was configured.
Status ConfigStore::check_whole(const std::optional<std::string>& text) const {
  const auto named = text ? named_revision(*text) : 0;
  const auto lost = [&](std::string_view what) {
    const auto from = revisions_.newest();
    return fail(
        ErrorCode::kDataLoss,
        fmt::format(
            "the configuration {} {}, but revision {} stands in {}. To go on with that: postern-gateway recover "
            "--data-dir {}; to start without any configuration: move {} away",
            path_.native(), what, named != 0 ? named : from, revisions_.directory().native(),
            path_.parent_path().native(), revisions_.directory().native()));
  };
  if (revisions_.all().empty()) return {};
  if (!text) return lost("is missing");
  if (named == 0 && current_->root().tables.empty()) return lost("is empty");
  if (named == 0 || revisions_.find(named) == nullptr) return {};
  const auto kept = revisions_.text(named);
  const std::string now = print_tree(*current_);
  if (kept && now.size() < kept->size() && kept->starts_with(now)) {
    return lost("is cut off (somebody who shortened it on purpose takes the line \"# revision\" out, too)");
  }
  return {};
}

/// `named`: the revision that the configuration file says it is.
void ConfigStore::settle_history(std::uint64_t named) {
  const std::string text = print_tree(*current_);
  if (const auto* known = revisions_.find(named); known != nullptr) {
    const auto kept = revisions_.text(named);
    if (kept && *kept == text) {
      auto settled = std::make_shared<ConfigTree>(*current_);
      settled->revision_ = named;
      current_ = std::move(settled);
      return;
    }
  }
  // It came from elsewhere: of an earlier version, from a person with an editor, or its revision was lost.
  auto found = std::make_shared<ConfigTree>(*current_);
  found->revision_ = std::max(named, revisions_.newest()) + 1;
  if (!revisions_.all().empty()) {
    log_warning("config.history",
                fmt::format("{} is not as revision {} was kept; it is in force as it stands, as revision {}",
                            path_.native(), named, found->revision_));
  }
  if (auto kept = keep(*found, {"gateway", "start", "as the configuration file was found when the gateway started"},
                       revisions_.all().empty() ? "the first one kept" : "the file is not the one kept last");
      !kept) {
    log_warning("config.history", kept.error().message);
    found->revision_ = named;
  }
  current_ = std::move(found);
}

Result<std::uint64_t> ConfigStore::recover(const std::filesystem::path& path, std::optional<std::uint64_t> wanted) {
  auto history = path;
  history.replace_extension(".revisions");
  Revisions revisions(history, {});
  if (revisions.all().empty()) {
    return fail(ErrorCode::kNotFound, fmt::format("there is no revision in {}", history.native()));
  }
  std::uint64_t id = wanted.value_or(0);
  for (auto it = revisions.all().rbegin(); !wanted && id == 0 && it != revisions.all().rend(); ++it) {
    if (it->second.damage.empty()) id = it->first;
  }
  const auto text = revisions.text(id);
  if (!text) return fail(text.error());
  if (auto written = write_configuration(path, *text, id); !written) return fail(written.error());
  return id;
}

Status ConfigStore::write_file(const std::string& text, std::uint64_t revision) const {
  return write_configuration(path_, text, revision);
}

/// First into the history, then into force.
Status ConfigStore::keep(const ConfigTree& tree, const Author& author, const std::string& summary) {
  const std::string text = print_tree(tree);
  const auto refused = [](const Error& error) {
    const char* what_to_do = error.code == ErrorCode::kResourceExhausted
                                 ? "; make room on that disk, then try again"
                                 : error.code == ErrorCode::kPermissionDenied
                                       ? "; it has to be mounted writable and belong to the gateway's user; then try again"
                                       : "";
    return fail(error.code, fmt::format("the configuration could not be kept and stays as it was: {}{}", error.message,
                                        what_to_do));
  };
  if (text.size() > kMaxConfigText) {
    return fail(ErrorCode::kResourceExhausted,
                fmt::format("the configuration would be larger than {} MiB; it stays as it was", kMaxConfigText >> 20));
  }
  // What can't be read again would keep the gateway from starting.
  Transaction again(std::make_shared<ConfigTree>(tree.schema()), Actor::kGateway);
  if (auto read = apply_text(again, text); !read || print_tree(again.tree()) != text) {
    const std::string why = read ? "it would be another one" : read.error().message;
    return fail(ErrorCode::kInternal, "the configuration could not be read again and stays as it was: " + why);
  }
  Revision revision;
  revision.id = tree.revision();
  revision.time = clock_->now().wall;
  revision.author = author;
  revision.summary = summary;
  if (auto staged = revisions_.stage(std::move(revision), text); !staged) return refused(staged.error());
  if (!path_.empty()) {
    if (auto written = write_file(text, tree.revision()); !written) {
      // It may be there and just not durable.
      if (named_revision(read_file(path_, kMaxConfigText + kMaxHeader).value_or("")) == tree.revision()) {
        (void)write_file(print_tree(*current_), current_->revision());
      }
      revisions_.discard(tree.revision());
      return refused(written.error());
    }
  }
  revisions_.confirm(tree.revision());
  revisions_.prune(tree.revision());
  return {};
}

/// That in force with what the transaction changes; itself, if that is nothing.
Result<Snapshot> ConfigStore::checked(const Transaction& transaction) const {
  if (!transaction.changed()) return current_;
  Transaction merged(current_, Actor::kGateway);
  ConfigTree next = *current_;
  for (const auto& name : transaction.touched()) {
    const Table& table = *current_->schema().table(name);
    const auto& before = entries_of(&transaction.base().root(), name);
    const auto& wanted = entries_of(&transaction.tree().root(), name);
    if (same_entries(table, before, wanted)) continue;
    if (!same_entries(table, before, entries_of(&current_->root(), name))) {
      return fail(ErrorCode::kConflict, fmt::format("{} was changed by somebody else meanwhile; nothing of this change "
                                                    "is taken: look at it (show) and do it again", name));
    }
    if (wanted.empty() || (table.single() && says_nothing(wanted.front()))) {
      next.root_.tables.erase(name);
    } else {
      next.root_.tables[name] = wanted;
    }
  }
  if (next.same_content(*current_)) return current_;
  next.revision_ = std::max(current_->revision_, revisions_.newest()) + 1;
  merged.tree_ = std::make_shared<ConfigTree>(next);
  if (auto s = merged.validate(); !s) return fail(s.error());
  if (auto s = keeps_an_administrator(*current_, next); !s) return fail(s.error());
  for (const auto& check : checks_) {
    if (auto s = check(next); !s) return fail(s.error());
  }
  return Snapshot(merged.tree_);
}

Status ConfigStore::check(const Transaction& transaction) const {
  const auto next = checked(transaction);
  return next ? Status() : fail(next.error());
}

Status ConfigStore::commit(const Transaction& transaction, const Author& author) {
  const auto next = checked(transaction);
  if (!next) return fail(next.error());
  if (*next == current_) return {};
  for (const auto& reservation : reservations_) {
    if (auto s = reservation(**next); !s) return s;
  }
  if (auto s = keep(**next, author, summarise_difference(*current_, **next)); !s) return s;
  const Snapshot before = current_;
  current_ = *next;
  const Snapshot after = current_;
  const auto observers = observers_;  // an observer may register another
  for (const auto& observer : observers) observer(*before, *after);
  return {};
}

Rebase ConfigStore::rebase(Transaction& transaction) const {
  Rebase out;
  const Snapshot base = transaction.base_;
  if (base == current_) return out;
  auto merged = merge(current_->schema(), base->root(), current_->root(), transaction.tree().root());
  for (const auto& name : transaction.touched()) {
    const Table& table = *current_->schema().table(name);
    const auto& before = entries_of(&base->root(), name);
    const auto& theirs = entries_of(&current_->root(), name);
    if (same_entries(table, before, theirs) || same_entries(table, before, entries_of(&transaction.tree().root(), name))) {
      continue;
    }
    out.tables.push_back(name);
    out.difference += print_difference(*base, *current_, name);
  }
  auto tree = std::make_shared<ConfigTree>(*current_);
  tree->root_ = std::move(merged.root);
  transaction.base_ = current_;
  transaction.tree_ = std::move(tree);
  std::vector<std::string> who;
  for (auto it = revisions_.all().upper_bound(base->revision()); it != revisions_.all().end(); ++it) {
    out.changes += describe_commit(it->second) + '\n';
    const auto& name = it->second.author.name;
    if (std::find(who.begin(), who.end(), name) == who.end()) who.push_back(name);
  }
  out.they = who.empty() ? "somebody else" : join(who, " and ");
  out.clashes = std::move(merged.clashes);
  out.told = !out.tables.empty() && transaction.changed();
  return out;
}

Result<Snapshot> ConfigStore::configuration_of(std::uint64_t revision) const {
  const auto text = revisions_.text(revision);
  if (!text) return fail(text.error());
  Transaction transaction(std::make_shared<ConfigTree>(current_->schema()), Actor::kGateway);
  if (auto s = apply_text(transaction, *text); !s) {
    return fail(ErrorCode::kUnsupported,
                fmt::format("revision {} does not fit this version of the gateway: {}", revision, s.error().message));
  }
  auto tree = std::make_shared<ConfigTree>(transaction.tree());
  tree->revision_ = revision;
  return Snapshot(std::move(tree));
}

Status ConfigStore::remove_revision(std::uint64_t revision) {
  if (revision == current_->revision()) {
    return fail(ErrorCode::kConflict, fmt::format("revision {} is the configuration in force; it stays", revision));
  }
  return revisions_.remove(revision);
}

}  // namespace postern::gateway::config
