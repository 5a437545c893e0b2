#pragma once
// Numbers as Prometheus reads them: its text format 0.0.4, or OpenMetrics 1.0 for those who ask for that.
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "gateway/metrics/histogram.h"

namespace postern::gateway::metrics {

enum class Format : std::uint8_t { kText, kOpenMetrics };
/// What a scraper that sends this as Accept reads.
Format format_for(std::string_view accept);
std::string_view content_type(Format format);

using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

/// A family (one name, its type, what it means), then its samples, one family after the other.
///
/// A label's values must come from what is configured or built in, never from what clients send: each one is a series
/// that is kept for months.
class Exposition {
 public:
  explicit Exposition(Format format = Format::kText) : format_(format) {}

  /// `name` ends with _total: it only grows, until the program starts anew.
  void counter(std::string_view name, std::string_view help);
  void gauge(std::string_view name, std::string_view help);
  void histogram(std::string_view name, std::string_view help);

  // Of the family begun last.
  void sample(Labels labels, std::uint64_t value);
  void sample(Labels labels, double value);
  void sample(Labels labels, const Histogram& value);
  void sample(std::uint64_t value) { sample({}, value); }

  /// The whole; nothing may be added afterwards.
  std::string take();

 private:
  void family(std::string_view name, std::string_view type, std::string_view help);
  void begin(std::string_view suffix, Labels labels, std::string_view extra = {}, std::string_view extra_value = {});

  Format format_;
  std::string name_;
  std::string text_;
};

}  // namespace postern::gateway::metrics
