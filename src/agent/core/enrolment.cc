#include "agent/core/enrolment.h"

#include <algorithm>
#include <array>

#include "base/ip.h"
#include "pki/authority.h"
#include "pki/certificate.h"
#include "posture/fact_keys.h"
#include "wire/telemetry.pb.h"

namespace postern::agent {
namespace {

namespace keys = posture::keys;

// What the EMS takes.
constexpr std::size_t kMaxText = 255;
constexpr std::size_t kMaxMacs = 64;
constexpr std::size_t kMaxChain = 8;

std::string fact_text(const posture::FactMap& facts, std::string_view key) {
  const auto* text = posture::known<std::string>(facts, key);
  return text == nullptr ? std::string() : text->substr(0, kMaxText);
}

}  // namespace

std::string Enrolment::chain_pem() const {
  std::string out;
  for (const auto& der : chain_der) out += pki::to_pem(der);
  return out;
}

Status adopt_chain(Enrolment& enrolment, std::vector<Bytes> chain_der) {
  if (chain_der.empty() || chain_der.size() > kMaxChain)
    return fail(ErrorCode::kDataLoss, "the EMS sent no certificate");
  const auto leaf = pki::parse_certificate(chain_der.front());
  if (!leaf) return fail(ErrorCode::kDataLoss, "the EMS sent a damaged certificate: " + leaf.error().message);
  if (leaf->public_key_sha256 != enrolment.key.public_key_sha256()) {
    return fail(ErrorCode::kDataLoss, "the EMS sent a certificate for another key");
  }
  if (parse_endpoint_uid(leaf->subject_cn) != enrolment.uid) {
    return fail(ErrorCode::kDataLoss, "the EMS sent a certificate for another endpoint");
  }
  for (std::size_t i = 1; i < chain_der.size(); ++i) {
    if (!pki::parse_certificate(chain_der[i])) return fail(ErrorCode::kDataLoss, "the EMS sent a damaged certificate");
  }
  enrolment.certificate = leaf->serial;
  enrolment.not_before = leaf->not_before;
  enrolment.not_after = leaf->not_after;
  enrolment.chain_der = std::move(chain_der);
  return {};
}

std::string enrol_request(const std::string& code, const pki::PrivateKey& key, const posture::FactMap& facts,
                          const std::string& agent_version) {
  wire::EnrolRequest request;
  request.set_code(code);
  request.set_csr_der(std::string(as_text(pki::make_request(key))));
  request.set_host_name(fact_text(facts, keys::kHostName));
  request.set_machine_id(fact_text(facts, keys::kMachineId));
  request.set_hardware_uuid(fact_text(facts, keys::kHardwareUuid));
  request.set_agent_version(agent_version);
  if (const auto it = facts.find(keys::kMacs); it != facts.end()) {
    if (const auto* macs = it->second.as<std::vector<std::string>>()) {
      for (std::size_t i = 0; i < std::min(macs->size(), kMaxMacs); ++i) {
        if (const auto mac = MacAddress::parse((*macs)[i])) request.add_macs(std::string(as_text(mac->bytes())));
      }
    }
  }
  return request.SerializeAsString();
}

std::string why_not_connected(const Enrolment& enrolment, WallTime now, std::string reason) {
  if (!enrolment.expired(now)) return reason;
  return "this machine's certificate expired at " + to_iso8601(enrolment.not_after) +
         "; enrol it anew: postern-agent deregister --force, then postern-agent enrol (" + reason + ")";
}

Result<Enrolment> enrol_response(ByteView body, const pki::PrivateKey& key, std::vector<std::string> addresses,
                                 const Sha256& root_key_sha256) {
  wire::EnrolResponse in;
  if (!in.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
    return fail(ErrorCode::kDataLoss, "the EMS answered what cannot be read; does its version fit this agent's?");
  }
  if (!in.error_code().empty()) return fail(parse_error_code(in.error_code()), in.error_message());
  Enrolment out{parse_endpoint_uid(in.uid()),
                EmsSerial(in.ems_serial()),
                TenantId(in.tenant_id()),
                std::move(addresses),
                root_key_sha256,
                key,
                {},
                {},
                {},
                {}};
  if (out.uid.empty() || !valid_ems_serial(in.ems_serial())) {
    return fail(ErrorCode::kDataLoss, "the EMS answered without a UID and its serial number");
  }
  std::vector<Bytes> chain;
  for (const auto& der : in.chain_der()) chain.emplace_back(der.begin(), der.end());
  if (auto ok = adopt_chain(out, std::move(chain)); !ok) return fail(ok.error());
  return out;
}

Status check_ems(const std::vector<Bytes>& chain_der, const Sha256& root_key_sha256, WallTime now) {
  if (chain_der.empty()) return fail(ErrorCode::kUnauthenticated, "the server showed no certificate");
  const auto root = pki::parse_certificate(chain_der.back());
  if (!root || root->public_key_sha256 != root_key_sha256) {
    return fail(ErrorCode::kUnauthenticated,
                "this is not the EMS that the invitation is from: its root key is another one (SHA-256 " +
                    (root ? to_hex_lower(root->public_key_sha256) : "unreadable") + " instead of " +
                    to_hex_lower(root_key_sha256) +
                    "); it was told nothing. Ask the administrator of your EMS for a new invitation. If that names the "
                    "same key, another machine answers in the EMS's place: tell them");
  }
  const std::vector<Bytes> between(chain_der.begin() + 1, chain_der.end());
  const std::vector<Bytes> roots{chain_der.back()};
  if (auto ok = pki::verify_chain(chain_der.front(), between, roots, pki::Purpose::kServer, now); !ok) {
    return fail(ErrorCode::kUnauthenticated,
                "the EMS's certificate is not valid (" + ok.error().message + "); is this machine's clock right?");
  }
  return {};
}

}  // namespace postern::agent
