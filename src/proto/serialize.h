#pragma once
// A protobuf message as the bytes of one frame.
#include <google/protobuf/message_lite.h>

#include "base/hex.h"

namespace postern::proto {

inline Bytes serialize(const google::protobuf::MessageLite& message) {
  Bytes bytes(message.ByteSizeLong());
  message.SerializeToArray(bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

}  // namespace postern::proto
