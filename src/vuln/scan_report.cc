#include "vuln/scan_report.h"

#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <ostream>

#include <fmt/format.h>

#include "base/file.h"
#include "base/log.h"
#include "vuln/dpkg_status.h"

namespace postern::vuln {
namespace {

constexpr std::size_t kMaxFeedFile = 1u << 30;

}  // namespace

std::string findings_json(const std::vector<Finding>& findings) {
  std::string out = "[";
  for (const auto& f : findings) {
    out += out.size() == 1 ? "\n" : ",\n";
    out += fmt::format(R"({{"cve":{},"source":{},"package":{},"version":{},"fixed":{},"severity":"{}","source_version":{},"kev":{}}})",
                       json_quote(f.cve), json_quote(f.source), json_quote(f.package), json_quote(f.version),
                       f.fixed.empty() ? "null" : json_quote(f.fixed), severity_name(f.severity), json_quote(f.source_version),
                       f.kev);
  }
  return out + "\n]\n";
}

std::string findings_table(const MatchResult& result) {
  auto sorted = result.findings;
  std::stable_sort(sorted.begin(), sorted.end(), [](const Finding& a, const Finding& b) { return a.severity > b.severity; });
  const std::size_t kColumns = 5;
  std::vector<std::array<std::string, kColumns>> rows{{"SEVERITY", "CVE", "PACKAGE", "INSTALLED", "FIXED IN"}};
  for (const auto& f : sorted) {
    rows.push_back({std::string(severity_name(f.severity)) + (f.kev ? " (exploited)" : ""), f.cve, f.package, f.version,
                    f.fixed.empty() ? "no fix yet" : f.fixed});
  }
  std::array<std::size_t, kColumns> width{};
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < kColumns; ++i) width[i] = std::max(width[i], row[i].size());
  }
  std::string out;
  if (rows.size() > 1) {
    for (const auto& row : rows) {
      for (std::size_t i = 0; i < kColumns; ++i) {
        out += i + 1 == kColumns ? row[i] : fmt::format("{:<{}}  ", row[i], width[i]);
      }
      out += '\n';
    }
  }
  const auto& c = result.counts;
  return out + fmt::format("critical={}, high={}, medium={}, low={}, info={}, unknown={}\n", c.critical, c.high, c.medium, c.low,
                           c.info, c.unknown);
}

Result<AdvisorySet> load_feeds(const std::vector<std::filesystem::path>& files, const FeedOptions& options,
                               std::vector<FeedReport>* reports) {
  FeedReader reader(options);
  for (const auto& file : files) {
    auto bytes = read_file(file, kMaxFeedFile);
    if (!bytes) return fail(bytes.error());
    auto report = reader.add(file.native(), *bytes);
    if (!report) return fail(report.error());
    if (reports != nullptr) reports->push_back(std::move(*report));
  }
  return std::move(reader).finish();
}

Result<Inventory> read_root_inventory(const std::filesystem::path& root) {
  auto os = read_file(root / "etc/os-release", 64 << 10);
  if (!os) os = read_file(root / "usr/lib/os-release", 64 << 10);
  if (!os) return fail(os.error());
  auto distro = parse_os_release(*os);
  if (!distro) return fail(distro.error());
  auto status = read_file(root / "var/lib/dpkg/status", kMaxDpkgStatusBytes);
  if (!status) return fail(status.error());
  return parse_dpkg_status(*status, std::move(*distro));
}

Result<ScanResult> scan_root(const std::filesystem::path& root, const std::vector<std::filesystem::path>& feeds,
                             const FeedOptions& options) {
  ScanResult out;
  auto set = load_feeds(feeds, options, &out.feeds);
  if (!set) return fail(set.error());
  auto inventory = read_root_inventory(root);
  if (!inventory) return fail(inventory.error());
  RunningKernel kernel;
  if (root == "/") {
    utsname machine{};
    if (uname(&machine) == 0) kernel.release = machine.release;
  }
  Matcher matcher(std::make_shared<const AdvisorySet>(std::move(*set)));
  out.distro = inventory->distro;
  out.packages = inventory->packages.size();
  out.match = matcher.match(*inventory, kernel);
  if (!out.match.covered) {
    return fail(ErrorCode::kNotFound, fmt::format("the feeds say nothing about {} {}", out.distro.id, out.distro.version));
  }
  return out;
}

int vuln_scan_main(const std::filesystem::path& root, const std::vector<std::filesystem::path>& feeds,
                   std::string_view format, std::ostream& out, std::ostream& err) {
  if (format != "table" && format != "json") {
    err << "--format " << format << ": only table and json are known\n";
    return 2;
  }
  auto result = scan_root(root, feeds);
  if (!result) {
    err << result.error().message << "\n";
    return 1;
  }
  out << (format == "json" ? findings_json(result->match.findings) : findings_table(result->match));
  err << fmt::format("{} packages of {} {}; {}\n", result->packages, result->distro.id, result->distro.version,
                     kernel_note(result->match.kernel, result->match.kernel_package));
  return 0;
}

}  // namespace postern::vuln
