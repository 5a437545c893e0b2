#include "vuln/osv.h"

#include <zip.h>
#include <zlib.h>

#include <algorithm>
#include <boost/json.hpp>
#include <memory>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "vuln/debian_version.h"

namespace postern::vuln {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxText = 512;

tl::unexpected<Error> bad(std::string why) { return fail(ErrorCode::kInvalidArgument, std::move(why)); }

const json::value* member(const json::object& object, std::string_view name) { return object.if_contains(name); }

std::string text_of(const json::object& object, std::string_view name) {
  const auto* value = member(object, name);
  if (value == nullptr || !value->is_string() || value->get_string().size() > kMaxText) return {};
  return std::string(value->get_string());
}

const json::array* list_of(const json::object& object, std::string_view name) {
  const auto* value = member(object, name);
  return value == nullptr ? nullptr : value->if_array();
}

const json::object* object_of(const json::object& object, std::string_view name) {
  const auto* value = member(object, name);
  return value == nullptr ? nullptr : value->if_object();
}

void collect_cves(const json::object& record, std::vector<std::string>& out) {
  const auto take = [&](std::string_view id) {
    if (id.substr(0, 4) == "CVE-" && std::find(out.begin(), out.end(), id) == out.end()) out.emplace_back(id);
  };
  const auto id = text_of(record, "id");
  take(id);
  for (const char* field : {"upstream", "aliases"}) {
    const auto* list = list_of(record, field);
    if (list == nullptr) continue;
    for (const auto& value : *list) {
      if (value.is_string()) take(std::string_view(value.get_string()));
    }
  }
  if (out.empty() && id.substr(0, 11) == "DEBIAN-CVE-") out.push_back(id.substr(7));
  if (out.empty()) out.push_back(id);
}

Severity cvss_of(const json::object& where) {
  Severity worst = Severity::kUnknown;
  if (const auto* list = list_of(where, "severity")) {
    for (const auto& value : *list) {
      const auto* object = value.if_object();
      if (object == nullptr || text_of(*object, "type") != "CVSS_V3") continue;
      if (const auto score = cvss3_base_score(text_of(*object, "score"))) worst = std::max(worst, severity_of_cvss(*score));
    }
  }
  if (const auto* specific = object_of(where, "database_specific")) {
    const auto* number = member(*specific, "cvss3_base");
    if (number != nullptr && number->is_number()) worst = std::max(worst, severity_of_cvss(number->to_number<double>()));
  }
  return worst;
}

bool kev_of(const json::object& where) {
  const auto* specific = object_of(where, "database_specific");
  const auto* kev = specific == nullptr ? nullptr : member(*specific, "kev");
  return kev != nullptr && kev->is_bool() && kev->get_bool();
}

Status read_ranges(const json::object& affected, Advisory& advisory) {
  if (const auto* ranges = list_of(affected, "ranges")) {
    for (const auto& range : *ranges) {
      const auto* object = range.if_object();
      if (object == nullptr) return bad("a range is no object");
      if (text_of(*object, "type") != "ECOSYSTEM") continue;
      const auto* events = list_of(*object, "events");
      if (events == nullptr) return bad("a range has no events");
      AffectedInterval open;
      bool is_open = false;
      for (const auto& event : *events) {
        const auto* e = event.if_object();
        if (e == nullptr) return bad("an event is no object");
        const auto introduced = text_of(*e, "introduced"), fixed = text_of(*e, "fixed"), last = text_of(*e, "last_affected");
        for (const auto* version : {&introduced, &fixed, &last}) {
          if (!version->empty() && *version != "0" && !valid_debian_version(*version)) {
            return bad("\"" + *version + "\" is no Debian version");
          }
        }
        if (!introduced.empty()) {
          if (is_open) advisory.intervals.push_back(open);
          open = {introduced == "0" ? std::string() : introduced, {}, {}};
          is_open = true;
        } else if (!fixed.empty() || !last.empty()) {
          if (!is_open) open = {};
          // "fixed in 0" is OSV's way to say that no version was ever affected.
          if (fixed != "0") advisory.intervals.push_back({open.introduced, fixed, last});
          is_open = false;
        }
      }
      if (is_open) advisory.intervals.push_back(open);
    }
  }
  if (const auto* versions = list_of(affected, "versions")) {
    for (const auto& version : *versions) {
      if (!version.is_string() || version.get_string().size() > kMaxVersionLength) return bad("a version is no text");
      advisory.versions.emplace_back(version.get_string());
    }
  }
  return {};
}

Result<std::string> gunzip(std::string_view bytes, std::uint64_t limit) {
  z_stream stream{};
  if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) return fail(ErrorCode::kInternal, "zlib cannot be used");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::string out;
  std::vector<char> buffer(1 << 18);
  int rc = Z_OK;
  while (rc == Z_OK) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    rc = inflate(&stream, Z_NO_FLUSH);
    const auto got = buffer.size() - stream.avail_out;
    if (out.size() + got > limit) {
      inflateEnd(&stream);
      return fail(ErrorCode::kResourceExhausted, fmt::format("grows past {} bytes", limit));
    }
    out.append(buffer.data(), got);
    if (rc == Z_STREAM_END && stream.avail_in > 0) rc = inflateReset(&stream);  // gzip members may follow one another
    if (rc == Z_OK && got == 0 && stream.avail_in == 0) break;
  }
  inflateEnd(&stream);
  if (rc != Z_STREAM_END) return fail(ErrorCode::kDataLoss, "the gzip file is damaged or cut short");
  return out;
}

}  // namespace

