#pragma once
// The inside of EmsCore, shared by the files of this folder and nobody else.
#include <deque>
#include <map>
#include <set>
#include <span>
#include <tuple>
#include <unordered_map>

#include "ems/bootstrap/identity.h"
#include "ems/core/ems_core.h"
#include "ems/core/endpoint_facts.h"
#include "ems/core/past_question.h"
#include "ems/registry/registry.h"
#include "ems/sharing/record_builder.h"
#include "ems/store/store.h"
#include "proto/fabric_server.h"
#include "proto/telemetry_server.h"

namespace postern::ems {

/// Why a rule found no value, more exactly than the rule can say.
struct WhyUnknown {
  std::string_view code;  ///< A stable code of RuleExplanation::reason; empty: nothing more is known.
  std::string text;       ///< For a person.
  std::string fact;       ///< In place of the fact's value; empty: as it is.
};

struct EmsCore::Impl {
  Impl(Store& store, Random& random, EmsOptions options);

  // ---- What waits for the next commit ----
  struct Held {
    act::Action action;
    bool free = false;                             ///< Says nothing that a failed commit would make untrue.
    std::function<void(const Error&)> otherwise;   ///< Completions: called instead when the commit fails.
  };
  void hold(act::Action action) { held_.push_back({std::move(action), false, nullptr}); }
  void hold_free(act::Action action) { held_.push_back({std::move(action), true, nullptr}); }
  void send(SessionId session, Bytes bytes) { hold(act::Send{session, std::move(bytes)}); }
  void send_free(SessionId session, Bytes bytes) { hold_free(act::Send{session, std::move(bytes)}); }
  template <class T>
  void complete(Done<T> done, T value) {
    if (!done) return;
    held_.push_back({act::Complete{[done, value = std::move(value)] { done(value); }}, false,
                     [done](const Error& e) { done(postern::fail(e)); }});
  }
  void complete(DoneStatus done) {
    if (!done) return;
    held_.push_back({act::Complete{[done] { done(Status()); }}, false,
                     [done](const Error& e) { done(postern::fail(e)); }});
  }
  /// Nothing was changed: the answer does not depend on the commit.
  template <class D>
  void refuse(D done, Error error) {
    if (!done) return;
    hold_free(act::Complete{[done = std::move(done), error = std::move(error)] { done(postern::fail(error)); }});
  }
  void audit(Now now, const Actor& actor, std::string action, std::string object, std::string detail = {});
  /// Audit of what can be caused at will: so many a minute, the rest is only counted. What anybody can cause shares one
  /// budget; `user`: an administrator's own, so that no flood of refusals hides who came in.
  void audit_limited(Now now, const Actor& actor, std::string action, std::string object, std::string detail,
                     const std::string& user = {});

  // ---- core.cc, publish.cc ----
  Status start(Now now);
  bool flush_wanted() const;
  void flush(Now now);
  void commit_failed(Now now, const Error& error);
  void publish(bool committed);
  void release();
  void tick(Now now);
  /// Input handlers end with this: a batch that has grown is committed at once.
  void after_input(Now now);
  EmsStatus status() const;

  // ---- web_certificate.cc ----
  /// Reads the selected certificate, if it is another one than before.
  void look_at_web_certificate() const;
  void renew_web_certificate(Now now);
  /// Gateways come again and see it: what they accepted is another certificate, or its issuer.
  void show_gateways_web_certificate();

  // ---- telemetry_certificate.cc ----
  void renew_telemetry_certificate(Now now);
  /// The renewed one is stored.
  void adopt_telemetry_certificate();

