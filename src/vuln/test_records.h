#pragma once
// OSV records for tests.
#include <gtest/gtest.h>
#include <zlib.h>

#include <memory>
#include <string>
#include <string_view>

#include "vuln/osv.h"

namespace postern::vuln {

/// "affected" of one Debian 12 source with the range events given, such as
/// R"({"introduced":"0"},{"fixed":"2"})"; `more` are further members of it.
inline std::string affected(std::string_view source, std::string_view events,
                            std::string_view more = "") {
  return std::string(R"({"package":{"ecosystem":"Debian:12","name":")")
      .append(source)
      .append(R"("},"ranges":[{"type":"ECOSYSTEM","events":[)")
      .append(events)
      .append("]}]")
      .append(more)
      .append("}");
}

/// A record with the members given besides "id" and "affected"; one line.
inline std::string record(std::string_view id, std::string_view affected_list,
                          std::string_view more = "") {
  return std::string(R"({"id":")")
      .append(id)
      .append(R"(")")
      .append(more)
      .append(R"(,"affected":[)")
      .append(affected_list)
      .append("]}\n");
}

/// A vulnerability mended in `fixed` of `source`, as Debian's records have it.
inline std::string fixed_in(std::string_view cve, std::string_view source, std::string_view fixed,
                            std::string_view more = "") {
  return record(std::string("DEBIAN-").append(cve),
                affected(source, std::string(R"({"introduced":"0"},{"fixed":")").append(fixed) +
                                     R"("})"),
                std::string(R"(,"upstream":[")").append(cve).append(R"("])").append(more));
}

inline std::shared_ptr<const AdvisorySet> set_of(std::string_view lines) {
  FeedReader reader;
  const auto added = reader.add("test", lines);
  EXPECT_TRUE(added) << added.error().message;
  return std::make_shared<const AdvisorySet>(std::move(reader).finish());
}

/// As feeds are packed.
inline std::string gzip(std::string_view text) {
  z_stream z{};
  EXPECT_EQ(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&z, text.size()), '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

}  // namespace postern::vuln
