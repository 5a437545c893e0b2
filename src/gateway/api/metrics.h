#pragma once
// /metrics: what a monitoring system scrapes. Like everything of this API it is for API users and administrators who may
// look: which endpoints are refused, and why, is nobody else's business.
#include "gateway/api/call.h"

namespace postern::gateway::api {

/// In the text format of Prometheus, or as OpenMetrics for those who accept that.
void serve_metrics(const CallPtr& call);

}  // namespace postern::gateway::api
