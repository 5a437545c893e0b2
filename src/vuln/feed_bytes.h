#pragma once
// A feed's records out of the bytes of its file, whatever it is packed in; bounded throughout.
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "vuln/osv.h"

namespace postern::vuln {

/// Called for each record with where it stands ("line 12", "CVE-2024-3094.json") and its text,
/// valid during the call. An error stops the reading and is handed on.
using RecordSink = std::function<Status(std::string_view where, std::string_view text)>;

/// Plain JSON lines, gzip of them (any number of members), or zip with one JSON document per entry,
/// told by the first bytes. Empty lines and directory entries are no records. Errors: those of the
/// sink; kDataLoss (truncated, checksum), kResourceExhausted (limits), kUnsupported (encrypted),
/// kInvalidArgument (a zip entry that is no .json file).
Status for_each_record(std::string_view bytes, const FeedLimits& limits, const RecordSink& sink);

bool is_zip(std::string_view bytes);

/// The unpacked text piece by piece, without a byte order mark: as it is, or out of gzip (any number of members). Errors: those of the sink,
/// kDataLoss, kResourceExhausted (more than limits.total_bytes).
Status for_each_chunk(std::string_view bytes, const FeedLimits& limits,
                      const std::function<Status(std::string_view chunk)>& sink);

/// How the last line of a file has to end.
enum class LastLine : std::uint8_t {
  kAnyhow,
  kWithNewline,  ///< Of text whose lines say nothing of whether they are whole: without one it was cut off.
};

/// Its lines, without those that are empty, with their number. A line is valid during the call. Errors: those of
/// for_each_chunk(), cut_off().
Status for_each_line(std::string_view bytes, const FeedLimits& limits, const RecordSink& sink,
                     LastLine last = LastLine::kAnyhow);

/// The file ends in the middle of this line ("line 12"): kDataLoss.
Error cut_off(std::string_view where);

/// The beginning of the unpacked text, at most `most` bytes. Error: kDataLoss (the packing is damaged from the start).
Result<std::string> first_bytes(std::string_view bytes, std::size_t most);

}  // namespace postern::vuln
