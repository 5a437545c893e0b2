// postern apply: tags from a file, with what that changes shown before it is saved.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cctype>
#include <chrono>
#include <map>
#include <optional>
#include <set>

#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/json_view.h"
#include "cli/moments.h"
#include "cli/step_progress.h"
#include "cli/tag_diff.h"
#include "cli/tag_files.h"
#include "cli/what_if.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kEndpointsNamed = 5;
constexpr std::size_t kLookedAt = 100;         // each is a question to the EMS
constexpr std::size_t kUnchangedListed = 20;
constexpr std::chrono::minutes kPatience{5};

/// What becomes of one tag.
struct Step {
  enum class Kind { kCreate, kChange, kKeep, kDelete };
  Kind kind = Kind::kKeep;
  Draft draft;
  std::vector<Difference> differences = {};
  std::optional<json::value> what_if = {};
  bool looked_at = false;       ///< The rest of this, and `draft.tag`, is filled in.
  std::vector<std::string> shared_with = {};
};

std::string_view kind_word(Step::Kind kind) {
  switch (kind) {
    case Step::Kind::kCreate:
      return "created";
    case Step::Kind::kChange:
      return "changed";
    case Step::Kind::kDelete:
      return "deleted";
    case Step::Kind::kKeep:
      break;
  }
  return "unchanged";
}

std::string heading(const Look& look, const Step& step) {
  const std::string name = one_line(step.draft.name);
  switch (step.kind) {
    case Step::Kind::kCreate:
      return look.paint(Style::kGood, "+ " + name) + "  new";
    case Step::Kind::kChange:
      return look.paint(Style::kWarning, "~ " + name) + "  changed";
    case Step::Kind::kDelete:
      return look.paint(Style::kBad, "- " + name) + "  deleted";
    case Step::Kind::kKeep:
      break;
  }
  return look.paint(Style::kFaint, "= " + name + "  unchanged");
}

/// Everything about one side of a difference, shortened so that both fit a line.
std::string difference_line(const Look& look, const Difference& d) {
  const std::size_t room = look.width > columns_of(d.where) + 12 ? look.width - columns_of(d.where) - 8 : 0;
  const auto fit = [&](const std::string& text, std::size_t columns) {
    return look.width == 0 ? text : shortened(look, text, std::max<std::size_t>(columns, 12));
  };
  if (d.before.empty()) return d.where + ": " + look.paint(Style::kGood, fit(d.after, room));
  if (d.after.empty()) return d.where + ": " + look.paint(Style::kBad, fit(d.before, room - 6)) + " goes";
  std::string before = d.before, after = d.after;
  if (columns_of(before) + columns_of(after) > room) {
    before = fit(before, room / 2);
    after = fit(after, room / 2);
  }
  return d.where + ": " + look.paint(Style::kBad, before) + " " + std::string(look.arrow()) + " " +
         look.paint(Style::kGood, after);
}

Status print_step(Session& session, const Step& step) {
  const Look& look = session.look();
  session.print(heading(look, step) + "\n");
  if (!step.looked_at) return {};
  if (step.kind == Step::Kind::kCreate) {
    const json::value tag(*step.draft.tag);
    for (const json::value& rule : list_at(tag, "rules")) {
      const std::string text = rule_text(rule);
      session.print(
          fmt::format("    rule {}: {}\n", count_at(rule, "id"),
                      look.width == 0 ? text : shortened(look, text, std::max<std::size_t>(look.width, 34) - 14)));
    }
  }
  for (const Difference& d : step.differences) session.print("    " + difference_line(look, d) + "\n");
  if (step.kind == Step::Kind::kDelete) {
    if (!step.shared_with.empty()) {
      session.print("    policies of " + join(step.shared_with, ", ") + " that name it count it as unknown\n");
    }
  }
  if (!step.what_if) return {};
  const auto lines = what_if_lines(session, *step.what_if, kEndpointsNamed);
  if (!lines) return fail(lines.error());
  for (const std::string& line : *lines) session.print("    " + line + "\n");
  return {};
}

struct Plan {
  std::vector<Step> steps;
  json::value what_if = json::object();   ///< Of all of them together.
  json::value warnings = json::object();  ///< What the EMS warns of, as it said it.
  json::value versions;                   ///< Of the tags that this was made for.
  std::size_t created = 0, changed = 0, deleted = 0, unchanged = 0;
  bool nothing() const { return created + changed + deleted == 0; }
};

