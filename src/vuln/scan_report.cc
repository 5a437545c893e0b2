#include "vuln/scan_report.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iostream>
#include <system_error>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "vuln/root_inventory.h"
#include "vuln/running_kernel.h"

namespace postern::vuln {
namespace {

constexpr std::size_t kMaxFeedFile = 2ull << 30;

constexpr std::size_t kMaxKernelText = 4096;

bool is_running_root(const std::filesystem::path& root) {
  std::error_code ec;
  return std::filesystem::equivalent(root, "/", ec) && !ec;
}

std::string name_of(const Distro& distro) {
  return distro.id + " " + (distro.version.empty() ? "without a version" : distro.version);
}

std::string remarks(const ScanResult& scan) {
  std::string text;
  for (const auto& f : scan.feeds) {
    const bool catalogue = f.kind == FeedKind::kKev || f.kind == FeedKind::kEpss;
    text += fmt::format("feed ({}): {} records, ", feed_kind_name(f.kind), f.records);
    text += catalogue ? fmt::format("{} vulnerabilities marked", f.marks) : fmt::format("{} advisories", f.advisories);
    if (f.kind == FeedKind::kOsv) text += fmt::format(", {} withdrawn", f.withdrawn);
    if (f.not_affected > 0) text += fmt::format(", {} not affected", f.not_affected);
    if (f.undetermined > 0) text += fmt::format(", {} undetermined", f.undetermined);
    if (f.cvss4 > 0) text += fmt::format(", {} CVSS v4 vectors (no severity is taken from them)", f.cvss4);
    if (!f.data_date.empty()) text += ", of " + f.data_date;
    text += '\n';
    if (f.invalid == 0) continue;
    text += fmt::format("warning: {} records cannot be understood and were left out:\n", f.invalid);
    for (const auto& example : f.invalid_examples) text += fmt::format("  {}\n", example);
  }
  text += fmt::format("{} packages of {}\n", scan.packages, name_of(scan.distro));
  text += kernel_note(scan.match.kernel, scan.match.kernel_package);
  if (scan.match.kernel != KernelJudged::kYes) text += " (its vulnerabilities are not counted)";
  if (!scan.match.unjudged.empty()) {
    text += fmt::format("\nwarning: what is open in it is not known: {}", scan.match.unjudged);
  }
  if (scan.match.findings_omitted > 0)
    text += fmt::format("\nwarning: {} more findings are not listed", scan.match.findings_omitted);
  return text + '\n';
}

/// What people read: one vulnerability in one source, whatever packages were built from it.
struct Row {
  const Finding* finding;
  std::vector<std::string_view> packages;
};

std::vector<Row> rows_of(const std::vector<Finding>& findings) {
  std::vector<Row> rows;
  for (const auto& f : findings) {  // They are sorted by vulnerability and source.
    const auto same = [&](const Finding& g) {
      return g.cve == f.cve && g.source == f.source && g.source_version == f.source_version;
    };
    if (rows.empty() || !same(*rows.back().finding)) rows.push_back({&f, {}});
    rows.back().packages.push_back(f.package);
  }
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    const auto rank = [](const Row& r) { return std::pair(r.finding->severity, r.finding->judgement.kev); };
    return rank(a) > rank(b);
  });
  return rows;
}

/// As many names as fit, then how many more there are.
std::string names_within(const std::vector<std::string_view>& names, std::size_t width) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto left = names.size() - i - 1;
    const auto rest = left == 0 ? std::string() : fmt::format(" +{}", left);
    if (text.size() + (i > 0 ? 1 : 0) + names[i].size() + rest.size() > width) {
      const auto more = fmt::format("{}+{}", i > 0 ? " " : "", left + 1);
      return text.size() + more.size() <= width ? text + more : text;
    }
    text.append(i > 0 ? " " : "").append(names[i]);
  }
  return text;
}

std::size_t terminal_width() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kTableWidth;
  return std::clamp<std::size_t>(size.ws_col, 80, 200);
}

}  // namespace

std::string findings_json(const std::vector<Finding>& findings) {
  std::string text = "[";
  for (const auto& f : findings) {
    text += fmt::format(
        R"({}{{"cve":{},"source":{},"package":{},"version":{},"fixed":{},"severity":"{}"}})",
        text.size() == 1 ? "\n" : ",\n", json_quote(f.cve), json_quote(f.source),
        json_quote(f.package), json_quote(f.version),
        f.fixed.empty() ? "null" : json_quote(f.fixed), severity_name(f.severity));
  }
  text += text.size() == 1 ? "]\n" : "\n]\n";
  return text;
}

