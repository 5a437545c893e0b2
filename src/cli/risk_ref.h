#pragma once
// An accepted risk, as a person names it and reads it.
#include <boost/json/fwd.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/command.h"

namespace postern::cli {

struct FoundRisk {
  std::shared_ptr<const boost::json::value> risk;  ///< Never null.
  std::vector<std::string> others;  ///< Ids of further ones in force for the same CVE.
};

/// By id ("RSK-7K2M9QXA"), the beginning of one, or CVE; case does not matter. Of several with that CVE the only one in
/// force is meant. Errors: kNotFound, kConflict (several; lists them).
Result<FoundRisk> find_risk(Session& session, std::string_view text);

/// CVE ids in capitals, as findings name them; what other publishers call theirs stays as it is.
std::string vulnerability_id(std::string_view text);

/// "pam 1.5.2-6+deb12u1", "pam", "any 1.5.2-6+deb12u1" or "any".
std::string risk_package(const boost::json::value& risk);
/// "all", a host name, or the UID of an endpoint that has none.
std::string risk_endpoints(const boost::json::value& risk);
/// "CVE-2025-6020 in pam 1.5.2-6+deb12u1 on laptop7".
std::string risk_text(const boost::json::value& risk);

}  // namespace postern::cli
