#include "vuln/feed_kind.h"

#include <algorithm>
#include <string>

#include "base/text.h"
#include "vuln/feed_bytes.h"

namespace postern::vuln {
namespace {

void skip_space(std::string_view& text) {
  while (!text.empty() && (text[0] == ' ' || text[0] == '\t' || text[0] == '\r' || text[0] == '\n'))
    text.remove_prefix(1);
}

bool take(std::string_view& text, char c) {
  skip_space(text);
  if (text.empty() || text[0] != c) return false;
  text.remove_prefix(1);
  return true;
}

/// A JSON string as it is written; false when there is none, or it does not end here.
bool take_string(std::string_view& text, std::string_view& out) {
  if (!take(text, '"')) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      out = text.substr(0, i);
      text.remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

/// Past a value that is neither object nor array.
bool skip_scalar(std::string_view& text) {
  skip_space(text);
  std::string_view ignored;
  if (!text.empty() && text[0] == '"') return take_string(text, ignored);
  const auto end = text.find_first_of(",}] \t\r\n");
  if (end == text.npos) return false;
  text.remove_prefix(end);
  return true;
}

FeedKind kind_of_object(std::string_view text) {
  if (!take(text, '{')) return FeedKind::kOsv;
  for (;;) {
    std::string_view key;
    if (!take_string(text, key) || !take(text, ':')) return FeedKind::kOsv;
    // Debian's tracker: {"source": {"CVE-…": {…
    if (take(text, '{')) {
      std::string_view id;
      const bool tracker = take_string(text, id) && (id.starts_with("CVE-") || id.starts_with("TEMP-"));
      return tracker ? FeedKind::kDebianTracker : FeedKind::kOsv;
    }
    if (key == "catalogVersion" || key == "vulnerabilities") return FeedKind::kKev;
    skip_space(text);
    if (text.starts_with("[") || !skip_scalar(text) || !take(text, ',')) return FeedKind::kOsv;
  }
}

FeedKind kind_of(std::string_view text) {
  skip_space(text);
  if (text.starts_with("#model_version:") || text.starts_with("cve,epss")) return FeedKind::kEpss;
  return kind_of_object(text);
}

}  // namespace

std::string_view feed_kind_name(FeedKind kind) {
  switch (kind) {
    case FeedKind::kDebianTracker:
      return "debian-tracker";
    case FeedKind::kKev:
      return "kev";
    case FeedKind::kEpss:
      return "epss";
    case FeedKind::kOsv:
      break;
  }
  return "osv";
}

std::optional<FeedKind> parse_feed_kind(std::string_view name) {
  for (const auto kind : {FeedKind::kOsv, FeedKind::kDebianTracker, FeedKind::kKev, FeedKind::kEpss}) {
    if (feed_kind_name(kind) == name) return kind;
  }
  return std::nullopt;
}

Result<FeedKind> tell_feed_kind(std::string_view bytes) {
  if (is_zip(bytes)) return FeedKind::kOsv;
  const auto beginning = first_bytes(bytes, kFeedBeginning);
  if (!beginning) return fail(beginning.error());
  return kind_of(*beginning);
}

Status may_be_feed(std::string_view beginning) {
  if (is_zip(beginning)) return {};
  const auto text = first_bytes(beginning, kFeedBeginning);
  if (!text) return fail(text.error());
  if (kind_of(*text) == FeedKind::kEpss) return {};
  // All others are JSON, of which single records may be broken.
  if (text->find('{') != text->npos && text->find('\0') == text->npos) return {};
  return fail(ErrorCode::kInvalidArgument,
              "it begins as no feed does: it is neither JSON nor EPSS's table, plain, gzipped or in a zip");
}

}  // namespace postern::vuln