json::value plan_json(const Plan& plan, bool saved) {
  json::array list;
  for (const Step& step : plan.steps) {
    json::array changes;
    for (const Difference& d : step.differences) {
      changes.push_back(json::object{{"where", d.where}, {"before", d.before}, {"after", d.after}});
    }
    json::object one{
        {"name", step.draft.name}, {"action", std::string(kind_word(step.kind))}, {"differences", std::move(changes)}};
    one["what_if"] = step.what_if ? *step.what_if : json::value(nullptr);
    list.push_back(std::move(one));
  }
  json::object out{{"saved", saved}, {"tags", std::move(list)}};
  out["warnings"] = list_at(plan.warnings, "warnings");
  for (const char* name : {"referring", "sessions_cut", "sessions_cut_later"}) {
    if (const json::value* part = member(plan.what_if, name)) out[name] = *part;
  }
  return out;
}

/// The tags' fault, and not the EMS's.
bool of_tags(ErrorCode code) {
  return code == ErrorCode::kInvalidArgument || code == ErrorCode::kNotFound || code == ErrorCode::kAlreadyExists ||
         code == ErrorCode::kConflict || code == ErrorCode::kResourceExhausted;
}

json::object request(const std::vector<Draft>& drafts, bool dry_run) {
  json::array tags;
  for (const Draft& draft : drafts) tags.push_back(*draft.tag);
  return {{"tags", std::move(tags)}, {"dry_run", dry_run}};
}

/// What the EMS says that would become of each, without a look at any.
Result<Plan> ask_plan(Session& session, const std::vector<Draft>& drafts) {
  json::object wanted = request(drafts, true);
  if (session.given.has("--prune")) wanted["prune"] = true;
  const auto answer = (**session.api()).post("tags/apply", wanted, {{"limit", std::to_string(kEndpointsNamed)}});
  if (!answer) return fail(answer.error());
  const auto names = [&](std::string_view list) {
    const auto texts = texts_at(*answer, list);
    return std::set<std::string>(texts.begin(), texts.end());
  };
  const auto created = names("created"), changed = names("changed");
  Plan plan;
  if (const json::value* what_if = member(*answer, "what_if")) plan.what_if = *what_if;
  plan.warnings.as_object()["warnings"] = list_at(*answer, "warnings");
  if (const json::value* versions = member(*answer, "versions")) plan.versions = *versions;
  for (const Draft& draft : drafts) {
    Step step{.draft = draft};
    if (created.contains(draft.name)) step.kind = Step::Kind::kCreate;
    if (changed.contains(draft.name)) step.kind = Step::Kind::kChange;
    ++(step.kind == Step::Kind::kCreate   ? plan.created
       : step.kind == Step::Kind::kChange ? plan.changed
                                          : plan.unchanged);
    plan.steps.push_back(std::move(step));
  }
  for (const std::string& name : texts_at(*answer, "removed")) {
    plan.steps.push_back({.kind = Step::Kind::kDelete, .draft = {name, std::make_shared<json::object>()}});
    ++plan.deleted;
  }
  std::map<std::string, const json::value*> by_name;
  for (const json::value& tag : list_at(plan.what_if, "tags")) by_name.emplace(text_at(tag, "name"), &tag);
  for (Step& step : plan.steps) {
    if (const auto it = by_name.find(step.draft.name); it != by_name.end() && step.kind != Step::Kind::kKeep) step.what_if = *it->second;
    // Which gateways' policies miss it is said in its own line.
    if (step.kind == Step::Kind::kDelete && step.what_if) {
      for (const char* name : {"gone", "become_absent"}) step.what_if->as_object().erase(name);
    }
  }
  return plan;
}

Status look_at(Session& session, const TagSchema& schema, Step& step) {
  step.looked_at = true;
  if (step.kind != Step::Kind::kCreate) {
    const auto now = (**session.api()).get("tags/" + step.draft.name);
    if (!now) return fail(now.error());
    if (step.kind == Step::Kind::kDelete) {
      step.shared_with = texts_at(*now, "shared_with");
      return {};
    }
    if (now->is_object()) step.differences = differences(schema, now->as_object(), *step.draft.tag);
  }
  return {};
}

