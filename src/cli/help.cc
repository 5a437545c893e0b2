#include "cli/help.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/text.h"

namespace postern::cli {
namespace {

constexpr std::size_t kNames = 24;    // columns in front of what options and commands are
constexpr std::size_t kWidest = 120;  // nobody reads longer lines with ease

class Helper final : public CLI::Formatter {
 public:
  explicit Helper(const Look& look) : width_(std::min(look.width, kWidest)) {
    label("OPTIONS", "options");
    label("Positionals", "Arguments");
    label("SUBCOMMAND", "COMMAND");
  }

  std::string make_option(const CLI::Option* option, bool is_positional) const override {
    std::string name = make_option_name(option, is_positional);
    if (const auto comma = name.find(','); comma != name.npos) name.replace(comma, 1, ", ");
    return entry(name + make_option_opts(option), option->get_description());
  }
  std::string make_subcommand(const CLI::App* sub) const override {
    return entry(sub->get_name(), sub->get_description());
  }
  /// Without CLI11's "TEXT" and "REQUIRED": whether it has to be there is said by the usage or in words.
  std::string make_option_opts(const CLI::Option* option) const override {
    std::string out = option->get_type_name().empty() ? "" : " " + option->get_type_name();
    if (option->get_expected_max() > 1) out += " ...";
    return out;
  }
  std::string make_option_usage(const CLI::Option* option) const override {
    const std::string out = make_option_name(option, true) + (option->get_expected_max() > 1 ? "..." : "");
    return option->get_required() ? out : "[" + out + "]";
  }
  std::string make_description(const CLI::App* app) const override { return flowing(app->get_description()); }
  std::string make_footer(const CLI::App* app) const override { return flowing(app->get_footer()); }

 private:
  std::string entry(const std::string& name, const std::string& text) const {
    std::string head = padded("  " + name, kNames), out;
    if (!head.ends_with("  ")) {
      out = head + "\n";
      head = std::string(kNames, ' ');
    }
    for (const std::string& line : wrapped(text, width_ > 2 * kNames ? width_ - kNames : 0)) {
      out += head + line + "\n";
      head = std::string(kNames, ' ');
    }
    return out;
  }

  /// Lines that follow one another are one paragraph; indented ones and empty ones are as they are.
  std::string flowing(const std::string& text) const {
    if (text.empty()) return "";
    if (width_ == 0) return text + "\n";
    std::string out, paragraph;
    const auto end_paragraph = [&] {
      if (paragraph.empty()) return;
      for (const std::string& line : wrapped(paragraph, width_)) out += line + "\n";
      paragraph.clear();
    };
    for (const std::string_view line : split(text, '\n')) {
      if (line.empty() || line.front() == ' ') {
        end_paragraph();
        out += std::string(line) + "\n";
      } else {
        paragraph += (paragraph.empty() ? "" : " ") + std::string(line);
        if (line.ends_with(':')) end_paragraph();  // a heading
      }
    }
    end_paragraph();
    return out;
  }

  std::size_t width_;
};

}  // namespace

std::shared_ptr<CLI::FormatterBase> help_formatter(const Look& look) { return std::make_shared<Helper>(look); }

}  // namespace postern::cli