  // ---- telemetry.cc ----
  struct AgentSession {
    SessionId id = 0;
    EndpointUid uid;                   ///< By the certificate.
    Sha256 leaf{};
    std::string refusal;               ///< Goodbye's reason for the Hello; empty: it may come in.
    std::string refusal_text;
    IpAddress source;
    proto::TelemetryServer server;
    std::uint64_t sent_probes = 0;
    std::string sent_tags;             ///< What the last TagState said.
    std::string sent_profile;
  };
  void telemetry_opened(Now now, SessionId session, const PeerCertificate& peer, IpAddress source);
  void telemetry_frame(Now now, SessionId session, ByteView bytes);
  void on_hello(Now now, AgentSession& s, const proto::telemetry::Hello& hello);
  void notice_turns(Now now, const AgentSession& s, std::uint64_t last_run, std::uint64_t run);
  void on_report(Now now, AgentSession& s, const proto::telemetry::Report& report);
  void on_offer(Now now, AgentSession& s, const Sha256& hash);
  void on_inventory(Now now, AgentSession& s, const proto::telemetry::Inventory& inventory);
  void take_inventory(Now now, AgentSession& s, const Sha256& hash);
  void on_renew(Now now, AgentSession& s, const Bytes& csr);
  /// It leaves by its own will; `s` may be gone afterwards.
  void on_deregister(Now now, const AgentSession& s);
  void heard(Now now, const EndpointUid& uid);
  /// What it said before holds, as of now.
  void is_there(Now now, const EndpointUid& uid);
  void agent_goodbye(SessionId session, std::string_view reason, Millis retry_after, std::string_view text);
  void drop_agent(SessionId session);
  void send_probes(AgentSession& s);
  /// What endpoints are said to have, each read once for all who are told.
  class ReadTags {
   public:
    const posture::TagSets& of(const Endpoint& e) {
      const auto [it, fresh] = read_.try_emplace(e.slot());
      if (fresh) it->second = e.tags();
      return it->second;
    }

   private:
    std::unordered_map<posture::Slot, posture::TagSets> read_;
  };
  void send_tags(AgentSession& s, ReadTags& read);
  void send_profile(AgentSession& s);
  AgentSession* session_of(const EndpointUid& uid);
  const Profile& profile_of(const Endpoint& e) const;

  // ---- enrol.cc ----
  void enrol(Now now, IpAddress source, ByteView request, std::function<void(Bytes)> done);
  Result<IssuedCertificate> issue(Now now, const EndpointUid& uid, ByteView csr);
  /// Other endpoints in quarantine that are the same device.
  std::vector<const Endpoint*> quarantined_twins(const Endpoint& of) const;
  void follow_quarantine(Now now, Endpoint& e);  ///< If it has such a twin.
  /// Does it name a machine or hardware that it did not name before this batch? Only that can catch it later: who was
  /// there before another one claimed to be the same device keeps its access when that one is quarantined.
  bool names_new_device(const Endpoint& e) const;
  std::vector<Bytes> chain(const Bytes& leaf) const { return {leaf, identity_->ztna.certificate}; }

  // ---- certificates.cc ----
  /// `e`, which is being edited, used its newest certificate: the one before ends soon.
  void supersede_certificates(Now now, Endpoint& e);
  /// What time makes of its certificates: one that has ended goes, and whose are all over is a matter for no gateway.
  void judge_certificates(Now now, const Endpoint& e);
  /// Refused for good: it is not registered, and no certificate is left that a gateway had to refuse for that reason.
  bool is_over(const Endpoint& e) const;
  WallTime wall_{};   ///< Of the last tick or commit.

  void end_registration(Now now, const Actor& actor, const EndpointUid& uid, Registration how, DoneStatus done);

  // ---- tagging.cc ----
  /// The EMS's own facts of it made right, and the tags that depend on what changed judged again.
  void settle(Now now, Endpoint& e, std::vector<std::string> changed_keys);
  /// The same where only what its agent reports is another: the EMS's own facts are looked at if these keys concern any.
  void settle_reported(Now now, Endpoint& e, std::vector<std::string> changed_keys);
  /// What of the EMS's own facts becomes another.
  void put_attributes(const Endpoint& e, Now now, std::vector<PostureTable::Edit>& edits);
  void put_vulnerabilities(const Endpoint& e, Now now, std::vector<PostureTable::Edit>& edits);
  void put_ems_facts(const Endpoint& e, Now now, std::vector<PostureTable::Edit>& edits);
  /// The engine is as the registry's tags are, and of `others` the endpoints' tags are as the engine is.
  Status rebuild_engine(Now now, const std::vector<posture::TagId>& others);
  /// All endpoints are judged by the tags as the engine has them; who has another state now, follows later.
  Status set_tags(std::span<const posture::TagId> ids, Now now);
  const Tag* tag_by_id(posture::TagId id) const;
  std::vector<GatewaySerial> tag_shared_with(posture::TagId id) const;
  /// For whoever renames or deletes it; empty: no gateway has it.
  std::string missed_tag_warning(posture::TagId id) const;
  std::string tag_name(posture::TagId id) const;

