#include "gateway/firewall/pieces.h"

#include <utility>

#include <fmt/format.h>

#include "base/text.h"

namespace postern::gateway::firewall {

std::string element_command(std::string_view verb, std::string_view table, std::string_view set,
                            const std::vector<std::string>& elements) {
  if (elements.empty()) return {};
  return fmt::format("{} element inet {} {} {{ {} }}\n", verb, table, set, join(elements, ", "));
}

Subject subject_of(std::string_view set, std::string_view element) {
  if (element.starts_with('"')) return {Subject::Kind::kInterface, {}};
  if (set.ends_with("/mac")) return {Subject::Kind::kMac, {}};
  return {Subject::Kind::kAddress, element.substr(0, element.find(' '))};
}

void Pieces::end_group() {
  if (count_ >= limit_) cut();
}

void Pieces::cut() {
  std::string out;
  for (const auto& [set, elements] : changes_) {
    out += element_command("delete", table_, set, elements.first);
    out += element_command("add", table_, set, elements.second);
  }
  changes_.clear();
  count_ = 0;
  put(std::move(out));
}

void Pieces::put(std::string commands) {
  if (!commands.empty()) done_.push_back(std::move(commands));
}

std::vector<std::string> Pieces::take() {
  cut();
  return std::exchange(done_, {});
}

}  // namespace postern::gateway::firewall
