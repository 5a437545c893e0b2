#include "cli/yaml_writer.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/utf8.h"
#include "cli/json_view.h"
#include "cli/look.h"
#include "cli/yaml_scalar.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kLineWidth = 100;

/// In double quotes; what could harm a terminal, or is a line end to some readers, is escaped.
std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const auto c = first_character(text);
    const std::size_t length = c.length == 0 ? 1 : c.length;
    if (c.length == 0) {
      out += "\\uFFFD";
    } else if (c.point == '"' || c.point == '\\') {
      out += '\\';
      out += static_cast<char>(c.point);
    } else if (c.point == '\n') {
      out += "\\n";
    } else if (c.point == '\t') {
      out += "\\t";
    } else if (is_control(c.point) || c.point == 0xFEFF || c.point == 0xA0) {
      out += c.point > 0xFFFF ? fmt::format("\\U{:08X}", static_cast<std::uint32_t>(c.point))
                              : fmt::format("\\u{:04X}", static_cast<std::uint32_t>(c.point));
    } else {
      out += text.substr(0, c.length);
    }
    text.remove_prefix(length);
  }
  return out + '"';
}

std::string word(std::string_view text) { return plain_is_text(text) ? std::string(text) : in_quotes(text); }

/// In a flow list a comma ends a plain word.
std::string flow_word(std::string_view text) {
  return plain_is_text(text) && text.find(',') == text.npos ? std::string(text) : in_quotes(text);
}

bool is_scalar(const json::value& value) { return !value.is_object() && !value.is_array(); }

/// A number, true, false or null.
std::string number_or_name(const json::value& value) {
  const double* number = value.if_double();
  if (number == nullptr) return json::serialize(value);
  const std::string text = fmt::format("{}", *number);
  return text.find_first_of(".e") == text.npos ? text + ".0" : text;  // stays a fraction
}

std::string scalar_text(const json::value& value) {
  if (const json::string* text = value.if_string()) return word(plain(*text));
  return number_or_name(value);
}

/// "[a, b]", if it is a list of scalars that fits a line.
std::string flow_list(const json::array& list, std::size_t indent) {
  std::string out = "[";
  for (const json::value& item : list) {
    if (!is_scalar(item)) return "";
    if (out.size() > 1) out += ", ";
    out += item.is_string() ? flow_word(plain(item.as_string())) : number_or_name(item);
  }
  out += "]";
  return out.size() + indent <= kLineWidth ? out : "";
}

class Printer {
 public:
  void object(const json::object& object, std::size_t indent, bool first_line_begun) {
    for (const auto& [name, value] : object) {
      if (!first_line_begun) out_.append(indent, ' ');
      first_line_begun = false;
      out_ += word({name.data(), name.size()}) + ":";
      member_value(value, indent);
    }
  }
  void list(const json::array& list, std::size_t indent) {
    for (const json::value& item : list) {
      out_.append(indent, ' ');
      out_ += "-";
      if (item.is_object() && !item.as_object().empty()) {
        out_ += " ";
        object(item.as_object(), indent + 2, true);
      } else {
        member_value(item, indent);
      }
    }
  }
  std::string take() { return std::move(out_); }

 private:
  /// Behind "name:" or "-".
  void member_value(const json::value& value, std::size_t indent) {
    if (is_scalar(value)) {
      out_ += " " + scalar_text(value) + "\n";
    } else if (const json::object* object_value = value.if_object()) {
      if (object_value->empty()) {
        out_ += " {}\n";
      } else {
        out_ += "\n";
        object(*object_value, indent + 2, false);
      }
    } else {
      const json::array& items = value.as_array();
      const std::string flow = flow_list(items, indent + 20);
      if (!flow.empty()) {
        out_ += " " + flow + "\n";
      } else {
        out_ += "\n";
        list(items, indent + 2);
      }
    }
  }

  std::string out_;
};

}  // namespace

std::string print_yaml(const json::value& value) {
  Printer printer;
  if (const json::object* object = value.if_object(); object != nullptr && !object->empty()) {
    printer.object(*object, 0, false);
  } else if (const json::array* list = value.if_array(); list != nullptr && !list->empty()) {
    printer.list(*list, 0);
  } else {
    return json::serialize(value) + "\n";
  }
  return printer.take();
}

}  // namespace postern::cli
