#include "ems/core/past_question.h"

#include <fmt/format.h>

#include <utility>

#include "ems/core/kept_tags.h"
#include "ems/core/why_words.h"
#include "ems/registry/codec.h"
#include "ems/registry/history.h"
#include "ems/store/store.h"
#include "posture/fact_keys.h"

namespace postern::ems {
namespace {

constexpr std::size_t kLogPage = 200;         // a millisecond or so
constexpr std::size_t kMaxLookBack = 200'000;  // log entries of one key

}  // namespace

PastQuestion::PastQuestion(const Store& store, Present present, std::string tag, Now then)
    : store_(store), of_(std::move(present)), asked_(std::move(tag)), then_(then) {
  names_.push_back(asked_);
}

std::optional<Result<posture::TagExplanation>> PastQuestion::step(const FindTag& find_tag) {
  const auto failed = [](const Error& error) { return Result<posture::TagExplanation>(fail(error)); };
  if (!begun_) {
    if (auto ok = read_endpoint(); !ok) return failed(ok.error());
    return std::nullopt;
  }
  if (!back_ && !next_tag(find_tag)) return answer();
  if (auto ok = read_tag(); !ok) return failed(ok.error());
  return std::nullopt;
}

Status PastQuestion::read_endpoint() {
  const auto page = store_.history(of_.uid.str(), before_, kLogPage);
  if (!page) return fail(page.error());
  for (const auto& c : *page) {
    if (c.change.at <= then_.wall) {
      begun_ = true;
      return {};
    }
    if (c.change.kind == "facts") {
      if (auto ok = undo_facts(c.undo, of_.facts); !ok) return ok;
    }
    if (c.change.kind == "endpoint_tags") {
      for (auto& [name, state] : tag_states_before(c.change.json)) states_.insert_or_assign(std::move(name), state);
    }
    before_ = c.change.revision;
  }
  if (page->size() < kLogPage) return fail(ErrorCode::kNotFound, "the change log does not reach back that far");
  read_ += page->size();
  if (read_ < kMaxLookBack) return {};
  return fail(ErrorCode::kNotFound,
              fmt::format("more than {} changes of this endpoint lie between; ask for a later moment", kMaxLookBack));
}

bool PastQuestion::next_tag(const FindTag& find_tag) {
  while (!names_.empty()) {
    auto name = std::move(names_.back());
    names_.pop_back();
    // The built-in one was never another.
    if (name == posture::kAllRegisteredClients) {
      if (name == asked_) id_ = posture::kAllRegisteredClientsId;
      continue;
    }
    if (!seen_.insert(name).second) continue;
    const auto* current = find_tag(name);
    back_ = Back{std::move(name), current == nullptr ? std::nullopt : std::optional(*current)};
    return true;
  }
  return false;
}

Status PastQuestion::read_tag() {
  auto& b = *back_;
  const auto log = store_.history(b.called, b.before, kLogPage);
  if (!log) return fail(log.error());
  bool renamed = false;
  for (const auto& c : *log) {
    if (c.change.at <= then_.wall) return found(std::move(b.tag));
    b.before = c.change.revision;
    if (c.change.kind != "tag") continue;
    if (c.undo.empty()) {
      b.tag.reset();
      continue;
    }
    auto was = codec::read_tag_row(c.undo);
    if (!was) return fail(was.error());
    renamed = was->definition.name.str() != b.called;
    b.called = was->definition.name.str();
    b.tag = std::move(*was);
    if (renamed) break;  // what came before stands under that name
  }
  b.read += log->size();
  const bool more = renamed || log->size() == kLogPage;
  return more && b.read < kMaxLookBack ? Status() : found(std::move(b.tag));
}

Status PastQuestion::found(std::optional<Tag> tag) {
  back_.reset();
  const bool first = id_ == 0;
  if (!tag) {
    return first ? fail(ErrorCode::kNotFound, "there was no tag " + asked_ + " then") : Status();
  }
  if (first) id_ = tag->id;
  if (auto ok = engine_.load(tag->id, tag->definition); !ok) return fail(ok.error());
  const auto& more = engine_.find(tag->id)->referred_tags();
  names_.insert(names_.end(), more.begin(), more.end());
  return {};
}

Result<posture::TagExplanation> PastQuestion::answer() const {
  // While it was online its agent vouched for what it had reported; when it went, this stopped.
  const auto* online = posture::known<bool>(of_.facts, posture::keys::kEmsOnline);
  const bool was_online = online != nullptr && *online;
  const auto since = of_.facts.find(posture::keys::kEmsOnline);
  posture::FactView view(of_.facts, then_,
                         was_online || since == of_.facts.end() ? then_.wall : since->second.collected_at);
  if (!was_online) view = view.with_report_limit(of_.tag_timeout);
  auto why = engine_.explain(id_, view);
  if (!why) return why;
  const auto state_then = [&](std::string_view name, posture::TagId id) {
    const auto it = states_.find(name);
    return it != states_.end() ? it->second : of_.tags.state(id);
  };
  if (state_then(asked_, id_) == posture::TagState::kHas && why->state == posture::TagState::kAbsent) {
    why->state = posture::TagState::kHas;
    why->reason = "held";
    why->text = (why->rules.empty() || why->rules.front().id == 0 ? "it was taken away" : "its rules no longer held") +
                std::string(", and the tag's loss_delay kept it");
  }
  say_kept(*why, [&](std::string_view name) -> std::optional<std::string> {
    const auto id = engine_.id_of(name);
    if (id == 0 || state_then(name, id) != posture::TagState::kHas) return std::nullopt;
    return "the tag's loss_delay still kept it";
  });
  say_silence(*why, "it had been offline since " + to_iso8601(view.confirmed()),
              std::chrono::duration_cast<Seconds>(of_.tag_timeout));
  say_what_is_missing(*why);
  say_what_had_expired(*why);
  return why;
}

}  // namespace postern::ems
