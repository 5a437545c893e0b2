#include "vuln/osv.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <iterator>
#include <unordered_set>
#include <utility>

#include "base/text.h"
#include "vuln/debian_tracker.h"
#include "vuln/feed_bytes.h"
#include "vuln/json_pieces.h"
#include "vuln/kev.h"
#include "vuln/record_text.h"

namespace postern::vuln {
namespace {

constexpr std::size_t kExamples = 5;
constexpr std::size_t kOneInMayBeLeftOut = 100;
constexpr std::string_view kEpssHeader = "cve,epss,percentile";

std::string_view without_any(FeedKind kind) {
  switch (kind) {
    case FeedKind::kDebianTracker:
      return "it holds no vulnerability; Debian's tracker is one JSON object of source packages";
    case FeedKind::kKev:
      return "it holds no vulnerability; CISA's catalogue has them under \"vulnerabilities\"";
    case FeedKind::kEpss:
      return "it holds no score; EPSS is a table of cve,epss,percentile";
    case FeedKind::kOsv:
      break;
  }
  return "it holds no OSV record; a feed is one JSON record a line, gzipped or not, or a zip of .json files (Debian's "
         "tracker, CISA's KEV and FIRST's EPSS are known too)";
}

/// Text of a member that is one; empty otherwise.
std::string_view as_plain_text(const boost::json::value& value) {
  const auto* text = value.if_string();
  return text == nullptr ? std::string_view() : std::string_view(text->data(), text->size());
}

}  // namespace

/// What one feed gives, until all of it has been read.
struct FeedReader::Taken {
  std::vector<AdvisorySet::Entry> entries;
  CveNotes exploited;
  std::vector<EpssEntry> epss;
};

FeedReader::FeedReader(FeedOptions options) : options_(options) {}

Status FeedReader::read(std::string_view bytes, Taken& taken, FeedReport& report) const {
  const auto& limits = options_.limits;
  const auto nothing_in_it = [&](const std::string& example) {
    report.invalid_examples.assign(1, example);
    return this->nothing_in_it(report);
  };
  // Each record ends here: counted, left out, or the end of the feed.
  const auto done = [&](const std::string& where, const Status& status) -> Status {
    if (!status) {
      const auto error = status.error().context(where);
      if (!options_.skip_invalid || error.code != ErrorCode::kInvalidArgument) return fail(error);
      ++report.invalid;
      if (report.invalid_examples.size() < kExamples) report.invalid_examples.push_back(error.message);
    }
    if (report.records + report.invalid > limits.records) {
      return fail(ErrorCode::kResourceExhausted, fmt::format("it holds more than {} records", limits.records));
    }
    if (entries_.size() + taken.entries.size() > limits.rows) {
      return fail(ErrorCode::kResourceExhausted, fmt::format("the feeds hold more than {} advisories", limits.rows));
    }
    return {};
  };
  // Of what a record names that is left out, nobody knows what is open.
  const auto left_out = [&](std::vector<AdvisorySet::Entry> unread) {
    taken.entries.insert(taken.entries.end(), std::make_move_iterator(unread.begin()), std::make_move_iterator(unread.end()));
  };
  const auto pieces = [&](JsonPieceSink sink) -> Status {
    JsonPieces json({limits.record_bytes, limits.json_depth}, std::move(sink));
    auto s = for_each_chunk(bytes, limits, [&](std::string_view chunk) { return json.feed(chunk); });
    return s ? json.end() : s;
  };
  switch (report.kind) {
    case FeedKind::kOsv: {
      // A line that is no JSON is no record that somebody wrote wrongly, but damage to the file. The last one that ends too
      // early is the end of a file that was cut off. A zip's directory stands at its end: one that opens is whole.
      const bool can_be_cut = !is_zip(bytes);
      std::string early;  // where
      const auto s = for_each_record(bytes, limits, [&](std::string_view where, std::string_view text) -> Status {
        if (!early.empty()) return fail(Error{ErrorCode::kDataLoss, std::string(kEndsTooEarly)}.context(early));
        auto status = parse_osv_record(trim(text), limits, taken.entries, report);
        if (status || status.error().code != ErrorCode::kDataLoss) {
          if (!status) left_out(unread_osv_record(trim(text), limits));
          return done(std::string(where), status);
        }
        if (!can_be_cut || status.error().message != kEndsTooEarly) {
          const auto why = status.error().context(where);
          return fail(can_be_cut && report.records == 0 ? nothing_in_it(why.message) : why);
        }
        early = where;
        return {};
      });
      return s && !early.empty() ? fail(cut_off(early)) : s;
    }
    case FeedKind::kDebianTracker:
      return pieces([&](const std::string& source, const std::string& id, const boost::json::value& entry) {
        const auto shown = [](const std::string& s, std::size_t most) { return plain_text(s, most) ? s : "?"; };
        const auto status = read_tracker_entry(source, id, entry, taken.entries, report);
        if (!status) left_out(unread_tracker_entry(source, id, entry));
        return done(fmt::format("{} in {}", shown(id, kMaxRecordId), shown(source, kMaxPackageName)), status);
      });
    case FeedKind::kKev: {
      std::int64_t said = -1;
      const auto s = pieces([&](const std::string& key, const std::string& name, const boost::json::value& value) {
        if (key == "dateReleased" && plain_text(as_plain_text(value), 40)) report.data_date = as_plain_text(value);
        if (key == "count" && name.empty() && value.is_int64()) said = value.get_int64();
        if (key != "vulnerabilities") return Status();
        auto entry = read_kev_entry(value);
        if (!entry) return done(fmt::format("entry {}", name), fail(entry.error()));
        ++report.records;
        auto& note = taken.exploited[entry->cve];
        note.kev = true;
        note.kev_added = std::move(entry->added);
        note.kev_due = std::move(entry->due);
        note.kev_ransomware = entry->ransomware;
        return done({}, {});
      });
      const auto there = static_cast<std::int64_t>(report.records + report.invalid);
      if (s && said >= 0 && said != there) {
        return fail(ErrorCode::kDataLoss,
                    fmt::format("it says that it holds {} vulnerabilities and holds {}: fetch the file again", said, there));
      }
      report.marks = taken.exploited.size();
      return s;
    }
    case FeedKind::kEpss: {
      bool header = false;
      auto s = for_each_line(bytes, limits, [&](std::string_view where, std::string_view line) -> Status {
        line = trim(line);
        if (!header && line.starts_with('#')) {
          report.data_date = epss_date(line);
          return {};
        }
        if (!header) {
          header = line == kEpssHeader;
          if (header) return {};
          return fail(ErrorCode::kInvalidArgument,
                      fmt::format("{}: the table does not begin with {}", where, kEpssHeader));
        }
        auto entry = read_epss_line(line);
        if (!entry) return done(std::string(where), fail(entry.error()));
        ++report.records;
        taken.epss.push_back(std::move(*entry));
        return done({}, {});
      }, LastLine::kWithNewline);
      report.marks = taken.epss.size();
      return s;
    }
  }
  return {};
}

Error FeedReader::nothing_in_it(const FeedReport& report) const {
  // What is of none of the kinds reads as OSV.
  const auto kind = report.kind == FeedKind::kOsv ? options_.was.value_or(report.kind) : report.kind;
  Error error{ErrorCode::kInvalidArgument, std::string(without_any(kind))};
  if (!report.invalid_examples.empty()) error.message += fmt::format(" ({})", report.invalid_examples.front());
  return error;
}

Result<FeedReport> FeedReader::add(std::string_view name, std::string_view bytes) {
  const auto context = fmt::format("feed {}", name);
  FeedReport report;
  const auto kind = tell_feed_kind(bytes);
  if (!kind) return fail(kind.error().context(context));
  report.kind = *kind;
  Taken taken;
  if (auto s = read(bytes, taken, report); !s) return fail(s.error().context(context));
  // A file that became empty on its way must not read as "nothing is vulnerable".
  if (report.records == 0) {
    const auto beginning = first_bytes(bytes, kFeedBeginning);
    if (beginning && !is_zip(bytes) && trim(*beginning).empty()) {
      return fail(ErrorCode::kInvalidArgument, context + ": the file is empty; give the whole file");
    }
    return fail(nothing_in_it(report).context(context));
  }
  // Nor one of which another form than is known here leaves nearly nothing.
  const auto all = report.records + report.invalid;
  if (report.invalid > all / kOneInMayBeLeftOut) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}: {} of its {} records can't be understood, and more than one in {} are not left out; the first is {}",
                            context, report.invalid, all, kOneInMayBeLeftOut, report.invalid_examples.front()));
  }
  entries_.insert(entries_.end(), std::make_move_iterator(taken.entries.begin()),
                  std::make_move_iterator(taken.entries.end()));
  for (auto& [cve, note] : taken.exploited) exploited_.insert_or_assign(cve, std::move(note));
  epss_.insert(epss_.end(), std::make_move_iterator(taken.epss.begin()), std::make_move_iterator(taken.epss.end()));
  return report;
}

AdvisorySet FeedReader::finish() && {
  // EPSS names every vulnerability there is: only those that advisories name are worth a note.
  if (!epss_.empty()) {
    std::unordered_set<std::string_view> named;
    for (const auto& e : entries_) named.insert(e.advisory.cve);
    for (auto& row : epss_) {
      if (!named.contains(row.cve)) continue;
      auto& note = exploited_[row.cve];
      note.epss = row.epss;
      note.epss_percentile = row.percentile;
    }
  }
  return AdvisorySet::build(std::move(entries_), std::move(exploited_));
}

}  // namespace postern::vuln