Status parse_osv_record(std::string_view text, const FeedLimits& limits, std::vector<AdvisorySet::Entry>& out,
                        FeedReport& report) {
  if (text.size() > limits.record_bytes) return fail(ErrorCode::kResourceExhausted, "the record is too large");
  json::parse_options options;
  options.max_depth = limits.json_depth;
  boost::system::error_code ec;
  const auto value = json::parse(text, ec, {}, options);
  if (ec) return bad("not valid JSON: " + ec.message());
  const auto* record = value.if_object();
  if (record == nullptr) return bad("the record is no object");
  const auto id = text_of(*record, "id");
  if (id.empty()) return bad("the record has no id");
  if (member(*record, "withdrawn") != nullptr) {
    ++report.withdrawn;
    return {};
  }
  std::vector<std::string> cves;
  collect_cves(*record, cves);
  std::vector<AdvisorySet::Entry> entries;
  std::size_t foreign = 0;
  const auto* affected = list_of(*record, "affected");
  if (affected != nullptr && affected->size() > limits.affected_per_record) {
    return fail(ErrorCode::kResourceExhausted, id + ": too many affected packages");
  }
  for (std::size_t i = 0; affected != nullptr && i < affected->size(); ++i) {
    const auto* object = (*affected)[i].if_object();
    const auto* package = object == nullptr ? nullptr : object_of(*object, "package");
    if (package == nullptr) return bad(id + ": an affected entry names no package");
    const auto ecosystem = text_of(*package, "ecosystem"), name = text_of(*package, "name");
    if (ecosystem.empty() || name.empty()) return bad(id + ": an affected entry names no package");
    if (ecosystem.substr(0, 7) != "Debian:") {
      ++foreign;
      continue;
    }
    Advisory advisory;
    if (auto read = read_ranges(*object, advisory); !read) return fail(read.error().context(id));
    for (const char* field : {"ecosystem_specific", "database_specific"}) {
      if (const auto* specific = object_of(*object, field)) {
        advisory.vendor = std::max(advisory.vendor, severity_of_urgency(text_of(*specific, "urgency")));
      }
    }
    advisory.cvss = std::max(cvss_of(*record), cvss_of(*object));
    advisory.kev = kev_of(*record) || kev_of(*object);
    for (const auto& cve : cves) {
      advisory.cve = cve;
      entries.push_back({ecosystem, name, advisory, cves.size() == 1});
    }
  }
  report.foreign += foreign;
  report.advisories += entries.size();
  out.insert(out.end(), std::make_move_iterator(entries.begin()), std::make_move_iterator(entries.end()));
  return {};
}

