#pragma once
// Rows of the store and back. Text rows are JSON objects; facts and inventories are bytes. Reading is strict about what
// it needs and ignores members it doesn't know (a newer version's); a row that can't be read is kDataLoss, naming it.
#include <string>
#include <string_view>

#include "base/result.h"
#include "ems/registry/model.h"

namespace postern::ems::codec {

std::string endpoint_row(const Endpoint& endpoint);        ///< TableId::kEndpoints, key UID.
/// TableId::kEndpointState, key UID. `tags`: what it is said to have.
std::string endpoint_state_row(const Endpoint& endpoint, const posture::TagSets& tags);
/// Each reads its part and leaves the other alone.
Status read_endpoint_row(std::string_view row, Endpoint& endpoint);
Status read_endpoint_state_row(std::string_view row, Endpoint& endpoint, posture::TagSets& tags);

std::string fact_row(std::string_view key, const posture::Fact& fact);  ///< TableId::kFacts, key "UID/key".
Result<posture::Fact> read_fact_row(std::string_view row);

std::string tag_row(const Tag& tag);                       ///< Key: the id in decimal.
Result<Tag> read_tag_row(std::string_view row);
std::string invitation_row(const Invitation& invitation);  ///< Key: id.
Result<Invitation> read_invitation_row(std::string_view row);
std::string device_row(const FabricDevice& device);        ///< Key: serial.
Result<FabricDevice> read_device_row(std::string_view row);
std::string profile_row(const Profile& profile);           ///< Key: name.
Result<Profile> read_profile_row(std::string_view row);
std::string administrator_row(const Administrator& administrator);  ///< Key: name.
Result<Administrator> read_administrator_row(std::string_view row);
std::string api_token_row(const ApiToken& token);          ///< Key: id.
Result<ApiToken> read_api_token_row(std::string_view row);
std::string server_certificate_row(const ServerCertificate& certificate);  ///< Key: name.
Result<ServerCertificate> read_server_certificate_row(std::string_view row);
std::string feed_row(const Feed& feed);                    ///< Key: name.
Result<Feed> read_feed_row(std::string_view row);
std::string risk_row(const Risk& risk);                    ///< Key: id.
Result<Risk> read_risk_row(std::string_view row);

}  // namespace postern::ems::codec
