#pragma once
// One large JSON object, piece by piece, so that a document of a hundred megabytes is never held as values.
#include <boost/json/fwd.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace postern::vuln {

struct JsonPieceLimits {
  std::size_t piece_bytes = 16u << 20;  ///< Of one piece, about.
  std::size_t depth = 32;               ///< Of the document.
};

/// A document that is an object of objects or arrays is given as the values in these: a member of an object that is the
/// member `key` of the document comes as (key, its name, value), an element of an array as (key, its index, value). A
/// member of the document that is neither comes as (key, "", value). Valid during the call. An error stops the reading
/// and is handed on.
using JsonPieceSink =
    std::function<Status(const std::string& key, const std::string& name, const boost::json::value& value)>;

/// Thread: one.
class JsonPieces {
 public:
  JsonPieces(JsonPieceLimits limits, JsonPieceSink sink);
  ~JsonPieces();
  JsonPieces(const JsonPieces&) = delete;
  JsonPieces& operator=(const JsonPieces&) = delete;

  /// More of the document. Errors: those of the sink, kInvalidArgument (no JSON object; names the line), kDataLoss
  /// (something after its end), kResourceExhausted (a piece is too large).
  Status feed(std::string_view chunk);
  /// Nothing more comes. Error: kDataLoss (the document is cut off).
  Status end();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace postern::vuln
