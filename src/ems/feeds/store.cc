#include "ems/feeds/store.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "base/hex.h"
#include "base/sha256.h"
#include "ems/feeds/copy.h"
#include "ems/feeds/mapped_file.h"
#include "ems/feeds/pieces.h"
#include "vuln/feed_kind.h"
#include "vuln/osv.h"

namespace postern::ems {
namespace {

constexpr std::string_view kCandidate = ".new";  // behind the copy's name: what is to take its place

std::string stem_of(std::string_view name) { return to_hex_lower(sha256(name)).substr(0, 32); }

}  // namespace

std::filesystem::path feed_file(const std::filesystem::path& directory, std::string_view name) {
  return directory / (stem_of(name) + ".feed");
}

std::filesystem::path feed_part_file(const std::filesystem::path& directory, std::string_view name) {
  return directory / (stem_of(name) + ".part");
}

Result<TakenFeed> take_feed(std::string_view name, const std::filesystem::path& source,
                            const std::filesystem::path& target, std::string_view kind, bool ours,
                            std::string_view sha256) {
  const auto context = fmt::format("feed {}", name);
  {
    // What is far too long for its content is refused before it is read or takes room on the disk.
    Pieces pieces(source, vuln::kFeedBeginning);
    const auto beginning = pieces.next();
    if (!beginning) return fail(beginning.error());
    const bool may_be_long = *pieces.size() > vuln::kFeedBeginning;
    if (auto may = vuln::may_be_feed(*beginning); may_be_long && !may) return fail(may.error().context(context));
    if (*pieces.size() > kMaxFeedFile) {
      return fail(ErrorCode::kResourceExhausted,
                  fmt::format("{}: the file has {} bytes; a feed has at most {} (1 GiB)", context, *pieces.size(), kMaxFeedFile));
    }
    if (same_content(source, target)) {
      const auto copy = MappedFile::open(target, kMaxFeedFile);
      if (!copy) return fail(copy.error());
      auto digest = copy_digest(copy->bytes());
      if (sha256.empty() || digest == sha256) return TakenFeed{false, *pieces.size(), std::move(digest)};
    }
  }
  // Read where nobody else can make it shorter, and page by page: it may be larger than the memory.
  auto candidate = source;
  if (!ours) {
    candidate = target.native() + std::string(kCandidate);
    if (auto ok = copy_pieces(source, candidate, kMaxFeedFile); !ok) return fail(ok.error());
  }
  const auto taken = [&]() -> Result<TakenFeed> {
    const auto file = MappedFile::open(candidate, kMaxFeedFile);
    if (!file) return fail(file.error());
    vuln::FeedOptions options;
    options.skip_invalid = true;
    options.was = vuln::parse_feed_kind(kind);
    vuln::FeedReader reader(options);
    const auto report = reader.add(name, file->bytes());
    if (!report) return fail(report.error());
    if (const auto is = vuln::feed_kind_name(report->kind); !kind.empty() && is != kind) {
      return fail(ErrorCode::kConflict,
                  fmt::format("{}: it was {}, and is {} now: give the feed's own file, or delete the feed and add it anew",
                              context, kind, is));
    }
    if (auto ok = make_durable(candidate); !ok) return fail(ok.error());
    return TakenFeed{true, file->bytes().size(), copy_digest(file->bytes())};
  }();
  const auto replaced = taken ? replace_copy(candidate, target) : Status();
  if (taken && replaced) return taken;
  std::error_code ignored;
  std::filesystem::remove(candidate, ignored);
  return taken ? fail(replaced.error()) : taken;
}

Result<GivenFeeds> feeds_given(const std::filesystem::path& path) {
  std::error_code ec;
  auto whole = std::filesystem::absolute(path, ec).lexically_normal();
  if (ec) whole = path;
  GivenFeeds out;
  if (!std::filesystem::is_directory(whole, ec)) {
    out.files.push_back(whole.string());
    return out;
  }
  auto it = std::filesystem::directory_iterator(whole, ec);
  for (; !ec && it != std::filesystem::directory_iterator(); it.increment(ec)) {
    std::error_code ignored;
    if (it->path().filename().native().starts_with('.')) continue;
    (it->is_regular_file(ignored) ? out.files : out.passed).push_back(it->path().string());
  }
  if (ec) return fail(ErrorCode::kUnavailable, "reading the directory " + whole.string() + ": " + ec.message());
  std::ranges::sort(out.files);
  std::ranges::sort(out.passed);
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
    const auto replaced_by = std::string(copy_that_replaced(name));
    const bool of_none =
        (name.ends_with(".feed") && !kept.contains(name)) || (!replaced_by.empty() && !kept.contains(replaced_by));
    if (of_none || name.ends_with(".part") || name.ends_with(kCandidate)) others.push_back(it->path());
  }
  for (const auto& path : others) std::filesystem::remove(path, ec);
}

}  // namespace postern::ems
