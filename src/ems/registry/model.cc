#include "ems/registry/model.h"

namespace postern::ems {

std::string_view registration_name(Registration registration) {
  switch (registration) {
    case Registration::kRegistered: return "registered";
    case Registration::kDeregistered: return "deregistered";
    case Registration::kRevoked: return "revoked";
  }
  return "";
}

std::string_view feed_state_name(FeedState state) {
  switch (state) {
    case FeedState::kIdle: return "idle";
    case FeedState::kFetching: return "fetching";
    case FeedState::kReading: return "reading";
    case FeedState::kFailed: return "failed";
  }
  return "idle";
}

std::string_view device_state_name(DeviceState state) {
  switch (state) {
    case DeviceState::kPending: return "pending";
    case DeviceState::kAuthorised: return "authorised";
    case DeviceState::kDenied: return "refused";
    case DeviceState::kConflict: return "conflict";
  }
  return "";
}

std::string_view endpoint_sharing_name(EndpointSharing sharing) {
  switch (sharing) {
    case EndpointSharing::kConnected: return "connected";
    case EndpointSharing::kAll: return "all";
    case EndpointSharing::kSelected: return "selected";
  }
  return "";
}

std::optional<EndpointSharing> parse_endpoint_sharing(std::string_view name) {
  for (const auto s : {EndpointSharing::kConnected, EndpointSharing::kAll, EndpointSharing::kSelected}) {
    if (endpoint_sharing_name(s) == name) return s;
  }
  return std::nullopt;
}

std::string_view administrator_role_name(AdministratorRole role) {
  return role == AdministratorRole::kAdmin ? "admin" : "readonly";
}

std::optional<AdministratorRole> parse_administrator_role(std::string_view name) {
  for (const auto r : {AdministratorRole::kAdmin, AdministratorRole::kReadonly}) {
    if (administrator_role_name(r) == name) return r;
  }
  return std::nullopt;
}

}  // namespace postern::ems