  // ---- explaining.cc ----
  /// Somebody asks of the past: what it takes to begin, and once it began.
  struct AskedPast {
    EndpointUid uid;
    std::string tag;
    Now then;
    Done<posture::TagExplanation> done;
    std::optional<PastQuestion> question = {};
  };
  std::deque<AskedPast> past_;
  /// When the state that is explained becomes another although nothing is told; of facts as they are now.
  std::optional<WallTime> changes_at(const Endpoint& e, const posture::TagExplanation& why, Now now) const;
  /// A page for whoever waits longest; memory is as the store is.
  void read_past();

  // ---- why_unknown.cc ----
  /// In an explanation of now: why what the EMS itself adds is not known, where no agent can mend that.
  WhyUnknown missing_tag(const posture::TagReference& reference) const;
  void say_why_unknown(posture::TagExplanation& why, const Endpoint& e, Now now) const;
  /// Of one of the facts that begin with keys::kEmsVulnPrefix. Without a code: what the rule says is all there is to say.
  WhyUnknown unknown_vulnerabilities(const Endpoint& e, std::string_view key, const posture::RuleExplanation& rule) const;

  /// Since when nothing was heard of it, in words; "" if its reports count without a limit.
  std::string silence_of(const Endpoint& e) const;
  /// Which detection set of its profile decides, or why none does.
  void say_on_fabric(posture::TagExplanation& why, const Endpoint& e, Now now) const;

  // ---- matching.cc ----
  struct Job;
  void match(Now now, Endpoint& e);
  /// With everything that was found, for somebody to read.
  std::shared_ptr<const MatchResult> match_result(const Endpoint& e) const;
  /// What feeds say of its packages, less the risks accepted for it, and what rules ask. None: nobody can tell.
  std::optional<VulnerabilityState> matched(Now now, const Endpoint& e) const;
  std::optional<VulnerabilityState> numbers_of(const Endpoint& e, const std::string& kernel_release) const;
  /// A job's step. An endpoint of which the same is said as before is not edited.
  void match_again(Now now, const Job& job, const Endpoint& e);
  void rematch_later();
  /// After another matching than `before` came: of inventories of which it says the same, nothing is worked out.
  void rematch_what_differs_later(const std::shared_ptr<const Matching>& before);
  void answer_cves_later();   ///< Rules ask for other CVEs than before.
  /// All endpoints that have this finding.
  void rematch_finding_later(const std::string& cve);
  /// Endpoints had these inventories. What is known of those that nobody has any more goes.
  void forget_inventories(const std::set<Sha256>& left);
  /// CVEs, by where their risk is accepted.
  struct RisksInForce {
    std::vector<std::string> everywhere;   ///< Distinct, ascending.
    std::map<EndpointUid, std::vector<std::string>> of_endpoint;
  };
  const RisksInForce& risks_in_force() const;
  /// Risks are others, or what rules ask.
  void forget_numbers() const;

  // ---- jobs.cc ----
  /// Endpoints get the tags that rules give them by now.
  void follow_later();
  bool run_follow(Now now, Job& job, std::size_t& looked_at, std::size_t most);   ///< False: there is more to do.
  void settle_later();        ///< A profile makes something else of facts.
  void run_jobs(Now now);
  /// What the jobs did was not stored.
  void begin_again();

  // ---- on_fabric.cc ----
  const posture::OnFabricDetection& detection_of(const Endpoint& e) const;
  /// What the endpoint's profile makes of its facts.
  posture::FactValue on_fabric(const Endpoint& e, Now now);
  /// What its agent is to report beside the endpoint record.
  const posture::RequiredFacts& required_facts(const Endpoint& e) const;
  /// Tags or profiles are others.
  void forget_required_facts() const { required_.clear(); }
  mutable std::map<std::string, posture::OnFabricDetection> detections_;   ///< By profile.
  mutable std::map<std::pair<posture::OsFamily, std::string>, posture::RequiredFacts> required_;

