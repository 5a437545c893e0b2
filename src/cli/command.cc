#include "cli/command.h"

#include <boost/json.hpp>

#include "base/text.h"

namespace postern::cli {

std::string one_of(const std::vector<std::string>& choices) {
  if (choices.empty()) return "";
  const std::vector<std::string> first(choices.begin(), choices.end() - 1);
  return first.empty() ? choices.back() : join(first, ", ") + " or " + choices.back();
}

std::string help_of(const Option& option) {
  return option.help + (option.choices.empty() ? "" : ": " + one_of(option.choices));
}

std::string Given::text(std::string_view name, std::string otherwise) const {
  const auto it = values_.find(name);
  return it == values_.end() || it->second.empty() ? otherwise : it->second.back();
}

std::size_t Given::number(std::string_view name, std::size_t otherwise) const {
  return parse_u64(text(name)).value_or(otherwise);
}

std::vector<std::string> Given::texts(std::string_view name) const {
  const auto it = values_.find(name);
  return it == values_.end() ? std::vector<std::string>() : it->second;
}

Session::Session(const Given& given_, const Environment& environment_, ConnectionOptions connection_)
    : given(given_), environment(environment_), connection(std::move(connection_)), terminal(environment_.terminal) {}

Result<Api*> Session::api() {
  if (!api_) {
    auto chosen = choose_connection(connection, environment.variables, environment.config_path);
    if (!chosen) return fail(chosen.error());
    api_ = std::make_unique<Api>(std::move(*chosen), terminal);
  }
  return api_.get();
}

int Session::print_json(const boost::json::value& value) {
  print(boost::json::serialize(value) + "\n");
  return kDone;
}

int Session::misused(std::string_view what) {
  say("postern: " + std::string(what) + "; see postern " + command + " --help");
  return kMisused;
}

}  // namespace postern::cli
