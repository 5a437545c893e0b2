#include "ems/feeds/store.h"

#include <algorithm>
#include <set>
#include <system_error>

#include "base/file.h"
#include "base/hex.h"
#include "base/sha256.h"
#include "vuln/osv.h"

namespace postern::ems {
namespace {

std::string stem_of(std::string_view name) { return to_hex_lower(sha256(name)).substr(0, 32); }

}  // namespace

std::filesystem::path feed_file(const std::filesystem::path& directory, std::string_view name) {
  return directory / (stem_of(name) + ".feed");
}

std::filesystem::path feed_part_file(const std::filesystem::path& directory, std::string_view name) {
  return directory / (stem_of(name) + ".part");
}

Result<TakenFeed> take_feed(std::string_view name, const std::filesystem::path& source,
                            const std::filesystem::path& target) {
  const auto bytes = read_file(source, kMaxFeedFile);
  if (!bytes) return fail(bytes.error());
  TakenFeed out{false, bytes->size()};
  std::error_code ec;
  if (std::filesystem::file_size(target, ec) == bytes->size() && !ec) {
    if (const auto before = read_file(target, kMaxFeedFile); before && *before == *bytes) return out;
  }
  vuln::FeedOptions options;
  options.skip_invalid = true;
  vuln::FeedReader reader(options);
  if (const auto report = reader.add(name, *bytes); !report) return fail(report.error());
  if (auto ok = write_file_atomic(target, *bytes, 0600); !ok) return fail(ok.error());
  out.changed = true;
  return out;
}

Result<std::vector<std::string>> feeds_given(const std::filesystem::path& path) {
  std::error_code ec;
  auto whole = std::filesystem::absolute(path, ec).lexically_normal();
  if (ec) whole = path;
  if (!std::filesystem::is_directory(whole, ec)) return std::vector<std::string>{whole.string()};
  std::vector<std::string> out;
  auto it = std::filesystem::directory_iterator(whole, ec);
  for (; !ec && it != std::filesystem::directory_iterator(); it.increment(ec)) {
    std::error_code ignored;
    if (it->path().filename().native().starts_with('.') || !it->is_regular_file(ignored)) continue;
    out.push_back(it->path().string());
  }
  if (ec) return fail(ErrorCode::kUnavailable, "reading the directory " + whole.string() + ": " + ec.message());
  std::ranges::sort(out);
  return out;
}

void drop_other_feed_files(const std::filesystem::path& directory, const std::vector<std::string>& names) {
  std::set<std::string> kept;
  for (const auto& name : names) kept.insert(feed_file(directory, name).filename().string());
  std::error_code ec;
  std::vector<std::filesystem::path> others;
  for (auto it = std::filesystem::directory_iterator(directory, ec); !ec && it != std::filesystem::directory_iterator();
       it.increment(ec)) {
    const auto name = it->path().filename().string();
    if ((name.ends_with(".feed") && !kept.contains(name)) || name.ends_with(".part")) others.push_back(it->path());
  }
  for (const auto& path : others) std::filesystem::remove(path, ec);
}

}  // namespace postern::ems
