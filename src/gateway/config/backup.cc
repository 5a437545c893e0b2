#include "gateway/config/backup.h"

#include <algorithm>

#include <fmt/format.h>

#include "gateway/config/headed_text.h"

namespace postern::gateway::config {
namespace {

constexpr std::string_view kBackupTitle = "Backup of the configuration of a Postern gateway";
const std::string kAdmins = "system admin";
const std::string kApiUsers = "system api-user";
const std::string kConnectors = "endpoint-control fctems";

bool somebody_may_sign_in(const ConfigTree& tree) {
  const auto admins = tree.entries(kAdmins);
  return std::any_of(admins.begin(), admins.end(), [](const ObjectView& a) { return !a.text("password").empty(); });
}

/// A certificate that was taken back must not be accepted again because a policy was wrong. Returns whether it would have
/// been. A connector to another server than now, or one that is gone, brings its own.
bool keep_trust(Transaction& t, const ConfigTree& now) {
  bool other = false;
  for (const auto& o : now.entries(kConnectors)) {
    const ObjectPath path = {{kConnectors, o.key()}};
    const Object* then = t.tree().find(path);
    if (then == nullptr) continue;
    const ObjectView before(o.table(), *then);
    if (before.text("server") != o.text("server") || before.text("https-port") != o.text("https-port")) continue;
    for (const auto* name : {"certificate-fingerprint", "certificate-issuer-key", "serial-number", "tenant-id"}) {
      const Value value = o.values(name);
      if (value == ObjectView(o.table(), *t.tree().find(path)).values(name)) continue;
      other = true;
      if (auto kept = value.empty() ? t.unset(path, name) : t.set(path, name, value); !kept) (void)t.unset(path, name);
    }
  }
  return other;
}

Transaction on_empty(const ConfigTree& like) {
  return Transaction(std::make_shared<ConfigTree>(like.schema()), Actor::kGateway);
}

}  // namespace

std::string print_backup(const ConfigTree& tree, const BackupSource& source) {
  return print_headed({std::string(kBackupTitle),
                       {{"version", source.version},
                        {"serial", source.serial},
                        {"revision", std::to_string(tree.revision())},
                        {"time", to_iso8601(source.time)}},
                       print_tree(tree)});
}

bool looks_like_backup(std::string_view text) {
  text = without_mark(text);
  return text.starts_with("# ") && text.substr(2).starts_with(kBackupTitle);
}

Result<Backup> read_backup(std::string_view text, bool edited) {
  // A file that was cut to nothing says nothing; it must not mean: delete everything.
  if (text.find("config ") == text.npos) {
    return fail(ErrorCode::kDataLoss, "this is no backup of a gateway: there is no table in it (execute factory-reset "
                                      "deletes the configuration)");
  }
  text = without_mark(text);
  auto headed = read_headed(text, kBackupTitle);
  if (!headed) {
    if (edited) return Backup{{}, {}, {}, {}, std::string(text)};
    return fail(headed.error().code,
                headed.error().code == ErrorCode::kDataLoss
                    ? "the backup can't be trusted: " + headed.error().message
                    : "this is no backup of a gateway: " + headed.error().message);
  }
  const auto field = [&](std::string_view name) { return std::string(headed->field(name)); };
  return Backup{field("version"), field("serial"), field("revision"), field("time"), std::move(headed->text)};
}

Replacement replace_by_text(const ConfigStore& store, std::string_view text) {
  const auto current = store.current();
  Transaction read = on_empty(*current);
  Replacement out(store.begin(Actor::kGateway));
  out.wrong = apply_text_and_validate(read, text);
  if (!out.wrong.empty()) return out;
  const bool keep_admins = somebody_may_sign_in(*current) && !somebody_may_sign_in(read.tree());
  if (keep_admins) {
    out.notes.push_back("No administrator in it could sign in: the administrators of now stay.");
    out.transaction.replace(read.tree(), {kAdmins});
  } else {
    out.transaction.replace(read.tree());
  }
  return out;
}

Result<Replacement> replace_by_revision(const ConfigStore& store, std::uint64_t revision) {
  const auto then = store.configuration_of(revision);
  if (!then) return fail(then.error());
  Replacement out(store.begin(Actor::kGateway));
  out.transaction.replace(**then, {kAdmins, kApiUsers});
  if (keep_trust(out.transaction, *store.current())) {
    out.notes.push_back("Which EMSs are trusted, by which certificates, stays as it is now.");
  }
  const auto other = [&](const std::string& table) {
    const auto& a = store.current()->root().tables;
    const auto& b = (*then)->root().tables;
    const auto now = a.find(table), before = b.find(table);
    return now == a.end() || before == b.end() ? (now == a.end()) != (before == b.end()) : now->second != before->second;
  };
  if (other(kAdmins) || other(kApiUsers)) {
    out.notes.push_back("Administrators and API users stay as they are now: their passwords and keys are not taken back.");
  }
  return out;
}

Replacement replace_by_nothing(const ConfigStore& store) {
  const auto current = store.current();
  Replacement out(store.begin(Actor::kGateway));
  Transaction nothing = on_empty(*current);
  const ObjectPath global = {{"system global", ""}};
  const auto& port = current->single(global.front().table).values("admin-sport");
  Status set = nothing.edit(global);
  if (set) set = nothing.set(global, "admin-sport", port);
  if (!set) out.wrong.push_back({0, set.error().message});
  out.transaction.replace(nothing.tree(), {kAdmins});
  return out;
}

}  // namespace postern::gateway::config
