#pragma once
// The EMS without sockets, threads and clocks: what agents, gateways and administrators do goes in, bytes and
// completions come out as actions.
//
// Nothing is acknowledged and nothing is published before it is committed: inputs change memory and queue what follows
// from it, `flush` commits all of it as one transaction of the store and only then releases the actions. When the
// commit fails (disk full), memory goes back to what the store holds, completions are called with the error, agents and
// gateways that waited for it are disconnected with a time to come back, and `status().read_only` is set until a commit
// succeeds.
//
// Use: call an input; then `if (core.flush_wanted()) core.flush(now)` once everything that is ready has been handled
// (Loop::defer; while it stays wanted, again); then carry out `take_actions()` in order.
//
// Thread: one. Errors never leave by exception. Pointers and references that queries return are valid until the next
// input or flush.
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/hex.h"
#include "base/ids.h"
#include "base/ip.h"
#include "base/random.h"
#include "base/result.h"
#include "ems/core/change_set.h"
#include "ems/registry/model.h"
#include "ems/registry/query.h"
#include "ems/tagging/matching.h"
#include "posture/engine.h"

namespace postern::ems {

class Store;
struct EmsIdentity;

/// A connection, numbered by whoever carries it; never used twice in a run of the program.
using SessionId = std::uint64_t;

/// What TLS proved of the other end of a session.
struct PeerCertificate {
  Bytes leaf_der;
  bool verified = false;   ///< Chains to the ZTNA CA, in date, EKU clientAuth. Judged for telemetry only.
};

/// Who does something, for the audit log.
struct Actor {
  std::string name;        ///< "admin", "token:<id> (admin)".
  std::string source;      ///< Address, may be empty.
};

/// Called once, after the commit (or with why there was none); never inside the call that asked.
template <class T>
using Done = std::function<void(Result<T>)>;
using DoneStatus = std::function<void(Status)>;

namespace act {
struct Send { SessionId session; Bytes bytes; };               ///< One WebSocket message.
struct Close { SessionId session; std::string reason; };       ///< After what was sent. No `closed` need follow.
struct Complete { std::function<void()> call; };               ///< Call it.
/// Another web server certificate was selected, or the built-in one renewed: to be used for new connections.
struct WebCertificate { std::string chain_pem; std::string key_pem; };
/// The telemetry listener's certificate was renewed, which agents trust as they did the one before: to be used for new
/// connections.
struct TelemetryCertificate { std::string chain_pem; std::string key_pem; };
/// The administrator's password is another one now, or the administrator is gone.
struct PasswordChanged { std::string administrator; };
struct Alert { std::string event; std::string message; };      ///< For the log.
using Action = std::variant<Send, Close, Complete, WebCertificate, TelemetryCertificate, PasswordChanged, Alert>;
}  // namespace act

/// Settings that are not in the store.
struct EmsOptions {
  Seconds keepalive{60};
  Seconds offline_timeout{180};
  /// Of an endpoint that is offline: for so long what it reported counts. Long enough that a laptop that sleeps over lunch
  /// comes back with its tags; gateways refuse it meanwhile, because it is offline.
  Seconds tag_timeout{3600};
  Seconds last_seen_interval{60};            ///< How often a last-seen that only moved is written.
  Seconds client_certificate_life{90 * 24 * 3600};
  /// How long gateways go on letting in a certificate whose successor was used, while it is valid.
  Seconds renewal_overlap{600};
  std::vector<std::string> public_addresses; ///< "host:port" of telemetry, as invitations name them.
  /// Names and addresses by which this EMS is reached: those of the telemetry certificate, which is made anew when one
  /// is missing; added to those of the built-in web certificate when it is renewed.
  std::vector<std::string> server_names;
  std::size_t batch = 1000;                  ///< Objects changed in one transaction, about.
  std::size_t what_if_listed = 1'000'000;    ///< UIDs in what one what-if answers, of all its tags.
  /// Rules times endpoints in a what-if that everybody may ask: each may have to be judged for each, which takes seconds.
  std::size_t what_if_judged = 100'000'000;
  std::string version;
};

/// What goes on beside everything else. Work of one kind is counted together.
struct Work {
  std::string kind;                          ///< "evaluate", "match", "settle" (endpoints), "read_feeds" (feeds).
  std::size_t done = 0, total = 0;
  std::optional<WallTime> started_at;        ///< None: its turn has not come.
};

/// What browsers and gateways see.
struct WebCertificateStatus {
  std::string name;                          ///< Under EMS Server Certificates; empty: none is selected.
  bool built_in = false;
  Sha256 sha256{};                           ///< The fingerprint that gateways' administrators compare.
  WallTime not_after{};
  std::optional<WallTime> renews_at;         ///< The built-in one renews itself from then on; uploaded ones never do.
};

struct EmsStatus {
  EmsSerial serial;
  TenantId tenant;
  std::string version;
  std::uint64_t epoch = 0;                   ///< Random, of this store; never 0.
  Revision revision = 0;                     ///< Of the newest committed change.
  std::size_t endpoints = 0, registered = 0, online = 0, quarantined = 0;
  std::size_t telemetry_sessions = 0, fabric_sessions = 0;
  std::size_t pending_devices = 0;
  bool read_only = false;                    ///< The last commit failed.
  std::string store_error;                   ///< Why; empty when it works.
  WallTime started_at{};
  std::string ems_root_pem;                  ///< Certificate of the EMS root key.
  Sha256 root_key_sha256{};                  ///< What invitations name.
  std::string ztna_ca_pem;
  WebCertificateStatus web_certificate;
};

/// What a gateway's access proxies did, as it last said. Counts are totals since `counted_since`.
struct GatewayReport {
  std::uint64_t live_sessions = 0;           ///< Connections whose certificate got access, at that moment.
  std::uint64_t allowed = 0, denied = 0;     ///< Requests.
  std::uint64_t cut = 0;                     ///< Live ones, ended because they would no longer be let through.
  std::uint64_t uncounted = 0;               ///< Decisions of which the gateway does not know which.
  WallTime counted_since{};                  ///< By the gateway's clock: when its process began.
  WallTime reported_at{};
};

/// A fabric device with what only memory knows.
struct FabricDeviceView {
  FabricDevice device;
  bool connected = false;
  WallTime last_contact{};                   ///< Of this run; 0: none.
  std::size_t shared_endpoints = 0;
  std::optional<GatewayReport> report;       ///< In the present connection; none: away, or nothing said yet.
};

/// What a considered change would do to the endpoints by one tag.
struct TagWhatIf {
  /// Registered ones, compared with now.
  struct Endpoints {
    std::size_t count = 0;
    /// All of them, ascending; where those of all tags together are more than EmsOptions::what_if_listed, some.
    std::vector<EndpointUid> uids;
    bool cut() const { return uids.size() < count; }
  };
  std::string name;
  posture::TagKind kind = posture::TagKind::kSecurity;
  std::optional<posture::TagKind> kind_before;  ///< If it is another: gateways miss the one they know.
  bool gone = false;            ///< Removed or disabled: gateways, which know it, are not told of it any more.
  bool back = false;            ///< Enabled again, or of another kind: policies that name it so find it again.
  bool shown = false;           ///< Gateways are, or were, told of it.
  bool policies_differ = false; ///< Of unknown, policies make something else: its on_unknown is another.
  bool ignore_unknown = false;  ///< Afterwards: on_unknown is "ignore".
  Endpoints gain, lose, become_unknown;
  Endpoints become_absent;      ///< Were unknown: policies that deny by it let them through, unless it is gone.
  /// Its loss_delay afterwards: who loses it is said to have it for so long at most. 0: it is lost at once.
  Seconds kept_for{0};
  std::size_t has_after = 0, unknown_after = 0;  ///< Once nobody is said to have what he lost.
  bool lost_later() const { return kept_for > Seconds(0) && lose.count != 0; }
};
struct WhatIf {
  Applied would;                         ///< What would be saved.
  std::vector<TagWhatIf> tags;           ///< Those of the change, by name.
  std::vector<TagWhatIf> referring;      ///< Others that would change because they refer to them, by name.
  bool lost_later() const;               ///< Some tag is.
};
/// When: on saving, where a loss_delay keeps what is lost; or when all delays are over too.
enum class CutWhen : std::uint8_t { kAtOnce, kInTheEnd };

/// Live sessions that a considered change would cut, by the policies that gateways have now.
struct SessionsCut {
  struct Cut {
    EndpointUid uid;
    GatewaySerial gateway;
    std::uint32_t sessions = 0;
  };
  std::vector<Cut> cuts;
  std::uint64_t total = 0;
  std::vector<GatewaySerial> asked;
  std::vector<GatewaySerial> silent;     ///< Did not answer, or could not be asked: of their sessions nobody knows.
  std::vector<GatewaySerial> too_much;   ///< Those of them that were not asked: it would change more than one question holds.
};

class EmsCore {
 public:
  /// `store` and `random` outlive the core. `random` makes certificates' serials, codes and UIDs.
  EmsCore(Store& store, Random& random, EmsOptions options);
  ~EmsCore();
  EmsCore(const EmsCore&) = delete;
  EmsCore& operator=(const EmsCore&) = delete;

