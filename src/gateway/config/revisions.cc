#include "gateway/config/revisions.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include <fmt/format.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "gateway/config/headed_text.h"
#include "gateway/config/text.h"

namespace postern::gateway::config {
namespace {

constexpr std::string_view kTitle = "Revision of the configuration of a Postern gateway";
constexpr std::string_view kSuffix = ".conf", kStaged = ".staged";

std::string print_revision(const Revision& r, const std::string& text) {
  return print_headed({std::string(kTitle),
                       {{"id", std::to_string(r.id)},
                        {"time", std::to_string(to_unix_ms(r.time))},
                        {"who", r.author.name},
                        {"by", r.author.by},
                        {"changed", r.summary},
                        {"comment", r.author.comment}},
                       text});
}

Result<HeadedText> read_revision(const std::filesystem::path& path, Revision& r) {
  const auto bytes = read_file(path, kMaxConfigText + kMaxHeader);
  if (!bytes) return fail(bytes.error());
  r.bytes = bytes->size();
  auto headed = read_headed(*bytes, kTitle);
  if (!headed) return headed;
  const auto id = parse_u64(headed->field("id"));
  const auto time = parse_u64(headed->field("time"));
  if (!id || *id != r.id || !time || *time > static_cast<std::uint64_t>(INT64_MAX)) {
    return fail(ErrorCode::kDataLoss, "its header is not one of this revision");
  }
  r.time = from_unix_ms(static_cast<std::int64_t>(*time));
  r.author = {std::string(headed->field("who")), std::string(headed->field("by")), std::string(headed->field("comment"))};
  r.summary = headed->field("changed");
  return headed;
}

}  // namespace

Revisions::Revisions(std::filesystem::path directory, const Limits& limits)
    : directory_(std::move(directory)), limits_(limits) {
  std::error_code ec;
  std::filesystem::directory_iterator it(directory_, ec), end;
  if (ec) {
    if (ec != std::errc::no_such_file_or_directory) {
      log_warning("config.history", fmt::format("the configuration's history in {} can't be read: {}", directory_.native(),
                                                ec.message()));
    }
    return;
  }
  for (; it != end; it.increment(ec)) {
    load(it->path());
    if (ec) break;
  }
}

void Revisions::load(const std::filesystem::path& path) {
  const std::string name = path.filename().native();
  if (name.find(".tmp.") != name.npos) {  // of a gateway that was killed
    ::unlink(path.c_str());
    return;
  }
  const auto number = [&](std::string_view suffix) -> std::uint64_t {
    if (!name.ends_with(suffix)) return 0;
    return parse_u64(std::string_view(name).substr(0, name.size() - suffix.size())).value_or(0);
  };
  if (const auto id = number(kSuffix); id != 0 && file(id) == path) read(id);
  if (const auto id = number(kStaged); id != 0 && staged_file(id) == path) staged_[id].id = id;
}

void Revisions::read(std::uint64_t id) {
  Revision r;
  r.id = id;
  if (const auto done = read_revision(file(id), r); !done) {
    r.damage = done.error().message;
    log_warning("config.history",
                fmt::format("revision {} of the configuration can't be used: {} ({})", id, r.damage, file(id).native()));
  }
  all_[id] = std::move(r);
}

std::filesystem::path Revisions::staged_file(std::uint64_t id) const {
  return directory_ / fmt::format("{:010}{}", id, kStaged);
}

std::filesystem::path Revisions::file(std::uint64_t id) const {
  return directory_ / fmt::format("{:010}{}", id, kSuffix);
}

const Revision* Revisions::find(std::uint64_t id) const {
  const auto it = all_.find(id);
  return it == all_.end() ? nullptr : &it->second;
}

Status Revisions::stage(Revision revision, const std::string& text) {
  revision.summary = one_line(std::move(revision.summary));
  revision.author.comment = one_line(revision.author.comment.substr(0, kMaxComment));
  const std::string bytes = print_revision(revision, text);
  revision.bytes = bytes.size();
  if (directory_.empty()) {
    texts_[revision.id] = text;
  } else {
    if (::mkdir(directory_.c_str(), 0700) != 0 && errno != EEXIST) {
      return fail(errno_error(errno, "creating directory", directory_));
    }
    if (auto written = write_file_atomic(staged_file(revision.id), bytes); !written) return written;
  }
  staged_[revision.id] = std::move(revision);
  return {};
}

void Revisions::confirm(std::uint64_t id) {
  const auto it = staged_.find(id);
  if (it == staged_.end()) return;
  if (!directory_.empty() && ::rename(staged_file(id).c_str(), file(id).c_str()) != 0) {
    log_warning("config.history", errno_error(errno, "renaming", staged_file(id)).message);
    return;
  }
  all_[id] = std::move(it->second);
  staged_.erase(it);
}

void Revisions::discard(std::uint64_t id) {
  if (staged_.erase(id) == 0) return;
  texts_.erase(id);
  if (!directory_.empty() && ::unlink(staged_file(id).c_str()) != 0 && errno != ENOENT) {
    log_warning("config.history", errno_error(errno, "removing", staged_file(id)).message);
  }
}

void Revisions::settle(std::uint64_t named) {
  while (!staged_.empty()) {
    const auto id = staged_.begin()->first;
    if (id <= named) {
      confirm(id);
      if (staged_.erase(id) == 0) read(id);
    } else {
      discard(id);
    }
  }
}

Result<std::string> Revisions::text(std::uint64_t id) const {
  const auto* known = find(id);
  if (known == nullptr) return fail(ErrorCode::kNotFound, fmt::format("there is no revision {}", id));
  if (directory_.empty()) return texts_.at(id);
  Revision again;
  again.id = id;
  auto headed = read_revision(file(id), again);
  if (headed) return std::move(headed->text);
  return fail(ErrorCode::kDataLoss, fmt::format("revision {} can't be used: {}; execute revision delete config {} takes "
                                                "it away", id, headed.error().message, id));
}

Status Revisions::comment(std::uint64_t id, std::string_view comment) {
  if (comment.size() > kMaxComment) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("comment: has {} bytes; allowed: up to {}", comment.size(), kMaxComment));
  }
  const auto kept = text(id);
  if (!kept) return fail(kept.error());
  Revision changed = *find(id);
  changed.author.comment = comment;
  if (auto staged = stage(std::move(changed), *kept); !staged) return staged;
  confirm(id);
  return {};
}

