#pragma once
// The reference manual of the gateway's configuration, written from the schema itself: docs/reference/gateway-configuration.md
// and `postern-gateway manual`. Thread: any.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/config/schema.h"

namespace postern::gateway::config {

/// A command of `execute` or `diagnose`, for the manual's last part.
struct ManualCommand {
  std::string words;
  std::string help;
  std::vector<std::pair<std::string, std::string>> arguments;  ///< With their help; those in [brackets] may be left out.
};

/// The page as a whole, in Markdown. A test holds the file of the documentation against it.
std::string manual_markdown(const Schema& schema, const std::vector<ManualCommand>& commands);
/// The same for a terminal: plain text of at most 100 columns, where no word is longer.
std::string manual_text(const Schema& schema, const std::vector<ManualCommand>& commands);

/// Where a top-level table stands in the REST API: "/api/v2/cmdb/firewall.service/custom".
std::string rest_address(std::string_view table);

}  // namespace postern::gateway::config
