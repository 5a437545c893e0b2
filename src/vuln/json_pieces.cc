#include "vuln/json_pieces.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <boost/json/basic_parser_impl.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "base/text.h"

namespace postern::vuln {
namespace {

namespace json = boost::json;
using error_code = boost::system::error_code;

constexpr std::size_t kPieceDepth = 2;  // containers around a piece

/// Events of the parser: what stands in a piece goes to a stack of values, what is around it becomes its path.
struct Handler {
  static constexpr std::size_t max_object_size = 10'000'000;
  static constexpr std::size_t max_array_size = 10'000'000;
  static constexpr std::size_t max_key_size = 4096;
  static constexpr std::size_t max_string_size = 16u << 20;

  JsonPieceLimits limits;
  JsonPieceSink sink;
  unsigned char buffer[16384];
  std::optional<json::monotonic_resource> memory{};  // of this piece: one that is reused grows each time
  json::value_stack values{};
  struct Level {
    bool array = false;
    std::size_t count = 0;
    std::string key;
  };
  std::vector<Level> levels{};  // of the containers around a piece, at most kPieceDepth
  std::size_t depth = 0;        // of all open containers
  std::size_t size = 0;         // of the piece so far
  std::string key_part{};
  Status status{};

  Handler(JsonPieceLimits l, JsonPieceSink s) : limits(l), sink(std::move(s)) { begin_piece(); }

  void begin_piece() {
    values.reset({});  // lets go of the memory first
    memory.emplace(buffer);
    values.reset(&*memory);
    size = 0;
  }
  bool stop(Status why, error_code& ec) {
    status = std::move(why);
    ec = json::error::exception;
    return false;
  }
  bool grow(std::size_t bytes, error_code& ec) {
    size += bytes + 16;
    if (size <= limits.piece_bytes) return true;
    return stop(fail(ErrorCode::kResourceExhausted,
                     fmt::format("{}an entry is larger than the limit of {} bytes", where(), limits.piece_bytes)),
                ec);
  }
  std::string where() const {
    std::string out;
    for (const auto& level : levels) out += level.array ? fmt::format("{}: ", level.count) : level.key + ": ";
    return out;
  }
  bool in_piece() const { return depth >= kPieceDepth; }
  /// A value was put on the stack.
  bool value_made(error_code& ec) {
    if (depth > kPieceDepth) return true;
    if (depth == 0) return stop(fail(ErrorCode::kInvalidArgument, "it is not a JSON object"), ec);
    auto& level = levels.back();
    const auto name = depth < kPieceDepth ? std::string() : level.array ? std::to_string(level.count) : level.key;
    const auto value = values.release();
    auto done = sink(levels.front().key, name, value);
    ++level.count;
    if (!done) return stop(std::move(done), ec);
    return true;
  }

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool open(bool array, error_code& ec) {
    if (depth == 0 && array) return stop(fail(ErrorCode::kInvalidArgument, "it is not a JSON object"), ec);
    if (!in_piece()) levels.push_back({array, 0, {}});
    if (in_piece() && !grow(0, ec)) return false;
    ++depth;
    return true;
  }
  bool close(bool array, std::size_t n, error_code& ec) {
    --depth;
    if (!in_piece()) {
      levels.pop_back();
      if (!levels.empty()) ++levels.back().count;
      return true;
    }
    if (array) {
      values.push_array(n);
    } else {
      values.push_object(n);
    }
    return made(ec);
  }
  bool made(error_code& ec) {
    if (!value_made(ec)) return false;
    if (depth <= kPieceDepth) begin_piece();
    return true;
  }
  bool on_object_begin(error_code& ec) { return open(false, ec); }
  bool on_object_end(std::size_t n, error_code& ec) { return close(false, n, ec); }
  bool on_array_begin(error_code& ec) { return open(true, ec); }
  bool on_array_end(std::size_t n, error_code& ec) { return close(true, n, ec); }
  bool on_key_part(json::string_view s, std::size_t, error_code& ec) {
    if (depth <= kPieceDepth) {
      key_part.append(s.data(), s.size());
      return true;
    }
    values.push_chars(s);
    return grow(s.size(), ec);
  }
  bool on_key(json::string_view s, std::size_t, error_code& ec) {
    if (depth <= kPieceDepth) {
      key_part.append(s.data(), s.size());
      levels.back().key = std::exchange(key_part, {});
      return true;
    }
    values.push_key(s);
    return grow(s.size(), ec);
  }
  bool on_string_part(json::string_view s, std::size_t, error_code& ec) {
    values.push_chars(s);
    return grow(s.size(), ec);
  }
  bool on_string(json::string_view s, std::size_t, error_code& ec) {
    values.push_string(s);
    return grow(s.size(), ec) && made(ec);
  }
  bool on_number_part(json::string_view, error_code&) { return true; }
  bool on_int64(std::int64_t n, json::string_view, error_code& ec) {
    values.push_int64(n);
    return grow(0, ec) && made(ec);
  }
  bool on_uint64(std::uint64_t n, json::string_view, error_code& ec) {
    values.push_uint64(n);
    return grow(0, ec) && made(ec);
  }
  bool on_double(double n, json::string_view, error_code& ec) {
    values.push_double(n);
    return grow(0, ec) && made(ec);
  }
  bool on_bool(bool b, error_code& ec) {
    values.push_bool(b);
    return grow(0, ec) && made(ec);
  }
  bool on_null(error_code& ec) {
    values.push_null();
    return grow(0, ec) && made(ec);
  }
  bool on_comment_part(json::string_view, error_code&) { return true; }
  bool on_comment(json::string_view, error_code&) { return true; }
};

json::parse_options options_of(const JsonPieceLimits& limits) {
  json::parse_options options;
  options.max_depth = limits.depth;
  return options;
}

}  // namespace

struct JsonPieces::Impl {
  Impl(JsonPieceLimits limits, JsonPieceSink sink)
      : depth(limits.depth), parser(options_of(limits), limits, std::move(sink)) {}

  std::size_t depth;
  std::size_t line = 1;
  bool done = false;
  json::basic_parser<Handler> parser;
};

JsonPieces::JsonPieces(JsonPieceLimits limits, JsonPieceSink sink)
    : impl_(std::make_unique<Impl>(limits, std::move(sink))) {}
JsonPieces::~JsonPieces() = default;

Status JsonPieces::feed(std::string_view chunk) {
  auto& in = *impl_;
  if (!in.done && !chunk.empty()) {
    error_code ec;
    const auto used = in.parser.write_some(true, chunk.data(), chunk.size(), ec);
    if (!in.parser.handler().status) return in.parser.handler().status;
    in.line += static_cast<std::size_t>(std::count(chunk.data(), chunk.data() + std::min(used, chunk.size()), '\n'));
    if (ec == json::error::too_deep) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("line {}: JSON nested deeper than {} levels", in.line, in.depth));
    }
    if (ec) return fail(ErrorCode::kInvalidArgument, fmt::format("line {}: not JSON: {}", in.line, ec.message()));
    chunk.remove_prefix(used);
    in.done = in.parser.done();
  }
  if (!chunk.empty() && !trim(chunk).empty()) {
    return fail(ErrorCode::kDataLoss, fmt::format("line {}: something follows the end of the document", in.line));
  }
  return {};
}

Status JsonPieces::end() {
  if (impl_->done) return {};
  error_code ec;
  impl_->parser.write_some(false, nullptr, 0, ec);
  if (!ec && impl_->parser.done()) return {};
  return fail(ErrorCode::kDataLoss, "the document is cut off: fetch the file again");
}

}  // namespace postern::vuln
