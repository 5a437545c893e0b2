#include "gateway/shell/first_admin.h"

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "gateway/config/secret.h"

namespace postern::gateway {
namespace {

constexpr const char* kInitialPassword = "initial-password";

}  // namespace

Status ensure_administrator(config::ConfigStore& store, const std::filesystem::path& data_dir, Random& random) {
  if (!store.current()->entries("system admin").empty()) return {};
  const auto file = data_dir / kInitialPassword;
  std::string password;
  if (auto kept = read_file(file, 256)) {
    password = trim(*kept);
  } else if (kept.error().code != ErrorCode::kNotFound) {
    return fail(kept.error());
  }
  if (password.empty()) {
    password = random.readable(20);
    if (auto written = write_file_atomic(file, password + "\n", 0600); !written) return written;
  }
  const std::string hash = config::hash_password(password, random);
  if (hash.empty()) return fail(config::hashing_failed());
  auto transaction = store.begin(config::Actor::kGateway);
  const config::ObjectPath admin = {{"system admin", "admin"}};
  auto status = transaction.edit(admin);
  if (status) status = transaction.set(admin, "password", {hash});
  if (status) status = store.commit(transaction);
  if (!status) return fail(status.error().context("making the first administrator"));
  log_info("gateway.first_admin", "made the administrator admin; the password stands in " + file.native());
  return {};
}

void drop_initial_password(const std::filesystem::path& data_dir, const std::string& hash) {
  const auto file = data_dir / kInitialPassword;
  const auto text = read_file(file, 256);
  if (!text) {
    if (text.error().code == ErrorCode::kNotFound) return;
    return log_warning("gateway.initial_password", text.error().message + "; delete it once its password was changed");
  }
  if (config::verify_secret(hash, trim(*text))) return;
  std::error_code failed;
  if (std::filesystem::remove(file, failed)) {
    return log_info("gateway.initial_password", "the initial password was changed; its file is removed",
                    {{"file", file.native()}});
  }
  if (failed) {
    log_warning("gateway.initial_password",
                "the initial password was changed, but its file can't be removed (" + failed.message() +
                    "); delete it yourself",
                {{"file", file.native()}});
  }
}

}  // namespace postern::gateway
