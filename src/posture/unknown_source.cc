#include "posture/unknown_source.h"

#include <algorithm>

namespace postern::posture {
namespace {

constexpr std::string_view kWhy = ": ";

}  // namespace

std::string unknown_source(std::string_view source, std::string_view why) {
  constexpr std::string_view kCut = "...";
  std::string out(source);
  const auto room = kMaxSource - std::min(kMaxSource, why.size() + kWhy.size());
  if (out.size() > room) {
    const auto half = (room - std::min(room, kCut.size())) / 2;
    out = out.substr(0, half).append(kCut).append(source.substr(source.size() - half));
  }
  return why.empty() ? out : out.append(kWhy).append(why);
}

std::pair<std::string_view, std::string_view> split_unknown_source(std::string_view source) {
  const auto at = source.find(kWhy);
  const auto place = source.substr(0, at);
  if (!place.starts_with('/') && place.find(' ') != place.npos) return {{}, source};
  return {place, at == source.npos ? std::string_view() : source.substr(at + kWhy.size())};
}

}  // namespace postern::posture