std::string findings_table(const MatchResult& result, std::size_t width) {
  using Columns = std::array<std::string_view, 5>;
  // Columns are not made wider than this for a few long texts: the others must stay readable.
  const std::size_t widest = width < 100 ? 16 : 19;
  const auto rows = rows_of(result.findings);
  std::vector<std::string> severities;  // With their marks.
  bool exploited = false;
  for (const auto& row : rows) {
    exploited = exploited || row.finding->judgement.kev;
    severities.push_back(std::string(severity_name(row.finding->severity)) +
                         (row.finding->judgement.kev ? "*" : ""));
  }
  std::vector<Columns> lines;
  if (!rows.empty()) lines.push_back({"SEVERITY", "CVE", "SOURCE", "INSTALLED", "FIXED IN"});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto& f = *rows[i].finding;
    lines.push_back({severities[i], f.cve, f.source, f.source_version,
                     f.fixed.empty() ? std::string_view("-") : std::string_view(f.fixed)});
  }
  std::array<std::size_t, std::tuple_size_v<Columns>> widths{};
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i)
      widths[i] = std::max(widths[i], std::min(line[i].size(), widest));
  }
  std::string text;
  for (std::size_t n = 0; n < lines.size(); ++n) {
    std::string line;
    for (std::size_t i = 0; i < widths.size(); ++i)
      line += fmt::format("{:<{}}  ", lines[n][i], widths[i]);
    if (n == 0) line += width >= line.size() + 8 ? "PACKAGES" : "";
    if (n > 0 && width > line.size()) line += names_within(rows[n - 1].packages, width - line.size());
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
  if (exploited) text += "\n* known to be exploited\n";
  const auto& c = result.counts;
  text += fmt::format(
      "{}distinct vulnerabilities: critical={} high={} medium={} low={} info={} unknown={}\n",
      rows.empty() ? "" : "\n", c.critical, c.high, c.medium, c.low, c.info, c.unknown);
  if (c.unknown > 0) text += fmt::format("of unknown severity: {} with a fix\n", c.unknown_fixable);
  return text;
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

Result<ScanResult> scan_root(const std::filesystem::path& root,
                             const std::vector<std::filesystem::path>& feeds,
                             const FeedOptions& options) {
  ScanResult scan;
  auto set = load_feeds(feeds, options, &scan.feeds);
  if (!set) return fail(set.error());
  auto inventory = read_root_inventory(root);
  if (!inventory) return fail(inventory.error());
  scan.distro = inventory->distro;
  scan.packages = inventory->packages.size();
  KernelSays kernel;
  utsname machine{};
  if (is_running_root(root) && ::uname(&machine) == 0) {
    kernel = {.release = machine.release,
              .version = read_file("/proc/version", kMaxKernelText).value_or(""),
              .version_signature = read_file("/proc/version_signature", kMaxKernelText).value_or("")};
    put_running_kernel(*inventory, kernel);
  }
  Matcher matcher(std::make_shared<const AdvisorySet>(std::move(*set)));
  scan.match = matcher.match(*inventory, {kernel.release});
  if (scan.match.covered) return scan;
  const auto name = name_of(scan.distro);
  if (ecosystem_of(scan.distro).empty()) {
    return fail(ErrorCode::kUnsupported,
                fmt::format("{} cannot be judged: known are released versions of AlmaLinux, Alpine, Debian, Mageia, "
                            "openSUSE, Red Hat Enterprise Linux, Rocky Linux and Ubuntu",
                            name));
  }
  const auto known = join(matcher.advisories().ecosystems(), ", ");
  return fail(ErrorCode::kNotFound,
              fmt::format("the feeds say nothing about {} (they are about: {}): give a feed of this "
                          "distribution",
                          name, known.empty() ? "no distribution known here" : known));
}

int vuln_scan_main(const std::filesystem::path& root,
                   const std::vector<std::filesystem::path>& feeds, std::string_view format,
                   std::ostream& out, std::ostream& err) {
  if (format != "table" && format != "json") {
    err << "vuln scan: format \"" << format << "\" is neither table nor json\n";
    return 2;
  }
  FeedOptions options;
  options.skip_invalid = true;  // As the EMS reads them; what is left out is said.
  const auto scan = scan_root(root, feeds, options);
  if (!scan) {
    err << "vuln scan: " << scan.error().message << '\n';
    return 1;
  }
  if (format == "json") {
    out << findings_json(scan->match.findings);
  } else {
    out << findings_table(scan->match, &out == &std::cout ? terminal_width() : kTableWidth);
  }
  err << remarks(*scan);
  out.flush();
  if (out) return 0;
  err << "vuln scan: the findings could not be written\n";
  return 1;
}

}  // namespace postern::vuln
