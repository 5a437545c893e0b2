#pragma once
// A decision taken apart: what each policy of the access proxy says by itself. For people; slow.
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "policy/decide.h"
#include "policy/table.h"

namespace postern::gateway {

struct DecisionTrace {
  policy::Decision whole;        ///< By all of them together.
  struct Policy {
    std::uint32_t id = 0;
    std::string name;
    bool accepts = false;
    bool source_fits = false;
    bool interface_fits = false;  ///< Neither it nor the access proxy asks for another than that of the request.
    bool destination_fits = false;  ///< It holds for the API gateway that the request asks for.
    policy::Decision alone;      ///< As if there were no other.
  };
  std::vector<Policy> policies;  ///< Those of the access proxy, in order.
};

/// Judges by the same function as nginx does. Pure. Errors: kNotFound (no such access proxy), those of policy::compile.
Result<DecisionTrace> trace_decision(const policy::PolicyTable& table, const policy::EndpointState& endpoint,
                                     const policy::RequestContext& request);

}  // namespace postern::gateway
