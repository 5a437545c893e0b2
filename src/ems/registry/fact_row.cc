#include "ems/registry/codec.h"
#include "proto/fact_codec.h"
#include "wire/endpoint.pb.h"

namespace postern::ems::codec {

std::string fact_row(std::string_view key, const posture::Fact& fact) {
  wire::Fact row;
  proto::encode_fact(key, fact, row);
  row.clear_key();  // the row's own key says it
  return row.SerializeAsString();
}

Result<posture::Fact> read_fact_row(std::string_view row) {
  wire::Fact parsed;
  if (!parsed.ParseFromArray(row.data(), static_cast<int>(row.size()))) {
    return fail(ErrorCode::kDataLoss, "not a fact");
  }
  return proto::decode_fact(parsed);
}

}  // namespace postern::ems::codec
