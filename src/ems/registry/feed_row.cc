// Rows of feeds and of accepted risks.
#include <boost/json.hpp>

#include "ems/registry/codec.h"
#include "ems/registry/fields.h"

namespace postern::ems::codec {
namespace {

namespace json = boost::json;

/// Numbers that earlier versions didn't write.
struct Number {
  std::string_view name;
  std::uint64_t Feed::*member;
};
constexpr Number kNumbers[] = {{"advisories", &Feed::advisories},     {"marks", &Feed::marks},
                               {"not_affected", &Feed::not_affected}, {"undetermined", &Feed::undetermined},
                               {"withdrawn", &Feed::withdrawn},       {"foreign", &Feed::foreign},
                               {"cvss4", &Feed::cvss4},               {"left_out", &Feed::left_out},
                               {"bytes", &Feed::bytes}};
struct Text {
  std::string_view name;
  std::string Feed::*member;
};
constexpr Text kTexts[] = {{"url", &Feed::url},
                           {"path", &Feed::path},
                           {"left_out_example", &Feed::left_out_example},
                           {"sha256", &Feed::sha256},
                           {"etag", &Feed::etag},
                           {"last_modified", &Feed::last_modified}};

}  // namespace

std::string feed_row(const Feed& x) {
  json::object o{{"name", x.name},
                 {"kind", x.kind},
                 {"records", x.records},
                 {"data_date", x.data_date},
                 {"loaded_at_ms", to_unix_ms(x.loaded_at)},
                 {"error", x.error},
                 {"given", x.given},
                 {"interval_s", x.interval.count()},
                 {"checked_at_ms", to_unix_ms(x.checked_at)},
                 {"failed_at_ms", to_unix_ms(x.failed_at)}};
  for (const auto& n : kNumbers) o[n.name] = x.*n.member;
  for (const auto& t : kTexts) o[t.name] = x.*t.member;
  return json::serialize(o);
}

Result<Feed> read_feed_row(std::string_view row) {
  Fields f(row);
  Feed x;
  x.name = f.text("name");
  x.kind = f.text("kind");
  x.records = f.unsigned_integer("records");
  x.data_date = f.text("data_date");
  x.loaded_at = f.time("loaded_at_ms");
  x.error = f.text("error");
  // A row of a version that only knew feeds of the command line.
  x.given = !f.has("given") || f.boolean("given");
  if (f.has("interval_s")) x.interval = Seconds(f.integer("interval_s"));
  if (f.has("checked_at_ms")) x.checked_at = f.time("checked_at_ms");
  if (f.has("failed_at_ms")) x.failed_at = f.time("failed_at_ms");
  for (const auto& n : kNumbers) {
    if (f.has(n.name)) x.*n.member = f.unsigned_integer(n.name);
  }
  for (const auto& t : kTexts) {
    if (f.has(t.name)) x.*t.member = f.text(t.name);
  }
  if (auto ok = f.status(); !ok) return fail(ok.error());
  return x;
}

std::string risk_row(const Risk& r) {
  return json::serialize(json::object{{"id", r.id},
                                      {"cve", r.cve},
                                      {"source", r.source},
                                      {"version", r.version},
                                      {"endpoint", r.endpoint},
                                      {"reason", r.reason},
                                      {"accepted_by", r.accepted_by},
                                      {"accepted_at_ms", to_unix_ms(r.accepted_at)},
                                      {"expires_at_ms", to_unix_ms(r.expires_at)},
                                      {"expired", r.expired}});
}

Result<Risk> read_risk_row(std::string_view row) {
  Fields f(row);
  Risk r;
  r.id = f.text("id");
  r.cve = f.text("cve");
  r.source = f.text("source");
  r.version = f.text("version");
  r.endpoint = f.text("endpoint");
  r.reason = f.text("reason");
  r.accepted_by = f.text("accepted_by");
  r.accepted_at = f.time("accepted_at_ms");
  r.expires_at = f.time("expires_at_ms");
  r.expired = f.boolean("expired");
  if (auto ok = f.status(); !ok) return fail(ok.error());
  return r;
}

}  // namespace postern::ems::codec
