#pragma once
// What settings of one entry mean only together. Thread: any.
#include "gateway/config/import/draft.h"

namespace postern::gateway::config::fortios {

/// Behind the last setting of the entry, before anything is known of other entries.
void combine(Draft& draft, Judgements& judgements);

/// Does the setting say which requests an api-gateway gets?
bool is_request_setting(std::string_view name);
/// Are all of these taken? Then it stays in place without its servers when something else of it can't be taken, so that
/// no other one gets its requests.
bool requests_are_known(const Draft& api_gateway, const Judgements& judgements);

/// Why clients who show no certificate, whom an access proxy lets in, are refused there by its virtual address or by a
/// virtual host (`at_the_door`); empty: they are not.
std::string refuses_without_certificate(const ObjectView& access_proxy, const Draft& at_the_door);

}  // namespace postern::gateway::config::fortios
