#include "ems/core/change_set.h"

#include <fmt/format.h>

namespace postern::ems {
namespace {

constexpr std::size_t kErrorsTold = 10;

}  // namespace

Error one_error(const std::vector<posture::TagError>& errors) {
  std::string text = errors.size() == 1 ? "" : fmt::format("{} mistakes: ", errors.size());
  for (std::size_t i = 0; i < errors.size() && i < kErrorsTold; ++i) {
    const auto& [tag, error] = errors[i];
    text += (i == 0 ? "" : "; ") + (tag.empty() ? "" : tag + ": ") + error.message;
  }
  if (errors.size() > kErrorsTold) text += fmt::format("; and {} more", errors.size() - kErrorsTold);
  return {errors.front().error.code, std::move(text)};
}

}  // namespace postern::ems