  /// Builds memory from the store. Once, first. Errors: kNotFound (the store is blank: see bootstrap/bootstrap.h),
  /// kDataLoss (a row that can't be read, named), kUnavailable.
  Status start(Now now);
  /// Vulnerability matching, and what became of the feeds behind it: those given on the command line are these and no
  /// others, of the rest only what they name is noted. If it is another one than before, every inventory is matched
  /// again, some per flush.
  void set_matching(Now now, std::shared_ptr<const Matching> matching, const std::vector<Feed>& feeds);
  /// What became of one feed: everything but how it is described. One that was removed meanwhile stays so.
  void note_feed(Now now, const Feed& feed);
  /// What it is doing now. Not stored.
  void show_feed_state(Now now, std::string_view name, FeedState state, WallTime next_check, std::uint64_t fetched = 0);
  /// Addresses that new invitations name: "host:port" of the telemetry listener.
  void set_public_addresses(std::vector<std::string> addresses);
  /// Keys and certificates as they are stored, for the listeners. Null before `start`.
  const EmsIdentity* identity() const;
  /// Goodbye to everybody, with a time to come back. Flush, carry out the actions, then stop.
  void shut_down(Now now);

  // ---- Telemetry and enrolment (src/proto/telemetry_server.h) -------------------------------------------------------
  void telemetry_opened(Now now, SessionId session, const PeerCertificate& peer, IpAddress source);
  void telemetry_frame(Now now, SessionId session, ByteView bytes);
  void telemetry_closed(Now now, SessionId session);
  /// `request` is a serialised wire::EnrolRequest; `done` gets a serialised wire::EnrolResponse (which may say why
  /// not).
  void enrol(Now now, IpAddress source, ByteView request, std::function<void(Bytes response)> done);

