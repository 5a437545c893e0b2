#include "posture/quote.h"

namespace postern::posture {
namespace {

/// Length of the UTF-8 character at `at`, 0 if there is none: overlong forms, surrogates and beyond
/// U+10FFFF are none.
std::size_t character(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || at + length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const unsigned second = byte(1);
  if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F)) return 0;
  if ((lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F)) return 0;
  return length;
}

}  // namespace

bool clean_text(std::string_view text, bool multiline) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = character(text, at);
    if (length == 0) return false;
    const unsigned char c = static_cast<unsigned char>(text[at]);
    const bool control = c < 0x20 || c == 0x7F;
    if (control && !(multiline && (c == '\n' || c == '\r' || c == '\t'))) return false;
    if (c == 0xC2 && static_cast<unsigned char>(text[at + 1]) < 0xA0) return false;  // C1 controls
    at += length;
  }
  return true;
}

std::string quoted(std::string_view text) {
  if (!clean_text(text)) return "(a text with control characters or broken UTF-8)";
  if (text.size() <= 80) return '"' + std::string(text) + '"';
  std::size_t cut = 80;
  while ((static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
  return '"' + std::string(text.substr(0, cut)) + "…\"";
}

}  // namespace postern::posture
