// A YAML file from outside: what is read is bounded, and written out again it is read as the same.
#include <boost/json.hpp>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "cli/tag_files.h"
#include "cli/yaml_reader.h"
#include "cli/yaml_writer.h"

namespace {

void demand(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::cli;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto documents = parse_yaml(text);
  if (!documents) {
    demand(!documents.error().message.empty() && documents.error().message.size() < 1000);
    demand(documents.error().message.find('\n') == std::string::npos);
    return 0;
  }
  for (const boost::json::value& document : *documents) {
    if (!document.is_object() && !document.is_array()) continue;
    const auto again = parse_yaml(print_yaml(document));
    demand(again && again->size() == 1 && again->front() == document);
  }
  (void)read_tags(text);
  return 0;
}
