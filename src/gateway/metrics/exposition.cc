#include "gateway/metrics/exposition.h"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

#include "base/text.h"

namespace postern::gateway::metrics {
namespace {

constexpr std::string_view kTotal = "_total";

/// Of a label's value, and of a help text as far as it has these.
void put_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else {
      if (c == '\\' || c == '"') out += '\\';
      out += c;
    }
  }
}

/// A number as Go and everybody else reads it, the shortest that is the same.
std::string number_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

}  // namespace

Format format_for(std::string_view accept) {
  return to_lower(accept).find("application/openmetrics-text") != std::string::npos ? Format::kOpenMetrics : Format::kText;
}

std::string_view content_type(Format format) {
  return format == Format::kOpenMetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                        : "text/plain; version=0.0.4; charset=utf-8";
}

void Exposition::family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  // OpenMetrics names a counter's family without what its samples end with.
  if (format_ == Format::kOpenMetrics && type == "counter") name.remove_suffix(kTotal.size());
  text_ += fmt::format("# HELP {} ", name);
  put_escaped(text_, help);
  text_ += fmt::format("\n# TYPE {} {}\n", name, type);
}

void Exposition::counter(std::string_view name, std::string_view help) { family(name, "counter", help); }
void Exposition::gauge(std::string_view name, std::string_view help) { family(name, "gauge", help); }
void Exposition::histogram(std::string_view name, std::string_view help) { family(name, "histogram", help); }

void Exposition::begin(std::string_view suffix, Labels labels, std::string_view extra, std::string_view extra_value) {
  text_ += name_;
  text_ += suffix;
  char before = '{';
  const auto put = [&](std::string_view label, std::string_view value) {
    text_ += std::exchange(before, ',');
    text_ += label;
    text_ += "=\"";
    put_escaped(text_, one_line(value));
    text_ += '"';
  };
  for (const auto& [label, value] : labels) put(label, value);
  if (!extra.empty()) put(extra, extra_value);
  if (before == ',') text_ += '}';
  text_ += ' ';
}

void Exposition::sample(Labels labels, std::uint64_t value) {
  begin({}, labels);
  fmt::format_to(std::back_inserter(text_), "{}\n", value);
}

void Exposition::sample(Labels labels, double value) {
  begin({}, labels);
  text_ += number_text(value) + '\n';
}

void Exposition::sample(Labels labels, const Histogram& value) {
  for (std::size_t i = 0; i < kBuckets.size(); ++i) {
    // OpenMetrics wants a float for a bucket's end; 0.0.4 takes it as well.
    auto end = number_text(kBuckets[i]);
    if (end.find('.') == std::string::npos) end += ".0";
    begin("_bucket", labels, "le", end);
    fmt::format_to(std::back_inserter(text_), "{}\n", value.up_to(i));
  }
  begin("_bucket", labels, "le", "+Inf");
  fmt::format_to(std::back_inserter(text_), "{}\n", value.total());
  begin("_sum", labels);
  text_ += number_text(value.sum()) + '\n';
  begin("_count", labels);
  fmt::format_to(std::back_inserter(text_), "{}\n", value.total());
}

std::string Exposition::take() {
  if (format_ == Format::kOpenMetrics) text_ += "# EOF\n";
  return std::move(text_);
}

}  // namespace postern::gateway::metrics
