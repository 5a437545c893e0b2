#include "ems/core/past_question.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "ems/core/kept_tags.h"
#include "ems/core/why_words.h"
#include "ems/registry/history.h"
#include "ems/store/store.h"
#include "posture/fact_keys.h"

namespace postern::ems {
namespace {

constexpr std::size_t kLogPage = 200;         // a millisecond or so
constexpr std::size_t kMaxLookBack = 200'000;  // log entries of one endpoint
constexpr std::size_t kTagsLoaded = 50;        // in a step

}  // namespace

PastQuestion::PastQuestion(const Store& store, Present present, const posture::TagEngine& tags, std::string tag, Now then)
    : store_(store),
      of_(std::move(present)),
      asked_(std::move(tag)),
      then_(then),
      confirmed_after_(of_.confirmed_until),
      tags_(store, tags, then.wall),
      now_called_so_(tags.id_of(asked_)) {}

std::optional<Result<posture::TagExplanation>> PastQuestion::step() {
  Status done;
  switch (reads_) {
    case Reads::kEndpoint: done = read_endpoint(); break;
    case Reads::kConfirmation: done = read_confirmation(); break;
    case Reads::kTags: done = read_tags(); break;
    case Reads::kReferences:
      done = load_some();
      if (done && open_.empty()) return answer();
      break;
  }
  if (!done) return Result<posture::TagExplanation>(fail(done.error()));
  return std::nullopt;
}

Status PastQuestion::read_endpoint() {
  const auto page = store_.history(of_.uid.str(), before_, kLogPage);
  if (!page) return fail(page.error());
  for (const auto& c : *page) {
    if (c.change.at <= then_.wall) {
      before_ = c.change.revision + 1;  // more may come meanwhile
      reads_ = Reads::kConfirmation;
      return {};
    }
    before_ = c.change.revision;
    if (c.change.kind == "facts") {
      if (auto ok = undo_facts(c.undo, of_.facts); !ok) return ok;
      continue;
    }
    if (c.change.kind == "endpoint_tags") {
      for (auto& [id, name, state] : tag_states_before(c.change.json, c.undo)) {
        if (id != 0) states_.insert_or_assign(id, state);
        if (id == 0) named_states_.insert_or_assign(std::move(name), state);
      }
    }
    confirmed_after_ = confirmed_by(c.undo).value_or(confirmed_after_);
  }
  if (page->size() < kLogPage) return fail(ErrorCode::kNotFound, "the change log does not reach back that far");
  read_ += page->size();
  if (read_ < kMaxLookBack) return {};
  return fail(ErrorCode::kNotFound,
              fmt::format("more than {} changes of this endpoint lie between; ask for a later moment", kMaxLookBack));
}

Status PastQuestion::read_confirmation() {
  // Where only facts changed for so long, or an older version wrote the log, there are other ways to tell.
  const auto page = store_.history(of_.uid.str(), before_, kLogPage);
  if (!page) return fail(page.error());
  for (const auto& c : *page) {
    if (c.change.kind != "facts") confirmed_before_ = confirmed_by(c.undo);
    if (confirmed_before_) break;
  }
  reads_ = Reads::kTags;
  return {};
}

Status PastQuestion::read_tags() {
  const auto all = tags_.step();
  if (!all) return fail(all.error());
  return *all ? find_tag() : Status();
}

Status PastQuestion::find_tag() {
  id_ = tags_.called(asked_);
  if (id_ != 0) {
    open_.push_back(id_);
    reads_ = Reads::kReferences;
    return {};
  }
  // Policies name tags: to them, one that had another name was not there.
  const auto other = tags_.find(now_called_so_);
  return fail(ErrorCode::kNotFound,
              other == nullptr ? fmt::format("there was no tag {} then", asked_)
                               : fmt::format("there was no tag {0} then; the tag that is called so now was called {1}: ask for {1}",
                                             asked_, other->name.str()));
}

Status PastQuestion::load_some() {
  for (std::size_t n = 0; n < kTagsLoaded && !open_.empty(); ++n) {
    const auto id = open_.back();
    open_.pop_back();
    // The built-in one was never another.
    if (id == posture::kAllRegisteredClientsId || !seen_.insert(id).second) continue;
    if (auto ok = engine_.load(id, *tags_.find(id)); !ok) return fail(ok.error());
    for (const auto& name : engine_.find(id)->referred_tags()) {
      if (const auto other = tags_.called(name); other != 0) open_.push_back(other);
    }
  }
  return {};
}

posture::TagState PastQuestion::said_of(std::string_view name, posture::TagId id) const {
  if (const auto it = named_states_.find(name); it != named_states_.end()) return it->second;
  const auto it = states_.find(id);
  return it != states_.end() ? it->second : of_.tags.state(id);
}

std::vector<PastQuestion::Account> PastQuestion::accounts() const {
  const auto no_later = [this](WallTime time) { return std::min(then_.wall, time); };
  const auto online = of_.facts.find(posture::keys::kEmsOnline);
  const bool known = online != of_.facts.end();
  const auto* was_online = known ? online->second.as<bool>() : nullptr;
  if (was_online != nullptr && *was_online) {
    // Its agent vouched for what it had reported, until then or until nothing more came of it. How long it was silent in
    // between, only a change that came of that tells.
    std::vector<Account> out{{no_later(confirmed_after_), std::nullopt, ""}};
    if (!confirmed_before_) return out;
    const auto until = std::min(out.front().confirmed, *confirmed_before_);
    out.push_back({until, std::nullopt, ""});
    out.push_back({until, of_.tag_timeout,
                   "its agent was connected anew and had reported nothing yet, and what was known held until " + to_iso8601(until)});
    return out;
  }
  const auto since = confirmed_after_ <= then_.wall || !known ? confirmed_after_ : online->second.collected_at;
  const auto until = no_later(confirmed_before_.value_or(since));
  const std::string silence =
      (confirmed_before_ ? "it was offline, and what it had reported was confirmed until " : "it had been offline since ") + to_iso8601(until);
  // How much of its silence was excused by then (the EMS was away), or since when it was silent where the log doesn't say, shows
  // in what the EMS made of it.
  return {{until, of_.tag_timeout, silence}, {until, std::nullopt, ""}, {until, Millis(-1), silence}};
}

void PastQuestion::hold_facts_to(WallTime confirmed) {
  // What was collected again and was the same, the log doesn't say.
  for (auto& [key, fact] : of_.facts) {
    const bool reported = !key.starts_with(posture::keys::kEmsPrefix);
    fact.collected_at = std::min(fact.collected_at, reported ? confirmed : then_.wall);
  }
}

Result<posture::TagExplanation> PastQuestion::answer() {
  // What was said then is certain. Of the accounts of why, the first by which it would be said is told.
  const auto said = said_of(asked_, id_);
  const auto agrees = [said](const posture::TagExplanation& why) {
    return why.state == said || (said == posture::TagState::kHas && why.state == posture::TagState::kAbsent);
  };
  Result<posture::TagExplanation> why = fail(ErrorCode::kInternal, "nobody knows");
  std::string silence;
  for (const auto& account : accounts()) {
    hold_facts_to(account.confirmed);
    const posture::FactView facts(of_.facts, then_, account.confirmed);
    auto told = engine_.explain(id_, account.limit ? facts.with_report_limit(*account.limit) : facts);
    if (!told) return told;
    const bool fits = agrees(*told);
    if (why && !fits) continue;
    why = std::move(told);
    silence = account.silence;
    if (fits) break;
  }
  if (said == posture::TagState::kHas && why->state == posture::TagState::kAbsent) {
    why->state = posture::TagState::kHas;
    why->reason = "held";
    why->text = (why->rules.empty() || why->rules.front().id == 0 ? "it was taken away" : "its rules no longer held") +
                std::string(", and the tag's loss_delay kept it");
  }
  say_kept(*why, [&](std::string_view name) -> std::optional<std::string> {
    const auto id = engine_.id_of(name);
    if (id == 0 || said_of(name, id) != posture::TagState::kHas) return std::nullopt;
    return "the tag's loss_delay still kept it";
  });
  say_silence(*why, silence, std::chrono::duration_cast<Seconds>(of_.tag_timeout));
  say_what_is_missing(*why);
  say_what_had_expired(*why);
  return why;
}

}  // namespace postern::ems
