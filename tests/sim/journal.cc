#include "journal.h"

#include <cstdio>

namespace postern::sim {
namespace {

constexpr std::size_t kTail = 50;

}  // namespace

void Journal::line(std::string_view kind, std::string text) {
  const auto seconds = std::chrono::duration<double>(now_.time_since_epoch()).count();
  auto all = fmt::format("{:10.4f} {:<24} {}", seconds, kind, text);
  if (print_) std::puts(all.c_str());
  tail_.push_back(std::move(all));
  if (tail_.size() > kTail) tail_.pop_front();
}

std::string Journal::tail() const {
  std::string out;
  for (const auto& text : tail_) out += text + '\n';
  return out;
}

}  // namespace postern::sim