/// Somebody is asked about it.
bool has_effects(const Step& step) {
  return step.kind == Step::Kind::kDelete ||
         (step.what_if && (takes_away(*step.what_if) || grants(*step.what_if) || clears(*step.what_if)));
}

Result<Plan> make_plan(Session& session, const TagSchema& schema, std::vector<Draft>& drafts) {
  for (const Draft& draft : drafts) {
    if (!segment("tag", draft.name)) return invalid("\"" + one_line(draft.name) + "\" can't be a tag's name");
    std::vector<std::string> told;
    for (const auto& [key, value] : *draft.tag) {
      if (schema.read_only(std::string(key))) told.emplace_back(key);
    }
    for (const std::string& key : told) draft.tag->erase(key);
  }
  auto plan = ask_plan(session, drafts);
  if (!plan) return plan;
  const std::size_t wanted = std::min(kLookedAt, plan->created + plan->changed + plan->deleted);
  StepProgress progress(session.terminal, session.environment.clock, wanted, "tags looked at");
  std::size_t looked_at = 0;
  for (const bool effects : {true, false}) {  // what a person is asked about comes first
    for (Step& step : plan->steps) {
      if (step.kind == Step::Kind::kKeep || looked_at == wanted || has_effects(step) != effects) continue;
      if (auto done = look_at(session, schema, step); !done) return fail(done.error());
      ++looked_at;
      progress.step();
    }
  }
  return plan;
}

Status print_plan(Session& session, const Plan& plan) {
  const bool list_unchanged = plan.unchanged <= kUnchangedListed;
  for (const Step& step : plan.steps) {
    if (step.kind == Step::Kind::kKeep && !list_unchanged) continue;
    if (auto printed = print_step(session, step); !printed) return printed;
  }
  if (!list_unchanged) session.print(session.look().paint(Style::kFaint, fmt::format("= {} tags  unchanged", plan.unchanged)) + "\n");
  if (plan.nothing()) return {};
  if (plan.created + plan.changed + plan.deleted > kLookedAt) {
    session.print(fmt::format("what changes in a tag, and who gains or loses it, is shown of {} only, of those first by which endpoints gain or lose something\n", kLookedAt));
  }
  std::vector<std::string> counts;
  for (const auto& [count, what] : {std::pair(plan.created, "new"), std::pair(plan.changed, "changed"),
                                    std::pair(plan.deleted, "deleted"), std::pair(plan.unchanged, "unchanged")}) {
    if (count != 0) counts.push_back(fmt::format("{} {}", count, what));
  }
  session.print(join(counts, ", ") + "\n");
  const auto besides = besides_lines(session, plan.what_if, kEndpointsNamed);
  if (!besides) return fail(besides.error());
  for (const std::string& line : *besides) session.print(line + "\n");
  for (const std::string& line : warning_lines(session, plan.warnings)) session.print(line + "\n");
  return {};
}

/// A person has agreed, or nobody has to.
Result<bool> may_save(Session& session, const Plan& plan) {
  const auto any = [&](auto&& is) { return std::any_of(plan.steps.begin(), plan.steps.end(), is); };
  const bool deletes = plan.deleted != 0;
  const bool loses = takes_away(plan.what_if) || any([](const Step& s) { return s.what_if && takes_away(*s.what_if); });
  // Which tags let somebody through only gateways know: what may grant access is not given unasked.
  const bool gains = grants(plan.what_if) || any([](const Step& s) { return s.what_if && grants(*s.what_if); });
  const bool cleared = clears(plan.what_if) || any([](const Step& s) { return s.what_if && clears(*s.what_if); });
  const bool otherwise = any([](const Step& s) { return s.what_if && reads_unknown_otherwise(*s.what_if); });
  if (session.given.has("--yes") || !(deletes || loses || gains || cleared || otherwise)) return true;
  if (!session.look().interactive) {
    if (!deletes) return true;
    return fail(ErrorCode::kInvalidArgument, "--prune deletes tags; where nobody can be asked, add --yes");
  }
  std::vector<std::string> what;
  if (deletes) what.emplace_back("tags are deleted");
  if (loses) what.emplace_back("endpoints lose something");
  if (gains) what.push_back(std::string(loses ? "others" : "endpoints") + " gain tags, which may grant them access");
  if (cleared) what.emplace_back("endpoints of which a tag was unknown are said to lack it, and policies that deny by it let them through");
  if (otherwise) what.emplace_back("policies that deny by a tag make something else of unknown, and may let others through");
  std::string question = join(what, ", ");
  question.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(question.front())));
  return session.terminal.agreed(question + ". Save all this? [y/N] ");
}

