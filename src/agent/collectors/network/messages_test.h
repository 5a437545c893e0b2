#pragma once
// Netlink messages as the kernel writes them, made by hand.
#include <linux/netlink.h>

#include <cstring>

#include "base/hex.h"

namespace postern::agent {

class Message {
 public:
  template <class Header>
  Message(std::uint16_t type, const Header& header) {
    nlmsghdr h{};
    h.nlmsg_type = type;
    put(&h, sizeof h);
    put(&header, sizeof header);
  }
  Message& attribute(std::uint16_t type, ByteView bytes) {
    const std::uint16_t head[2] = {static_cast<std::uint16_t>(4 + bytes.size()), type};
    put(head, sizeof head);
    put(bytes.data(), bytes.size());
    return *this;
  }
  Message& number(std::uint16_t type, std::uint32_t value) {
    std::uint8_t raw[4];
    std::memcpy(raw, &value, 4);
    return attribute(type, raw);
  }
  Bytes bytes() const {
    Bytes out = bytes_;
    const auto length = static_cast<std::uint32_t>(out.size());
    std::memcpy(out.data(), &length, 4);
    return out;
  }

 private:
  void put(const void* data, std::size_t size) {
    const auto* raw = static_cast<const std::uint8_t*>(data);
    bytes_.insert(bytes_.end(), raw, raw + size);
    while (bytes_.size() % 4 != 0) bytes_.push_back(0);
  }
  Bytes bytes_;
};

}  // namespace postern::agent
