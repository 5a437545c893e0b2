#pragma once
// How long the certificates that an EMS makes are valid.
#include "base/clock.h"
#include "pki/authority.h"

namespace postern::ems {

inline constexpr Seconds kCertificateYear{365 * 24 * 3600};
inline constexpr Seconds kRootLife = 20 * kCertificateYear;
inline constexpr Seconds kZtnaLife = 10 * kCertificateYear;
inline constexpr Seconds kTelemetryLife = 2 * kCertificateYear;
inline constexpr Seconds kWebLife = 2 * kCertificateYear;

/// From now on, or rather from an hour ago: clocks of the other side may be a little behind.
inline pki::Validity validity(Now now, Seconds life) {
  return {now.wall - Seconds(3600), now.wall + std::chrono::duration_cast<Millis>(life)};
}

}  // namespace postern::ems