Status Revisions::remove(std::uint64_t id) {
  const auto it = all_.find(id);
  if (it == all_.end()) return fail(ErrorCode::kNotFound, fmt::format("there is no revision {}", id));
  if (!directory_.empty() && ::unlink(file(id).c_str()) != 0 && errno != ENOENT) {
    return fail(errno_error(errno, "removing", file(id)));
  }
  texts_.erase(id);
  all_.erase(it);
  return {};
}

void Revisions::prune(std::uint64_t keep) {
  std::uint64_t bytes = 0;
  for (const auto& [id, revision] : all_) bytes += revision.bytes;
  while (all_.size() > limits_.count || bytes > limits_.bytes) {
    const auto& oldest = all_.begin()->second;
    if (oldest.id == keep) return;
    const auto gone = oldest.bytes;
    if (auto removed = remove(oldest.id); !removed) {
      log_warning("config.history", removed.error().message);
      return;
    }
    bytes -= gone;
  }
}

namespace {

/// "1, 3 to 23": each may have been deleted. The last ones where there are many gaps.
std::string kept_text(const std::map<std::uint64_t, Revision>& all) {
  constexpr std::size_t kRuns = 4;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> runs;
  for (const auto& [id, revision] : all) {
    if (!runs.empty() && runs.back().second + 1 == id) {
      runs.back().second = id;
    } else {
      runs.emplace_back(id, id);
    }
  }
  std::vector<std::string> out;
  if (runs.size() > kRuns) out.push_back("…");
  for (std::size_t i = runs.size() - std::min(runs.size(), kRuns); i < runs.size(); ++i) {
    const auto [first, last] = runs[i];
    out.push_back(first == last ? std::to_string(first) : fmt::format("{} to {}", first, last));
  }
  return join(out, ", ");
}

}  // namespace

Result<std::uint64_t> revision_argument(const Revisions& revisions, std::string_view text) {
  const auto& all = revisions.all();
  const std::string kept = all.empty() ? "none is kept yet"
                                       : fmt::format("kept: {}; execute revision list config shows them", kept_text(all));
  const auto id = parse_u64(text);
  if (!id) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("\"{}\" is not the number of a revision ({})", one_line(text.substr(0, 80)), kept));
  }
  if (revisions.find(*id) == nullptr)
    return fail(ErrorCode::kNotFound, fmt::format("there is no revision {} ({})", *id, kept));
  return *id;
}

}  // namespace postern::gateway::config