  // ---- Fabric (src/proto/fabric_server.h) ---------------------------------------------------------------------------
  void fabric_opened(Now now, SessionId session, const PeerCertificate& peer, IpAddress source);
  void fabric_frame(Now now, SessionId session, ByteView bytes);
  void fabric_closed(Now now, SessionId session);

  // ---- Time and output ----------------------------------------------------------------------------------------------
  /// Every second or so: offline timeouts, last-seen, retries after a failed commit, pruning, renewal of the telemetry
  /// certificate and of the built-in web certificate.
  void tick(Now now);
  bool flush_wanted() const;
  void flush(Now now);
  std::vector<act::Action> take_actions();

  // ---- Queries ------------------------------------------------------------------------------------------------------
  EmsStatus status() const;
  std::vector<Work> work() const;                                 ///< Empty: nothing is being done.
  Revision revision() const;                                      ///< Committed.
  const Endpoint* endpoint(const EndpointUid& uid) const;         ///< Null: no such one.
  EndpointPage endpoints(const EndpointQuery& query) const;
  const posture::TagEngine& engine() const;
  std::vector<const Tag*> tags() const;                           ///< By name; with the built-in.
  const Tag* tag(std::string_view name) const;
  struct TagCounts { std::size_t has = 0, unknown = 0; };         ///< Of registered endpoints.
  TagCounts tag_counts(posture::TagId id) const;
  /// Authorised gateways that are told of it: their policies may name it.
  std::vector<GatewaySerial> tag_shared_with(posture::TagId id) const;
  std::vector<const Invitation*> invitations() const;             ///< Newest first.
  const Invitation* invitation(std::string_view id) const;
  std::vector<FabricDeviceView> fabric_devices() const;           ///< Pending ones first, then by serial.
  std::optional<FabricDeviceView> fabric_device(const GatewaySerial& serial) const;
  std::vector<const Profile*> profiles() const;
  const Profile* profile(std::string_view name) const;
  std::vector<const Administrator*> administrators() const;
  const Administrator* administrator(std::string_view name) const;
  std::vector<const ApiToken*> api_tokens() const;
  /// By the SHA-256 of the token's text. Null when unknown or expired.
  const ApiToken* api_token(const Sha256& token_sha256, WallTime now) const;
  std::vector<const ServerCertificate*> server_certificates() const;
  const ServerCertificate* selected_server_certificate() const;
  std::vector<const Feed*> feeds() const;                         ///< By name.
  const Feed* feed(std::string_view name) const;
  std::vector<const Risk*> risks() const;                         ///< By id; also those that have expired.
  const Risk* risk(std::string_view id) const;
  /// Feeds are being fetched or read, or those in the store have not been read since the start.
  bool reads_feeds() const;
  /// Open findings of one endpoint. Errors: kNotFound (endpoint), kUnavailable (no inventory yet, no feed, or none that
  /// is known and some package that can't be judged), kDataLoss (its inventory can't be read).
  Result<std::vector<Finding>> findings(const EndpointUid& uid) const;
  /// Why it has the tag or not. Error: kNotFound (endpoint, tag).
  Result<posture::TagExplanation> explain(Now now, const EndpointUid& uid, std::string_view tag) const;
  /// The same as it was then, a moment before now, of the tag that had this name then: rebuilt from the change log, a page in
  /// each flush, however long that takes. Errors: kNotFound (endpoint, tag, or `at` before the endpoint enrolled or before the log begins), kUnavailable
  /// (too many ask).
  void explain_past(Now now, const EndpointUid& uid, std::string tag, WallTime at, Done<posture::TagExplanation> done);
  static constexpr std::size_t kMaxPastQuestions = 64;
  /// Why it is on-fabric or not: each detection set of its profile. Error: kNotFound.
  Result<std::vector<posture::DetectionSetExplanation>> explain_on_fabric(Now now, const EndpointUid& uid) const;
  /// Which endpoints a set would change; nothing does. Errors: those of apply().
  Result<WhatIf> what_if(Now now, ChangeSet set);
  /// Whether everybody may ask for that: kInvalidArgument where the answer could keep all others waiting. A single tag always.
  Status check_question(const ChangeSet& set) const;
  /// The same of one tag, with the errors of save_tag().
  Result<WhatIf> what_if(Now now, const posture::TagDefinition& draft);
  /// What of it may be saved and is probably not meant, for a person; saving doesn't refuse it.
  std::vector<std::string> tag_warnings(const posture::TagDefinition& definition) const;
  /// Tags whose rules name this one.
  std::vector<std::string> referring_tags(std::string_view name) const;
  /// Asks every authorised gateway which live sessions that would cut; answers within kWhatIfPatience.
  void sessions_cut(Now now, const WhatIf& changes, CutWhen when, Done<SessionsCut> done);
  static constexpr Millis kWhatIfPatience{2'000};
  /// Changes after a revision, ascending, at most `limit`; `key` empty: of everything. Errors: kNotFound (`after` is
  /// older than the log, begin anew from revision()), kUnavailable.
  Result<std::vector<Change>> changes(Revision after, std::size_t limit, std::string_view key = {}) const;
  /// Newest first, of one key (an endpoint's history); `before` 0: from the newest.
  Result<std::vector<Change>> history(std::string_view key, Revision before, std::size_t limit) const;
  /// Newest first; `before` 0: from the newest.
  Result<std::vector<AuditEntry>> audit(std::uint64_t before, std::size_t limit) const;
  std::uint64_t audit_size() const;  ///< All that are kept.
  /// Calls once, when the committed revision is past `after` (soon, if it is already). Returns a number for
  /// `forget_wait`.
  std::uint64_t wait_for_change(Revision after, std::function<void()> call);
  void forget_wait(std::uint64_t wait);
  /// The invitation text to paste, for a code.
  std::string invitation_text(const std::string& code) const;

  // ---- Administration. Each is audited; `done` is called after the commit -------------------------------------------
  struct InvitationMade {
    std::string id;
    std::string code;        ///< Shown once, kept by nobody.
    std::string invitation;  ///< Code, addresses and root key's digest as one text.
  };
  /// expires_in: 1 minute .. 365 days; max_uses: 1 .. 1,000,000. Error: kInvalidArgument.
  void create_invitation(Now now, const Actor& actor, Seconds expires_in, std::uint32_t max_uses, std::string note,
                         Done<InvitationMade> done);
  void revoke_invitation(Now now, const Actor& actor, const std::string& id, DoneStatus done);

  void quarantine(Now now, const Actor& actor, const EndpointUid& uid, std::string reason, DoneStatus done);
  void unquarantine(Now now, const Actor& actor, const EndpointUid& uid, DoneStatus done);
  /// It is refused from now on; its record stays for its history until removed.
  void deregister(Now now, const Actor& actor, const EndpointUid& uid, DoneStatus done);
  void revoke_certificates(Now now, const Actor& actor, const EndpointUid& uid, DoneStatus done);
  /// Only a deregistered or revoked one. Error: kConflict.
  void remove_endpoint(Now now, const Actor& actor, const EndpointUid& uid, DoneStatus done);
  void set_endpoint_profile(Now now, const Actor& actor, const EndpointUid& uid, const std::string& profile,
                            DoneStatus done);

  using AttributeValue = std::variant<bool, std::int64_t, std::string>;
  /// What others know of the endpoint, such as the score of another product; from its expiry on it is unknown. Errors:
  /// kNotFound, kInvalidArgument, kResourceExhausted.
  void set_attribute(Now now, const Actor& actor, const EndpointUid& uid, const std::string& name, AttributeValue value,
                     std::optional<Seconds> expires_in, DoneStatus done);
  void remove_attribute(Now now, const Actor& actor, const EndpointUid& uid, const std::string& name, DoneStatus done);
  /// Gives exactly these classification tags by hand. Errors: kNotFound, kInvalidArgument (no such tag, or one that
  /// follows from rules).
  void classify(Now now, const Actor& actor, const EndpointUid& uid, const std::vector<std::string>& tags,
                DoneStatus done);

  /// All of a set as one transaction, or nothing of it. What matters is how the tags stand together afterwards: new ones
  /// may refer to one another in any order, and what is removed may be referred to by what is removed with it. Errors:
  /// those of save_tag and delete_tag, with the tags' names.
  void apply(Now now, const Actor& actor, ChangeSet set, Done<Applied> done);
  /// Creates the tag, or replaces the one called `name` (which a definition with another name renames). `create_only`:
  /// kAlreadyExists instead of replacing. A name that differs from another tag's only in case is kAlreadyExists too.
  /// Errors: kInvalidArgument (a rule refers to a tag that isn't there, too), kAlreadyExists, kPermissionDenied
  /// (built-in), kConflict (rules of other tags refer to the old name).
  void save_tag(Now now, const Actor& actor, std::string_view name, posture::TagDefinition definition, bool create_only,
                Done<posture::TagId> done);
  /// Errors: kNotFound, kPermissionDenied (built-in), kConflict (rules of other tags refer to it).
  void delete_tag(Now now, const Actor& actor, std::string_view name, DoneStatus done);
  /// What deleting it would take that undo does not bring back: how many endpoints were given it by hand.
  std::vector<std::string> deletion_warnings(std::string_view tag) const;
  /// Takes the tag's last change back, whatever it was: saved, renamed, made or deleted; doing so twice redoes it. Who was
  /// given a tag by hand that is there again has to be given it again.
  /// `expected` 0, or the revision of the change that is meant. Errors: kNotFound (no such change is kept), kConflict
  /// (another change came after `expected`), those of saving and deleting.
  struct Undone {
    std::string name;      ///< What the tag is called now.
    bool there = true;     ///< False: it is gone, because the change had made it.
    Revision undone = 0;   ///< The change that was taken back.
    std::vector<std::string> warnings;  ///< How many were given it by hand and don't have it (again).
  };
  /// `basis`: empty, or last_tag_change()'s, so that it does nothing where a tag that has a part in it is another by now:
  /// kConflict.
  void undo_tag(Now now, const Actor& actor, const std::string& name, Revision expected, std::string_view basis, Done<Undone> done);
  /// Whose change that would take back. REQUIRES: nothing is being changed. Errors: kNotFound (no such change is kept).
  struct LastTagChange {
    Revision revision = 0;
    WallTime at{};
    std::string by;    ///< Empty: the log tells no more.
    std::string what;  ///< "made", "changed", "renamed", "deleted".
    std::optional<posture::TagDefinition> before;  ///< What undo makes of it; none: it is deleted.
    /// Another one after each change of a tag on which it rests what undo would do.
    std::string basis;
  };
  Result<LastTagChange> last_tag_change(const std::string& name) const;

  /// Another one after each change of the tag: who saves it can say which he saw. Empty: there is no such tag.
  std::string tag_version(std::string_view name) const;
  /// The same of a tag that is to be deleted: another one too after each change of who was given it by hand.
  std::string tag_version_to_delete(std::string_view name) const;
  /// By tags' names; empty: there was none.
  using TagVersions = std::map<std::string, std::string, std::less<>>;
  static constexpr std::size_t kMaxTagVersions = 30'000;
  /// Of all tags on which it rests what the set would do: its own; those that refer to one of them, directly or not; and those
  /// that any of these refer to, as they would be saved. Of the others as many as kMaxTagVersions leaves room for.
  std::string undo_basis(const std::string& name, const std::optional<posture::TagDefinition>& before) const;
  TagVersions versions_behind(const ChangeSet& set) const;
  /// Whether the tags are still those that somebody saw. Error: kConflict, which says who changed which of them when.
  Status check_tag_versions(const TagVersions& seen) const;

  struct DeviceChange {
    std::optional<bool> authorized;     ///< false: refused, and disconnected.
    std::optional<Sha256> expected_key; ///< With authorized: the key the administrator saw; another now is kConflict.
    std::optional<std::string> alias;
    std::optional<std::vector<posture::TagKind>> tag_kinds;
    std::optional<EndpointSharing> endpoint_sharing;
    std::optional<std::vector<GatewaySerial>> selected;
  };
  /// Errors: kNotFound, kInvalidArgument, kConflict.
  void change_device(Now now, const Actor& actor, const GatewaySerial& serial, DeviceChange change, DoneStatus done);
  void remove_device(Now now, const Actor& actor, const GatewaySerial& serial, DoneStatus done);

  void save_profile(Now now, const Actor& actor, Profile profile, DoneStatus done);
  /// When endpoints of this profile count as on-fabric. Errors: kNotFound, kInvalidArgument.
  void set_detection(Now now, const Actor& actor, const std::string& profile, posture::DetectionSets sets,
                     DoneStatus done);
  /// What agents of this profile carry TCP connections to. Error: kNotFound.
  void set_destinations(Now now, const Actor& actor, const std::string& profile,
                        std::vector<proto::ZtnaDestination> destinations, DoneStatus done);
  void delete_profile(Now now, const Actor& actor, const std::string& name, DoneStatus done);

  /// Adds or replaces. The last one with role admin who may sign in can't be removed, disabled or lose the role
  /// (kConflict). Another password given by somebody else, or one that had to be changed, ends the user's API tokens.
  void save_administrator(Now now, const Actor& actor, Administrator administrator, DoneStatus done);
  void remove_administrator(Now now, const Actor& actor, const std::string& name, DoneStatus done);
  void add_api_token(Now now, const Actor& actor, ApiToken token, DoneStatus done);
  void remove_api_token(Now now, const Actor& actor, const std::string& id, DoneStatus done);

  /// Checked by the caller to be a chain with its key. `selected` in it is ignored. Errors: kAlreadyExists.
  void add_server_certificate(Now now, const Actor& actor, ServerCertificate certificate, DoneStatus done);
  void select_server_certificate(Now now, const Actor& actor, const std::string& name, DoneStatus done);
  /// Errors: kConflict (selected or built in).
  void remove_server_certificate(Now now, const Actor& actor, const std::string& name, DoneStatus done);

  /// Adds a feed, or replaces how the one of this name is described; what was read of it stays in force. The caller has
  /// it fetched. Errors: kInvalidArgument, kAlreadyExists (`create_only`), kConflict (given on the command line),
  /// kResourceExhausted.
  void save_feed(Now now, const Actor& actor, Feed feed, bool create_only, DoneStatus done);
  void remove_feed(Now now, const Actor& actor, const std::string& name, DoneStatus done);

  /// Findings that `risk` describes are not counted until it expires; `id` and who and when are set here. `done` gets the
  /// id. Errors: kInvalidArgument, kNotFound (endpoint), kResourceExhausted.
  void accept_risk(Now now, const Actor& actor, Risk risk, Done<std::string> done);
  void remove_risk(Now now, const Actor& actor, const std::string& id, DoneStatus done);

  /// Something that changed nothing but belongs into the log: of each so many a minute, the rest is counted.
  /// What an administrator who proved to be one did (signed in, signed out, mistook a password); `object` is the name.
  void note(Now now, const Actor& actor, std::string action, std::string object, std::string detail);
  /// What was refused to anybody.
  void note_refusal(Now now, const Actor& actor, std::string action, std::string object, std::string detail);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace postern::ems