  // ---- judging.cc ----
  /// Until when what the agent reported is confirmed, and whether it counts for no longer than the tag timeout from then.
  struct Confirmation {
    WallTime until{};
    bool limited = false;
  };
  Confirmation confirmation_of(const Endpoint& e) const;
  /// Its facts count accordingly. True: some tag has to be followed.
  bool confirm(Now now, const Endpoint& e);
  /// `facts`, which are the endpoint's, as rules see them now.
  posture::FactView facts_of(const Endpoint& e, const posture::FactSource& facts, Now now) const;
  /// Which tags it is to follow, and which it holds.
  struct Judged {
    std::vector<posture::TagId> follow;
    std::vector<HeldTag> held;
  };
  Judged judge(Now now, const Endpoint& e) const;
  /// The same, written down; `e` is being edited.
  void rejudge(Now now, Endpoint& e);
  void rejudge_if_moved(Now now, const Endpoint& e);
  /// It is to be judged again at that time.
  void judge_at(const EndpointUid& uid, WallTime at);
  /// What time alone changes: ages, time windows, delays of losses, expired attributes.
  void judge_due(Now now);
  /// The EMS could hear nobody for so long: its silence counts against no endpoint. Negative: its clock was set back.
  void excuse(Now now, Millis silence);

  // ---- risks.cc ----
  /// The result with the risks that are accepted for this endpoint.
  std::shared_ptr<const MatchResult> without_accepted(const Endpoint& e, std::shared_ptr<const MatchResult> result) const;
  bool has_finding(const Endpoint& e, const std::string& cve) const;   ///< Accepted or not.
  void judge_risk_again(Now now, const Risk& risk);
  void expire_risks(Now now);

  // ---- attributes.cc ----
  /// The tag's name is another one: those who were given it by hand.
  void rename_classification(Now now, posture::TagId id);
  /// For whoever removes it: how many lose it for good; empty: nobody was given it by hand.
  std::string by_hand_warning(posture::TagId id) const;
  /// The tag is gone, and is taken off those who were given it by hand, some at a time.
  void forget_classification(posture::TagId id, const std::string& name);
  void forget_gone_later();
  bool has_gone_classification(const Endpoint& e) const;
  void forget_gone(Now now, Endpoint& e);
  /// Tags that are still being taken off endpoints, with the names they had if these facts name them: nobody may be
  /// called so before, or have that id.
  std::map<posture::TagId, std::string> forgotten_;

  // ---- tag_warnings.cc ----
  std::vector<std::string> tag_warnings(const posture::TagDefinition& definition) const;

  // ---- tag_changes.cc ----
  /// Tags whose rules name this one. Empty: none.
  std::vector<std::string> tags_naming(std::string_view name) const;
  /// How many facts rules and detection sets ask of the agents of whom they ask most; with `drafts` in effect.
  std::size_t most_asked(const posture::TagDrafts* drafts = nullptr) const;
  static Error too_many_asked(std::size_t asked);
  /// Everything that saving and removing tags demands, of how they would stand together. Nothing changes.
  tl::expected<posture::TagDrafts, std::vector<posture::TagError>> check_tags(posture::TagEdits edits) const;
  /// Carries out what check_tags gave, all in one batch.
  void change_tags(Now now, const Actor& actor, posture::TagDrafts drafts);
  struct TagPlan {
    posture::TagDrafts drafts;
    Applied said;
    std::vector<posture::TagId> unchanged;
  };
  Result<TagPlan> plan_tags(ChangeSet set) const;

  // ---- admin_tags.cc ----
  /// Saves under `id`, which need not be there (any more).
  void store_tag(Now now, const Actor& actor, posture::TagId id, posture::TagDefinition definition, Done<posture::TagId> done);
  /// The registry has it as the engine does.
  void put_tag(Now now, const Actor& actor, posture::TagId id);
  /// The engine has it no more.
  void drop_tag(Now now, const Actor& actor, posture::TagId id);

