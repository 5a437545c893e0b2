// Files of a root file system that the agent reads, its own or another's (`facts --root`).
#include <cstdint>
#include <cstdlib>

#include "agent/collectors/avatar/passwd.h"
#include "agent/collectors/domain/domain.h"
#include "agent/collectors/hardware/parse.h"
#include "agent/collectors/os/key_values.h"
#include "agent/collectors/protection/clamav.h"
#include "agent/collectors/users/utmp.h"
#include "base/hex.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::agent;
  const auto text = postern::as_text({data, size});
  parse_cpu_model(text);
  parse_memory_mb(text);
  parse_dmi(text);
  parse_sssd_domain(text);
  parse_krb5_realm(text);
  parse_resolv_domain(text);
  parse_clam_version(text);
  if (const auto home = home_of(text, "root"); !home.empty() && home.front() != '/') std::abort();
  const auto logins = parse_logins(text);
  if (users_of(logins).size() > logins.size()) std::abort();
  last_user(logins);
  if (start_recorded_at(text) && !newest_record_at(text)) std::abort();
  const auto values = parse_key_values(text);
  if (values.size() > kMaxKeyValues) std::abort();
  value_of(values, "ID");
  return 0;
}
