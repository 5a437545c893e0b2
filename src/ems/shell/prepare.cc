#include "ems/shell/prepare.h"

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "ems/api/password.h"
#include "ems/bootstrap/bootstrap.h"
#include "ems/store/sqlite_store.h"

namespace postern::ems {

std::string new_password(Random& random) {
  std::string out;
  for (int group = 0; group < 4; ++group) {
    if (group != 0) out += '-';
    out += random.readable(5);
  }
  return out;
}

void drop_initial_password(const std::filesystem::path& file, const std::string& hash) {
  constexpr std::size_t kMax = 4096;
  const auto text = read_file(file, kMax);
  if (!text) {
    if (text.error().code == ErrorCode::kNotFound) return;
    return log_warning("ems.initial_password", text.error().message + "; delete it once its password was changed");
  }
  if (verify_password(hash, std::string(trim(*text)))) return;
  std::error_code ec;
  if (std::filesystem::remove(file, ec)) {
    return log_info("ems.initial_password", "the initial password was changed; its file is removed",
                    {{"file", file.string()}});
  }
  if (ec) {
    log_warning(
        "ems.initial_password",
        "the initial password was changed, but its file can't be removed (" + ec.message() + "); delete it yourself",
        {{"file", file.string()}});
  }
}

Result<std::unique_ptr<Store>> prepare_store(const std::filesystem::path& data_dir, Random& random, Now now,
                                             const std::vector<std::string>& server_names,
                                             bool keep_initial_password) {
  if (auto ok = make_directories(data_dir, 0700); !ok) return fail(ok.error());
  auto store = open_sqlite_store(data_dir / "ems.db", random);
  if (!store) return fail(store.error());
  const auto blank = store_is_blank(**store);
  if (!blank) return fail(blank.error());
  if (*blank) {
    BootstrapOptions options;
    options.server_names = server_names;
    const auto password = new_password(random);
    auto hash = hash_password(password);
    if (!hash) return fail(hash.error());
    options.password_hash = std::move(*hash);
    options.must_change_password = !keep_initial_password;
    // First, so that no EMS can exist whose password nobody knows.
    const auto file = data_dir / kInitialPasswordFile;
    if (auto ok = write_file_atomic(file, password + "\n", 0600); !ok) return fail(ok.error());
    if (auto ok = bootstrap(**store, random, now, options); !ok) return fail(ok.error());
    log_info("ems.created",
             keep_initial_password
                 ? "a new EMS was made; sign in as admin with the password in this file"
                 : "a new EMS was made; sign in as admin with the password in this file, and change it then",
             {{"file", file.string()}});
  }
  return store;
}

}  // namespace postern::ems
