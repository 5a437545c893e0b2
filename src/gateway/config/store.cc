#include "gateway/config/store.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/file.h"
#include "base/text.h"
#include "gateway/config/text.h"

namespace postern::gateway::config {
namespace {

constexpr std::string_view kHeader = "# Configuration of a Postern gateway. The gateway rewrites this file whole.\n";

bool schema_single(const ConfigTree& tree, const std::string& table) {
  const Table* t = tree.schema().table(table);
  return t && t->single() && t->tables.empty();
}

/// Who administers the gateway can lose that only to somebody else: without any administrator nobody signs in, and the
/// next start would make `admin` anew, with the first password.
Status keeps_an_administrator(const ConfigTree& before, const ConfigTree& next) {
  const auto had = before.entries("system admin"), left = next.entries("system admin");
  const auto may_sign_in = [](const std::vector<ObjectView>& admins) {
    return std::any_of(admins.begin(), admins.end(), [](const ObjectView& a) { return !a.text("password").empty(); });
  };
  if (had.empty() || (!left.empty() && (may_sign_in(left) || !may_sign_in(had)))) return {};
  return fail(ErrorCode::kConflict,
              "system admin: this would leave no administrator who can sign in; make another one with a password first "
              "(edit <name>, set password <password>), then try again");
}

}  // namespace

ConfigStore::ConfigStore(const Schema& schema, std::filesystem::path path)
    : path_(std::move(path)), current_(std::make_shared<ConfigTree>(schema)) {}

std::unique_ptr<ConfigStore> ConfigStore::in_memory(const Schema& schema) {
  return std::unique_ptr<ConfigStore>(new ConfigStore(schema, {}));
}

Result<std::unique_ptr<ConfigStore>> ConfigStore::open(const Schema& schema, std::filesystem::path path) {
  auto store = std::unique_ptr<ConfigStore>(new ConfigStore(schema, path));
  const auto text = read_file(path, kMaxConfigText);
  if (!text) {
    if (text.error().code == ErrorCode::kNotFound) return store;
    return fail(text.error());
  }
  Transaction transaction(store->current_, Actor::kGateway);
  auto status = apply_text(transaction, *text);
  if (status) status = transaction.validate();
  if (!status) {
    return fail(status.error().context(fmt::format("reading the configuration {}", path.string())));
  }
  store->current_ = std::make_shared<ConfigTree>(transaction.tree());
  return store;
}

Status ConfigStore::commit(const Transaction& transaction) {
  if (!transaction.changed()) return {};
  Transaction merged(current_, Actor::kGateway);
  ConfigTree next = *current_;
  const auto content = [](const ConfigTree& tree, const std::string& table) -> const std::vector<Object>* {
    const auto it = tree.root().tables.find(table);
    return it == tree.root().tables.end() ? nullptr : &it->second;
  };
  for (const auto& table : transaction.touched()) {
    const auto* before = content(transaction.base(), table);
    const auto* now = content(*current_, table);
    const bool same = before && now ? *before == *now : before == now;
    if (!same) {
      return fail(ErrorCode::kConflict, fmt::format("{} was changed by somebody else meanwhile; nothing of this change "
                                                    "is taken: look at it (show) and do it again", table));
    }
    const auto* wanted = content(transaction.tree(), table);
    // A single object was made by merely entering it.
    const bool empty = wanted && schema_single(*current_, table) && wanted->front().values.empty();
    if (wanted && !empty) {
      next.root_.tables[table] = *wanted;
    } else {
      next.root_.tables.erase(table);
    }
  }
  if (next.same_content(*current_)) return {};
  next.revision_ = current_->revision_ + 1;
  merged.tree_ = std::make_shared<ConfigTree>(next);
  if (auto s = merged.validate(); !s) return s;
  if (auto s = keeps_an_administrator(*current_, next); !s) return s;
  for (const auto& check : checks_) {
    if (auto s = check(next); !s) return s;
  }
  if (!path_.empty()) {
    if (auto s = write_file_atomic(path_, std::string(kHeader) + print_tree(next)); !s) {
      return fail(s.error().context("keeping the configuration (it stays as it was)"));
    }
  }
  const Snapshot before = current_;
  current_ = merged.tree_;
  const Snapshot after = current_;
  const auto observers = observers_;  // an observer may register another
  for (const auto& observer : observers) observer(*before, *after);
  return {};
}

}  // namespace postern::gateway::config
