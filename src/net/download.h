#pragma once
// Large files over HTTPS, piece by piece, so that nothing of them has to fit into memory.
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/client.h"
#include "net/http.h"
#include "net/loop.h"

namespace postern::net {

struct DownloadLimits {
  std::uint64_t max_bytes = 2ull << 30;
  std::chrono::milliseconds idle{60'000};      ///< Without a byte.
  std::chrono::milliseconds total{3'600'000};  ///< From the connection to the last byte.
};

struct Download {
  Target target;
  std::string path = "/";    ///< Path and query as they travel: percent-encoded.
  HttpHeaders headers;
  /// Without TLS, and then only to this machine: whatever `target.host` resolves to that is not a loopback address is
  /// not connected to.
  bool plain_to_loopback = false;
  DownloadLimits limits;
};

/// The answer without its body.
struct Downloaded {
  int status = 0;
  HttpHeaders headers;
  std::uint64_t bytes = 0;
  bool end_told = true;  ///< The server said where the answer ends. Else that is where the connection ended.
};

/// Body of an answer of status 200, in order. An error ends the download and is handed on. Thread: loop.
using DownloadSink = std::function<Status(std::string_view piece)>;
/// Whole and well-formed as HTTP defines it, or an error: those of http_request, kResourceExhausted (larger than the
/// limit), kDataLoss (cut short), kDeadlineExceeded, those of the sink.
using DownloadReply = std::function<void(Result<Downloaded>)>;
/// GETs it on a connection of its own. The handle cancels it. Thread: loop.
[[nodiscard]] Handle download(Loop& loop, Download what, DownloadSink sink, DownloadReply reply);

}  // namespace postern::net
