#include "cli/yaml_reader.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <boost/json.hpp>
#include <charconv>
#include <istream>
#include <optional>
#include <streambuf>

#include "base/text.h"
#include "base/utf8.h"
#include "cli/yaml_scalar.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

/// Thrown through yaml-cpp's parser, which knows no other way to be stopped.
struct Stop {
  Error error;
};

/// Reads from a text without copying it.
class TextBuffer final : public std::streambuf {
 public:
  explicit TextBuffer(std::string_view text) {
    char* begin = const_cast<char*>(text.data());  // a get area is never written to
    setg(begin, begin, begin + text.size());
  }
};

class Builder final : public YAML::EventHandler {
 public:
  std::vector<json::value> documents;

  void OnDocumentStart(const YAML::Mark&) override { open_.clear(); }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    check(mark, anchor);
    add(mark, nullptr);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    stop(mark, "aliases (*name) are not taken; write it out");
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    check(mark, anchor);
    if (!open_.empty() && open_.back().is_map && !open_.back().key) {
      if (tag != "?" && tag != "!") stop(mark, "a key with a tag is not taken");
      open_.back().key = text;
      check_text(mark, text);
      if (open_.back().value.as_object().contains(text)) stop(mark, fmt::format("{} is given twice", quoted(text)));
      return;
    }
    check_text(mark, text);
    auto value = scalar_value(text, tag);
    if (!value) stop(mark, value.error().message);
    add(mark, std::move(*value));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    begin(mark, tag, anchor, false);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    begin(mark, tag, anchor, true);
  }
  void OnMapEnd() override { end(); }

  [[noreturn]] static void stop(const YAML::Mark& mark, const std::string& why) {
    throw Stop{
        {ErrorCode::kInvalidArgument, fmt::format("line {}, column {}: {}", mark.line + 1, mark.column + 1, why)}};
  }

 private:
  /// A list or a map that is being read.
  struct Open {
    json::value value;
    YAML::Mark mark;
    bool is_map = false;
    std::optional<std::string> key = {};  ///< Whose value comes next.
  };

  static std::string quoted(std::string_view text) {
    const std::string line = one_line(text.substr(0, 60));
    return "\"" + line + (text.size() > 60 ? "...\"" : "\"");
  }

  void check(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) stop(mark, "anchors (&name) are not taken; write it out");
    if (++nodes_ > kMaxYamlNodes) {
      throw Stop{{ErrorCode::kResourceExhausted, fmt::format("there are more than {} values", kMaxYamlNodes)}};
    }
  }

  static void check_text(const YAML::Mark& mark, std::string_view text) {
    while (!text.empty()) {
      const auto c = first_character(text);
      if (c.length == 0) stop(mark, "this is not UTF-8");
      text.remove_prefix(c.length);
    }
  }

  void begin(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, bool is_map) {
    check(mark, anchor);
    const bool own = tag == (is_map ? "tag:yaml.org,2002:map" : "tag:yaml.org,2002:seq");
    if (!tag.empty() && tag != "?" && tag != "!" && !own) stop(mark, "the tag " + quoted(tag) + " is not taken");
    if (!open_.empty() && open_.back().is_map && !open_.back().key) stop(mark, "a key has to be a text");
    if (open_.size() >= kMaxYamlDepth) stop(mark, fmt::format("nested deeper than {} levels", kMaxYamlDepth));
    open_.push_back({is_map ? json::value(json::object()) : json::value(json::array()), mark, is_map});
  }

  void end() {
    Open done = std::move(open_.back());
    open_.pop_back();
    add(done.mark, std::move(done.value));
  }

  void add(const YAML::Mark& mark, json::value value) {
    if (open_.empty()) {
      if (!value.is_null()) documents.push_back(std::move(value));
      return;
    }
    Open& into = open_.back();
    if (!into.is_map) {
      into.value.as_array().push_back(std::move(value));
    } else if (!into.key) {
      stop(mark, "a key has to be a text");
    } else {
      into.value.as_object().emplace(*into.key, std::move(value));
      into.key.reset();
    }
  }

  std::vector<Open> open_;
  std::size_t nodes_ = 0;
};

}  // namespace

Result<std::vector<json::value>> parse_yaml(std::string_view text) {
  if (text.size() > kMaxYamlBytes) {
    return fail(ErrorCode::kResourceExhausted, fmt::format("has {} bytes, taken are {}", text.size(), kMaxYamlBytes));
  }
  TextBuffer buffer(text);
  std::istream in(&buffer);
  Builder builder;
  try {
    YAML::Parser parser(in);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Stop& stopped) {
    return fail(stopped.error);
  } catch (const YAML::Exception& error) {
    return invalid(
        fmt::format("line {}, column {}: {}", error.mark.line + 1, error.mark.column + 1, one_line(error.msg)));
  }
  return std::move(builder.documents);
}

}  // namespace postern::cli