  // ---- fabric.cc ----
  struct GatewaySession {
    SessionId id = 0;
    GatewaySerial serial;
    Sha256 key{};
    IpAddress source;
    bool helloed = false;
    std::optional<proto::fabric_server::State> told;   ///< State it was last told.
    bool subscribed = false;
    std::optional<proto::fabric_server::Subscribe> subscribe;   ///< To be answered at the next publish.
    std::set<EndpointUid> asked;
    std::set<EndpointUid> dirty;       ///< To look at again although nothing of them was committed.
    bool whole = false;                ///< Look at everything again.
    std::vector<proto::fabric_server::Ask> asks;
    std::optional<GatewayReport> report;
    WallTime last_contact{};
  };
  void fabric_opened(Now now, SessionId session, const PeerCertificate& peer, IpAddress source);
  void fabric_frame(Now now, SessionId session, ByteView bytes);
  void on_gateway_hello(Now now, GatewaySession& s, const proto::fabric_server::Hello& hello);
  void on_interfaces(Now now, GatewaySession& s, const proto::fabric_server::Interfaces& in);
  void gateway_goodbye(SessionId session, std::string_view reason, Millis retry_after, std::string_view text);
  // ---- what_if.cc ----
  /// Without UIDs. `after` null: it would be gone.
  TagWhatIf tag_what_if(const Tag* before, const posture::TagDefinition* after, const posture::TagEffect& effect) const;
  /// Of those in the set that are registered, so many at most.
  std::vector<EndpointUid> registered_uids(const posture::SlotSet& set, std::size_t most) const;
  struct Question {
    SessionsCut so_far;
    std::set<SessionId> waiting;
    MonoTime until{};
    Done<SessionsCut> done;
  };
  bool is_shared(const GatewaySession& s, const EndpointUid& uid) const;   ///< The gateway knows this endpoint.
  void on_what_if_answer(const GatewaySession& s, const proto::fabric_server::WhatIfAnswer& answer);
  /// What nobody will answer any more: this gateway left, or (none given) the time is over.
  void give_up_questions(MonoTime now, std::optional<SessionId> gone);
  std::map<std::uint64_t, Question> questions_;
  std::uint64_t next_question_ = 1;

  proto::fabric_server::State state_for(const GatewaySession& s) const;
  void tell_state(GatewaySession& s);
  ShareReasons share_reasons(const FabricDevice& d, const std::set<EndpointUid>& asked, const Endpoint& e) const;
  std::optional<std::string> view_entry(const FabricDevice& d, const std::set<EndpointUid>& asked,
                                        const EndpointUid& uid, ReadTags* read = nullptr) const;
  /// Beside whom it asked for, whom a gateway that doesn't get all may be told of, ascending; and some others.
  std::set<EndpointUid> nearby(const FabricDevice& d, const std::set<EndpointUid>& asked) const;
  std::map<EndpointUid, std::string> whole_view(const FabricDevice& d, const std::set<EndpointUid>& asked) const;
  std::map<std::uint32_t, std::string> view_tags(const FabricDevice& d) const;
  std::optional<std::string> view_tag(const FabricDevice& d, posture::TagId id) const;
  proto::FabricPublisher& publisher(const GatewaySerial& serial);
  void publish_to(GatewaySession& s, const std::set<EndpointUid>& endpoints, const std::set<posture::TagId>& tags,
                  ReadTags& read);
  void answer_asks(GatewaySession& s);

  Store& store_;
  Random& random_;
  EmsOptions options_;
  std::optional<EmsIdentity> identity_;
  Registry registry_;
  posture::TagEngine engine_;
  Tag built_in_;
  std::uint64_t epoch_ = 0;
  Revision revision_ = 0;
  EmsStatus unchanging_;                         ///< What the status says of the identity, which is read once.
  mutable std::string web_chain_;                ///< What web_certificate_ was read from.
  mutable WebCertificateStatus web_certificate_;
  MonoTime web_looked_at_{};
  std::optional<pki::Identity> next_telemetry_;           ///< Waits for its commit.
  std::optional<pki::CertificateInfo> telemetry_leaf_;    ///< Of identity_->telemetry, once it was looked at.
  bool telemetry_renewed_ = false;                        ///< In this run.

