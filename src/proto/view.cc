#include "proto/view.h"

#include <cstring>

namespace postern::proto {

void ViewDigest::toggle(char kind, std::string_view key, std::string_view bytes) {
  std::string text;
  text.reserve(5 + key.size() + bytes.size());
  text += kind;
  for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(key.size() >> shift & 0xff);
  text += key;
  text += bytes;
  const Sha256 hash = sha256(text);
  for (std::size_t i = 0; i < hash.size(); ++i) value_[i] ^= hash[i];
}

bool View::upsert(const EndpointUid& uid, std::string entry) {
  auto [it, inserted] = entries_.try_emplace(uid);
  if (!inserted) {
    if (it->second == entry) return false;
    digest_.toggle('e', uid.str(), it->second);
  }
  it->second = std::move(entry);
  digest_.toggle('e', uid.str(), it->second);
  return true;
}

bool View::remove(const EndpointUid& uid) {
  const auto it = entries_.find(uid);
  if (it == entries_.end()) return false;
  digest_.toggle('e', uid.str(), it->second);
  entries_.erase(it);
  return true;
}

bool View::upsert_tag(std::uint32_t id, std::string info) {
  const auto key = std::to_string(id);
  auto [it, inserted] = tags_.try_emplace(id);
  if (!inserted) {
    if (it->second == info) return false;
    digest_.toggle('t', key, it->second);
  }
  it->second = std::move(info);
  digest_.toggle('t', key, it->second);
  return true;
}

bool View::remove_tag(std::uint32_t id) {
  const auto it = tags_.find(id);
  if (it == tags_.end()) return false;
  digest_.toggle('t', std::to_string(id), it->second);
  tags_.erase(it);
  return true;
}

void View::clear() {
  entries_.clear();
  tags_.clear();
  digest_ = {};
}

const std::string* View::find(const EndpointUid& uid) const {
  const auto it = entries_.find(uid);
  return it == entries_.end() ? nullptr : &it->second;
}

}  // namespace postern::proto
