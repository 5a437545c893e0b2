#include "agent/shell/state_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <cstring>

#include "base/file.h"
#include "base/hex.h"
#include "base/log.h"
#include "pki/certificate.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxFile = 4u << 20;
constexpr int kLockTries = 100;  // two seconds
constexpr const char* kKey = "client.key";
constexpr const char* kChain = "client.pem";
constexpr const char* kNextChain = "client.pem.new";
constexpr const char* kEnrolment = "agent.json";
constexpr const char* kWishes = "wishes.json";
constexpr const char* kLock = "lock";

tl::unexpected<Error> damaged(const std::string& what) { return fail(ErrorCode::kDataLoss, what); }

Result<json::object> parse_object(std::string_view text) {
  boost::system::error_code ec;
  auto value = json::parse({text.data(), text.size()}, ec);
  if (ec || !value.is_object()) return damaged("it is not a JSON object");
  return std::move(value.get_object());
}

std::string member_text(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains({name.data(), name.size()});
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::vector<std::string> texts_of(const json::object& object, std::string_view name) {
  std::vector<std::string> out;
  const auto* value = object.if_contains({name.data(), name.size()});
  if (value == nullptr || !value->is_array()) return out;
  for (const auto& item : value->get_array()) {
    if (item.is_string()) out.emplace_back(item.get_string());
  }
  return out;
}

template <class Texts>
json::array array_of(const Texts& texts) {
  json::array out;
  for (const auto& text : texts) out.emplace_back(text);
  return out;
}

Status sync_directory(const std::filesystem::path& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return fail(errno_error(errno, "opening", directory));
  ::fsync(fd);
  ::close(fd);
  return {};
}

Status remove_durably(const std::filesystem::path& directory, const char* name) {
  const auto path = directory / name;
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail(errno_error(errno, "removing", path));
  return sync_directory(directory);
}

/// Nothing when there is no such file.
Result<std::optional<std::string>> read_if_there(const std::filesystem::path& path) {
  auto text = read_file(path, kMaxFile);
  if (text) return std::optional(std::move(*text));
  if (text.error().code == ErrorCode::kNotFound) return std::optional<std::string>();
  return fail(text.error());
}

Result<std::optional<pki::PrivateKey>> read_key(const std::filesystem::path& path) {
  const auto pem = read_if_there(path);
  if (!pem) return fail(pem.error());
  if (!*pem) return std::optional<pki::PrivateKey>();
  auto key = pki::PrivateKey::from_pem(**pem);
  if (!key) return damaged(path.string() + " holds no private key; remove it and enrol again");
  return std::optional(std::move(*key));
}

}  // namespace

std::string print_enrolment(const Enrolment& e) {
  return json::serialize(json::object{{"version", 1},
                                      {"registration", "registered"},
                                      {"uid", e.uid.str()},
                                      {"ems_serial", e.ems_serial.str()},
                                      {"tenant_id", e.tenant.str()},
                                      {"addresses", array_of(e.addresses)},
                                      {"root_key_sha256", to_hex_lower(e.root_key_sha256)},
                                      {"chain", e.chain_pem()}}) +
         "\n";
}

Result<StoredEnrolment> read_enrolment(std::string_view text, const std::optional<pki::PrivateKey>& key) {
  const auto object = parse_object(text);
  if (!object) return fail(object.error());
  const auto registration = member_text(*object, "registration");
  if (registration == "unregistered") return StoredEnrolment{};
  if (registration == "deregistered") return StoredEnrolment{member_text(*object, "reason"), std::nullopt};
  if (registration != "registered") return damaged("it names no registration");
  // Without its key a certificate is worth nothing.
  if (!key) return StoredEnrolment{"the private key is gone; enrol again", std::nullopt};
  const auto digest = from_hex(member_text(*object, "root_key_sha256"));
  Enrolment out{parse_endpoint_uid(member_text(*object, "uid")), EmsSerial(member_text(*object, "ems_serial")),
                TenantId(member_text(*object, "tenant_id")), texts_of(*object, "addresses"), {}, *key, {}, {}, {}, {}};
  if (out.uid.empty() || out.addresses.empty() || !digest || digest->size() != out.root_key_sha256.size()) {
    return damaged("a part of the enrolment is missing");
  }
  std::memcpy(out.root_key_sha256.data(), digest->data(), digest->size());
  auto chain = pki::certificates_from_pem(member_text(*object, "chain"));
  if (!chain) return damaged("its certificate is damaged");
  if (!adopt_chain(out, std::move(*chain))) {
    return StoredEnrolment{"the private key is another one; enrol again", std::nullopt};
  }
  return StoredEnrolment{"", std::move(out)};
}

std::string print_wishes(const Wishes& wishes) {
  return json::serialize(json::object{{"version", 2},
                                      {"facts", array_of(wishes.facts)},
                                      {"vulnerability_scan", wishes.vulnerability_scan},
                                      {"inventory_interval_s", wishes.inventory_interval.count()},
                                      {"ztna_destinations", proto::print_ztna_destinations(wishes.destinations)}}) +
         "\n";
}

