#pragma once
// What client and daemon say to each other over the Unix socket: one JSON object per message, each request answered
// once. While a command takes longer the daemon says each kWorkingEvery that it is at work.
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "gateway/cli/session.h"

namespace postern::gateway::cli {

/// Where the daemon listens.
inline std::filesystem::path cli_socket(const std::filesystem::path& runtime_dir) { return runtime_dir / "cli.sock"; }

struct Request {
  enum class Kind {
    kLine,       ///< Run `text`.
    kHelp,       ///< What may follow `text`?
    kScript,     ///< Run `text`, a line of a text that is taken whole or not at all.
    kEndScript,  ///< That text is at its end.
    kHello,      ///< A person begins: what should be known first?
    kCancel,     ///< Give up what is under way: a line that runs is then answered, and this afterwards.
  };
  Kind kind = Kind::kLine;
  std::string text;
};

struct Response {
  Reply reply;
  std::vector<Candidate> help;  ///< Of kHelp.
  std::string prompt;           ///< For the next line.
  bool staged = false;          ///< Changes wait for `end`.
  bool pages = false;           ///< On a terminal, long output stops at each page.
  bool working = false;         ///< No answer yet: one follows. Everything else is empty.
};

/// So often a daemon that works on a request says so.
inline constexpr std::chrono::seconds kWorkingEvery{1};

std::string encode(const Request& request);
std::string encode(const Response& response);
/// Errors: kInvalidArgument.
Result<Request> decode_request(std::string_view message);
Result<Response> decode_response(std::string_view message);

/// Larger messages end the connection.
inline constexpr std::size_t kMaxMessage = 64u << 20;

}  // namespace postern::gateway::cli