/// All of it, or nothing. Deleted is what was shown, whatever was made meanwhile, and what somebody else has changed
/// meanwhile stays: he is named.
Status save(Session& session, const std::vector<Draft>& drafts, const Plan& plan) {
  json::object wanted = request(drafts, false);
  json::array remove;
  for (const Step& step : plan.steps) {
    if (step.kind == Step::Kind::kDelete) remove.emplace_back(step.draft.name);
  }
  wanted["remove"] = std::move(remove);
  if (plan.versions.is_object()) {
    wanted["expected"] = plan.versions;
    wanted["expected_all"] = true;
  }
  const auto answer = (**session.api()).post("tags/apply", wanted);
  if (!answer) return fail(answer.error());
  const auto saved = list_at(*answer, "created").size() + list_at(*answer, "changed").size() + list_at(*answer, "removed").size();
  if (!session.as_json()) session.print(fmt::format("saved: {} {}\n", saved, saved == 1 ? "tag" : "tags"));
  return {};
}

/// Why nothing was saved.
Result<int> not_saved(Session& session, const Error& error) {
  if (!of_tags(error.code)) return fail(error);
  session.say("postern: " + with_local_times(error.message));
  session.say("nothing was saved");
  return kFailed;
}

Result<int> run_apply(Session& session) {
  auto drafts = read_tag_file(session, session.given.text("--file"));
  if (!drafts) return fail(drafts.error());
  const auto api = session.api();
  if (!api) return fail(api.error());
  (*api)->set_patience(kPatience);
  const auto schema = TagSchema::ask(session);
  if (!schema) return fail(schema.error());
  const auto plan = make_plan(session, *schema, *drafts);
  if (!plan) return not_saved(session, plan.error());
  if (!session.as_json()) {
    if (auto printed = print_plan(session, *plan); !printed) return fail(printed.error());
  }
  const bool dry = session.given.has("--dry-run");
  if (plan->nothing() || dry) {
    if (session.as_json()) return session.print_json(plan_json(*plan, false));
    if (!plan->nothing()) session.print("nothing was saved (--dry-run)\n");
    return kDone;
  }
  const auto may = may_save(session, *plan);
  if (!may) return fail(may.error());
  if (!*may) {
    session.say("nothing was saved");
    return kFailed;
  }
  if (auto done = save(session, *drafts, *plan); !done) return not_saved(session, done.error());
  return session.as_json() ? session.print_json(plan_json(*plan, true)) : kDone;
}

}  // namespace

Command apply_command() {
  return {
      .name = "apply",
      .group = "Tags",
      .summary = "Make the tags as a YAML file has them",
      .details =
          "Shows what is new, changed and unchanged, member by member, and which endpoints gain or lose by it (of the\n"
          "first hundred tags); then saves all of it in one transaction, or nothing: if one tag is wrong, none is saved.\n"
          "New tags may refer to one another in any order. On a terminal it asks where an endpoint would lose a tag, become\n"
          "unknown, gain a tag or become known not to have one (either may grant it access), or a live session be cut; --yes skips that. A file holds a\n"
          "tag per YAML document, a list of tags, or a map with a list called tags, at most 10,000 of them and 8 MB; tags\n"
          "that it does not name stay, unless --prune is given. If somebody changes one of them while it asks, nothing is\n"
          "saved, and it says who did so when.\n\n"
          "Exit codes: 0 saved, or nothing was to be done, or --dry-run; 1 something is wrong with a tag (then nothing\n"
          "was saved), saving failed, or the answer was no; 2 the command line was not understood.",
      .examples =
          "postern apply -f tags.yaml --dry-run\n"
          "postern apply -f tags.yaml\n"
          "cat *.yaml | postern apply -f - --prune --yes\n",
      .options =
          {{.names = "-f,--file", .value = "FILE", .help = "YAML with tags; - for standard input", .required = true},
           {"--dry-run", "", "Show, and save nothing"},
           {"--prune", "", "Delete tags that the file does not name; built-in ones stay"},
           {"-y,--yes", "", "Don't ask"}},
      .run = run_apply};
}

}  // namespace postern::cli
