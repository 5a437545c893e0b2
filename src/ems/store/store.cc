#include "ems/store/store.h"

namespace postern::ems {

std::string_view table_name(TableId table) {
  switch (table) {
    case TableId::kMeta: return "meta";
    case TableId::kTags: return "tags";
    case TableId::kProfiles: return "profiles";
    case TableId::kInvitations: return "invitations";
    case TableId::kEndpoints: return "endpoints";
    case TableId::kEndpointState: return "endpoint_state";
    case TableId::kFacts: return "facts";
    case TableId::kInventories: return "inventories";
    case TableId::kDevices: return "fabric_devices";
    case TableId::kAdministrators: return "administrators";
    case TableId::kApiTokens: return "api_tokens";
    case TableId::kServerCertificates: return "server_certificates";
    case TableId::kFeeds: return "feeds";
    case TableId::kRisks: return "risks";
  }
  return "";
}

}  // namespace postern::ems