FeedReader::FeedReader(FeedOptions options) : options_(std::move(options)) {}

Result<FeedReport> FeedReader::add(std::string_view name, std::string_view bytes) {
  FeedReport report;
  std::vector<AdvisorySet::Entry> entries;
  const auto record = [&](std::string_view text, const std::string& where) -> Status {
    if (++report.records > options_.limits.records) return fail(ErrorCode::kResourceExhausted, fmt::format("{}: too many records", name));
    auto parsed = parse_osv_record(text, options_.limits, entries, report);
    if (parsed) return {};
    if (!options_.skip_invalid || parsed.error().code != ErrorCode::kInvalidArgument) {
      return fail(parsed.error().context(fmt::format("{}, {}", name, where)));
    }
    ++report.invalid;
    if (report.invalid_examples.size() < 5) report.invalid_examples.push_back(where + ": " + parsed.error().message);
    return {};
  };
  const auto lines = [&](std::string_view text) -> Status {
    std::size_t number = 0;
    while (!text.empty()) {
      const auto end = text.find('\n');
      const auto line = trim(text.substr(0, end));
      ++number;
      if (!line.empty()) {
        if (auto taken = record(line, fmt::format("line {}", number)); !taken) return taken;
      }
      if (end == text.npos) break;
      text.remove_prefix(end + 1);
    }
    return {};
  };
  Status done;
  if (bytes.substr(0, 2) == "\x1f\x8b") {
    auto text = gunzip(bytes, options_.limits.total_bytes);
    if (!text) return fail(text.error().context(name));
    done = lines(*text);
  } else if (bytes.substr(0, 2) == "PK") {
    zip_error_t error;
    zip_source_t* source = zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error);
    zip_t* zip = source == nullptr ? nullptr : zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error);
    if (zip == nullptr) {
      if (source != nullptr) zip_source_free(source);
      return fail(ErrorCode::kDataLoss, fmt::format("{}: the zip file is damaged or cut short", name));
    }
    const std::shared_ptr<zip_t> closer(zip, zip_discard);
    std::uint64_t total = 0;
    for (zip_int64_t i = 0; i < zip_get_num_entries(zip, 0) && done; ++i) {
      zip_stat_t st;
      if (zip_stat_index(zip, static_cast<zip_uint64_t>(i), 0, &st) != 0) {
        done = fail(ErrorCode::kDataLoss, fmt::format("{}: entry {} cannot be read", name, i));
        break;
      }
      const std::string entry = st.name;
      if (entry.empty() || entry.back() == '/') continue;
      total += st.size;
      if (st.size > options_.limits.record_bytes || total > options_.limits.total_bytes) {
        done = fail(ErrorCode::kResourceExhausted, fmt::format("{}: {} is too large", name, entry));
        break;
      }
      zip_file_t* file = zip_fopen_index(zip, static_cast<zip_uint64_t>(i), 0);
      std::string text(st.size, '\0');
      const bool good = file != nullptr && zip_fread(file, text.data(), st.size) == static_cast<zip_int64_t>(st.size);
      const bool whole = file != nullptr && zip_fclose(file) == 0;
      if (!good || !whole) {
        done = fail(st.encryption_method != 0 ? ErrorCode::kUnsupported : ErrorCode::kDataLoss,
                    fmt::format("{}: {} cannot be read", name, entry));
        break;
      }
      done = record(text, entry);
    }
  } else {
    if (bytes.size() > options_.limits.total_bytes) return fail(ErrorCode::kResourceExhausted, fmt::format("{} is too large", name));
    done = lines(bytes);
  }
  if (!done) return fail(done.error());
  entries_.insert(entries_.end(), std::make_move_iterator(entries.begin()), std::make_move_iterator(entries.end()));
  return report;
}

AdvisorySet FeedReader::finish() && { return AdvisorySet::build(std::move(entries_)); }

}  // namespace postern::vuln