Result<Wishes> read_wishes(std::string_view text) {
  const auto object = parse_object(text);
  if (!object) return fail(object.error());
  Wishes out;
  for (auto& key : texts_of(*object, "facts")) {
    if (!key.empty() && key.size() <= posture::keys::kMaxKeyBytes) out.facts.insert(std::move(key));
  }
  if (const auto* scan = object->if_contains("vulnerability_scan"); scan != nullptr && scan->is_bool()) {
    out.vulnerability_scan = scan->get_bool();
  }
  if (const auto* s = object->if_contains("inventory_interval_s"); s != nullptr && s->is_int64()) {
    out.inventory_interval = Seconds(std::clamp<std::int64_t>(s->get_int64(), 60, 31'536'000));
  }
  if (const auto listed = member_text(*object, "ztna_destinations"); !listed.empty()) {
    if (auto destinations = proto::parse_ztna_destinations(listed)) out.destinations = std::move(*destinations);
  }
  return out;
}

Result<StateDir> StateDir::open(std::filesystem::path directory) {
  if (auto ok = make_directories(directory, 0700); !ok) return fail(ok.error());
  const auto path = directory / kLock;
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return fail(errno_error(errno, "opening", path));
  // One that was killed a moment ago may still be ending.
  int tries = 0;
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK && ++tries < kLockTries) ::usleep(20'000);
  if (tries == kLockTries) {
    ::close(fd);
    return fail(ErrorCode::kAlreadyExists, "another postern-agent runs on " + directory.string());
  }
  return StateDir(std::move(directory), fd);
}

StateDir::~StateDir() {
  if (lock_ >= 0) ::close(lock_);
}

Result<StateDir::Stored> StateDir::load() const {
  Stored out;
  const auto key = read_key(directory_ / kKey);
  if (!key) return fail(key.error());
  const auto text = read_if_there(directory_ / kEnrolment);
  if (!text) return fail(text.error());
  if (*text) {
    auto stored = read_enrolment(**text, *key);
    if (!stored) {
      const auto path = (directory_ / kEnrolment).string();
      return fail(stored.error().context(path + " is damaged (remove it and enrol again)"));
    }
    out.enrolment = std::move(stored->enrolment);
    out.deregistered_because = std::move(stored->deregistered_because);
  }
  // A crash between the two left the older chain there. It is only a copy: a disk that is full stops no agent.
  if (out.enrolment) {
    const auto pem = out.enrolment->chain_pem();
    const auto shown = read_if_there(directory_ / kChain);
    if (!shown || *shown != pem) {
      const auto ok = write_file_atomic(directory_ / kChain, pem, 0644);
      if (!ok) log_warning("agent.state", ok.error().message);
    }
  }
  // Only a help: without it the EMS says it again.
  const auto wishes = read_if_there(directory_ / kWishes);
  if (wishes && *wishes) out.wishes = read_wishes(**wishes).value_or(Wishes{});
  return out;
}

Result<StateDir::EnrolmentKey> StateDir::enrolment_key() const {
  const auto before = read_key(directory_ / kKey);
  if (before && *before) return EnrolmentKey{**before, true};
  if (!before && before.error().code != ErrorCode::kDataLoss) return fail(before.error());
  const auto key = pki::PrivateKey::generate();
  if (auto ok = store_key(key); !ok) return fail(ok.error());
  return EnrolmentKey{key, false};
}

Status StateDir::store_key(const pki::PrivateKey& key) const {
  return write_file_atomic(directory_ / kKey, key.to_pem(), 0600);
}

Status StateDir::store(const Enrolment& enrolment) const {
  // All that needs room comes before the point from which the new certificate counts: a full disk is met on this side.
  const auto next = directory_ / kNextChain;
  if (auto ok = write_file_atomic(next, enrolment.chain_pem(), 0644); !ok) return ok;
  // The key is there already; from here on the certificate counts.
  if (auto ok = write_file_atomic(directory_ / kEnrolment, print_enrolment(enrolment), 0600); !ok) {
    ::unlink(next.c_str());
    return ok;
  }
  // A crash before this leaves the older chain there, which `load` mends.
  const auto chain = directory_ / kChain;
  if (::rename(next.c_str(), chain.c_str()) != 0) return fail(errno_error(errno, "renaming into place", chain));
  return sync_directory(directory_);
}

Status StateDir::store_wishes(const Wishes& wishes) const {
  return write_file_atomic(directory_ / kWishes, print_wishes(wishes), 0600);
}

Status StateDir::forget(const std::string& reason) const {
  if (auto ok = remove_durably(directory_, kKey); !ok) return ok;
  const json::object object{{"version", 1},
                            {"registration", reason.empty() ? "unregistered" : "deregistered"},
                            {"reason", reason}};
  for (const auto* name : {kChain, kNextChain, kWishes}) {
    if (auto ok = remove_durably(directory_, name); !ok) return ok;
  }
  return write_file_atomic(directory_ / kEnrolment, json::serialize(object) + "\n", 0600);
}

}  // namespace postern::agent
