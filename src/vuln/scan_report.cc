#include "vuln/scan_report.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <ostream>
#include <system_error>

#include "base/file.h"
#include "base/log.h"
#include "vuln/dpkg_status.h"

namespace postern::vuln {
namespace {

constexpr std::size_t kMaxFeedFile = 2ull << 30;
constexpr std::size_t kMaxOsRelease = 64u << 10;

/// A file of another root. An absolute link leads to its target in that root, not in ours.
Result<std::string> read_in_root(const std::filesystem::path& root,
                                 const std::filesystem::path& name, std::size_t limit) {
  auto path = root / name;
  std::error_code ec;
  const auto target = std::filesystem::read_symlink(path, ec);
  if (!ec && target.is_absolute()) path = root / target.relative_path();
  return read_file(path, limit);
}

bool is_running_root(const std::filesystem::path& root) {
  std::error_code ec;
  return std::filesystem::equivalent(root, "/", ec) && !ec;
}

std::string remarks(const ScanResult& scan) {
  std::string text;
  for (const auto& f : scan.feeds) {
    text += fmt::format("feed: {} records, {} advisories for Debian, {} withdrawn\n", f.records,
                        f.advisories, f.withdrawn);
  }
  text += fmt::format("{} packages of {} {}\n", scan.packages, scan.distro.id, scan.distro.version);
  text += kernel_note(scan.match.kernel, scan.match.kernel_package);
  if (scan.match.kernel != KernelJudged::kYes) text += " (its vulnerabilities are not counted)";
  return text + '\n';
}

}  // namespace

std::string findings_json(const std::vector<Finding>& findings) {
  std::string text = "[";
  for (const auto& f : findings) {
    text += fmt::format(
        R"({}{{"cve":{},"source":{},"package":{},"version":{},"fixed":{},"severity":"{}","source_version":{},"kev":{}}})",
        text.size() == 1 ? "\n" : ",\n", json_quote(f.cve), json_quote(f.source),
        json_quote(f.package), json_quote(f.version),
        f.fixed.empty() ? "null" : json_quote(f.fixed), severity_name(f.severity),
        json_quote(f.source_version), f.kev);
  }
  text += text.size() == 1 ? "]\n" : "\n]\n";
  return text;
}

std::string findings_table(const MatchResult& result) {
  using Row = std::array<std::string_view, 6>;
  auto findings = result.findings;
  std::stable_sort(findings.begin(), findings.end(), [](const Finding& a, const Finding& b) {
    return a.severity != b.severity ? a.severity > b.severity : a.kev > b.kev;
  });
  std::vector<Row> rows;
  if (!findings.empty())
    rows.push_back({"SEVERITY", "CVE", "PACKAGE", "INSTALLED", "FIXED IN", "EXPLOITED"});
  for (const auto& f : findings) {
    rows.push_back({severity_name(f.severity), f.cve, f.package, f.version,
                    f.fixed.empty() ? std::string_view("-") : std::string_view(f.fixed),
                    f.kev ? "yes" : ""});
  }
  std::array<std::size_t, std::tuple_size_v<Row>> widths{};
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) line += fmt::format("{:<{}}  ", row[i], widths[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
  const auto& c = result.counts;
  text += fmt::format(
      "{}distinct vulnerabilities: critical={} high={} medium={} low={} info={} unknown={}",
      rows.empty() ? "" : "\n", c.critical, c.high, c.medium, c.low, c.info, c.unknown);
  if (c.unknown > 0)
    text += fmt::format(" (of unknown severity, {} have a fix)", c.unknown_fixable);
  return text + '\n';
}

Result<AdvisorySet> load_feeds(const std::vector<std::filesystem::path>& files,
                               const FeedOptions& options, std::vector<FeedReport>* reports) {
  if (files.empty())
    return fail(ErrorCode::kInvalidArgument,
                "no feed given: name at least one file of OSV records");
  FeedReader reader(options);
  for (const auto& file : files) {
    const auto bytes = read_file(file, kMaxFeedFile);
    if (!bytes) return fail(bytes.error().context("feed"));
    auto report = reader.add(file.native(), *bytes);
    if (!report) return fail(report.error());
    if (reports != nullptr) reports->push_back(std::move(*report));
  }
  return std::move(reader).finish();
}

Result<Inventory> read_root_inventory(const std::filesystem::path& root) {
  auto os = read_in_root(root, "etc/os-release", kMaxOsRelease);
  if (!os && os.error().code == ErrorCode::kNotFound)
    os = read_in_root(root, "usr/lib/os-release", kMaxOsRelease);
  if (!os) return fail(os.error().context("which distribution it is"));
  auto distro = parse_os_release(*os);
  if (!distro) return fail(distro.error());
  const auto status = read_in_root(root, "var/lib/dpkg/status", kMaxDpkgStatusBytes);
  if (!status) return fail(status.error().context("installed packages"));
  return parse_dpkg_status(*status, std::move(*distro));
}

Result<ScanResult> scan_root(const std::filesystem::path& root,
                             const std::vector<std::filesystem::path>& feeds,
                             const FeedOptions& options) {
  ScanResult scan;
  auto set = load_feeds(feeds, options, &scan.feeds);
  if (!set) return fail(set.error());
  const auto inventory = read_root_inventory(root);
  if (!inventory) return fail(inventory.error());
  scan.distro = inventory->distro;
  scan.packages = inventory->packages.size();
  RunningKernel kernel;
  utsname machine{};
  if (is_running_root(root) && ::uname(&machine) == 0) kernel.release = machine.release;
  Matcher matcher(std::make_shared<const AdvisorySet>(std::move(*set)));
  scan.match = matcher.match(*inventory, kernel);
  if (!scan.match.covered) {
    std::string known;
    for (const auto& name : matcher.advisories().ecosystems())
      known += (known.empty() ? "" : ", ") + name;
    return fail(ErrorCode::kNotFound,
                fmt::format("the feeds say nothing about {} {} (they are about: {}): give a feed "
                            "of this distribution",
                            scan.distro.id,
                            scan.distro.version.empty() ? "without a version" : scan.distro.version,
                            known.empty() ? "no Debian release" : known));
  }
  return scan;
}

int vuln_scan_main(const std::filesystem::path& root,
                   const std::vector<std::filesystem::path>& feeds, std::string_view format,
                   std::ostream& out, std::ostream& err) {
  if (format != "table" && format != "json") {
    err << "vuln scan: format \"" << format << "\" is neither table nor json\n";
    return 2;
  }
  const auto scan = scan_root(root, feeds);
  if (!scan) {
    err << "vuln scan: " << scan.error().message << '\n';
    return 1;
  }
  out << (format == "json" ? findings_json(scan->match.findings) : findings_table(scan->match));
  err << remarks(*scan);
  out.flush();
  if (out) return 0;
  err << "vuln scan: the findings could not be written\n";
  return 1;
}

}  // namespace postern::vuln