  std::vector<Held> held_;
  /// Said something that waits for the commit and that nothing answers: if it fails, they must say it again.
  std::set<SessionId> unanswered_;
  std::vector<AuditEntry> audit_;
  std::vector<act::Action> actions_;
  bool read_only_ = false;
  std::string store_error_;
  MonoTime probe_at_{};

  std::map<SessionId, AgentSession> agents_;
  std::unordered_map<EndpointUid, SessionId> current_;      ///< The one session of an endpoint.
  struct RunBefore {
    std::uint64_t run = 0;
    std::optional<MonoTime> told;    ///< When it was last said that two take turns.
  };
  std::unordered_map<EndpointUid, RunBefore> runs_before_;  ///< The agent's run before the last one: runs don't come back.
  std::unordered_map<EndpointUid, MonoTime> heard_;
  std::set<std::pair<MonoTime, EndpointUid>> deadlines_;    ///< When to look whether it is offline; at most one each.
  std::set<EndpointUid> seen_;                              ///< Whose last-seen moved since it was written.
  MonoTime seen_at_{};
  MonoTime prune_at_{};

  std::map<SessionId, GatewaySession> gateways_;
  std::map<GatewaySerial, proto::FabricPublisher> publishers_;
  proto::FabricPublisher::Times change_times_;             ///< Of reports since gateways were last told.
  std::map<GatewaySerial, WallTime> contacts_;             ///< When those not connected were heard last.

  struct Job {
    enum class What : std::uint8_t {
      kFollow,  ///< Tags as rules give them by now.
      kMatch,   ///< Packages with feeds.
      kSettle,  ///< The EMS's own facts.
      kForget,  ///< Tags given by hand that are gone.
    };
    What what = What::kFollow;
    std::string_view name() const;       ///< "evaluate", "match", "settle".
    EndpointUid from = {};               ///< The next to look at.
    posture::Slot slot = 0;              ///< The same, of kFollow.
    std::string cve = {};                ///< Of a match: only endpoints with this finding; empty: all.
    /// Of a match: the matching by which those still to come were judged. Null: by several, or none.
    std::shared_ptr<const Matching> before = {};
    std::size_t done = 0;                ///< Endpoints looked at.
    std::size_t total = 0;               ///< Of kFollow.
    std::optional<WallTime> started_at = {};
  };
  std::deque<Job> jobs_;
  std::vector<Job> ended_;                                  ///< In this flush.
  std::map<std::string, WallTime> feeds_being_read_;        ///< Since when, by name; until all of them are.
  std::unordered_map<EndpointUid, WallTime> judge_at_;
  std::set<std::pair<WallTime, EndpointUid>> judgements_;   ///< The same by time.
  WallTime alive_stored_{};
  WallTime alive_at_{};                                    ///< When a tick last found everything running.
  std::shared_ptr<const Matching> matching_;
  bool matching_set_ = false;
  mutable std::map<std::string, std::shared_ptr<const MatchResult>> matches_;
  /// Inventory, running kernel, and the endpoint if a risk is accepted for it alone.
  using NumbersKey = std::tuple<Sha256, std::string, EndpointUid>;
  bool kev_in_use_ = false;  ///< Some feed in force is CISA's catalogue.
  mutable std::map<NumbersKey, VulnerabilityState> numbers_;
  mutable std::optional<RisksInForce> risks_in_force_;
  mutable std::size_t matches_made_ = 0, numbers_made_ = 0; ///< In this run.

  std::map<std::uint64_t, std::pair<Revision, std::function<void()>>> waits_;
  std::uint64_t next_wait_ = 1;
  MonoTime audit_minute_{};
  struct AuditBudget {
    std::size_t written = 0, left_out = 0;
  };
  std::map<std::string, AuditBudget> audit_budgets_;      ///< Of this minute, by user.
};

/// A gateway may wait for authorisation beside this many others.
inline constexpr std::size_t kMaxPendingDevices = 256;
inline constexpr Millis kComeBackSoon{2'000};

}  // namespace postern::ems
