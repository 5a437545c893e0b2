// postern apply: tags from a file, with what that changes shown before it is saved.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <optional>

#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/json_view.h"
#include "cli/tag_diff.h"
#include "cli/tag_files.h"
#include "cli/what_if.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kEndpointsNamed = 5;

/// What becomes of one tag.
struct Step {
  enum class Kind { kCreate, kChange, kKeep, kDelete };
  Kind kind = Kind::kKeep;
  Draft draft;
  std::vector<Difference> differences = {};
  std::optional<json::value> what_if = {};
  std::string no_what_if = {};  ///< Why there is none.
  std::int64_t had = 0;         ///< kDelete: endpoints that have it.
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
    session.print(fmt::format("    {} endpoints lose it{}\n", step.had,
                              step.shared_with.empty() ? ""
                                                       : "; policies of " + join(step.shared_with, ", ") +
                                                             " that name it count it as unknown"));
  }
  if (!step.no_what_if.empty()) session.print("    " + step.no_what_if + "\n");
  if (!step.what_if) return {};
  const auto lines = what_if_lines(session, *step.what_if, kEndpointsNamed);
  if (!lines) return fail(lines.error());
  for (const std::string& line : *lines) session.print("    " + line + "\n");
  return {};
}

json::value steps_json(const std::vector<Step>& steps, bool saved) {
  json::array list;
  for (const Step& step : steps) {
    json::array changes;
    for (const Difference& d : step.differences) {
      changes.push_back(json::object{{"where", d.where}, {"before", d.before}, {"after", d.after}});
    }
    json::object one{
        {"name", step.draft.name}, {"action", std::string(kind_word(step.kind))}, {"differences", std::move(changes)}};
    one["what_if"] = step.what_if ? *step.what_if : json::value(nullptr);
    list.push_back(std::move(one));
  }
  return json::object{{"saved", saved}, {"tags", std::move(list)}};
}

/// All that is wrong with the drafts, one line each; nothing is saved then.
struct Plan {
  std::vector<Step> steps;
  std::vector<std::string> errors;
};

Status plan_draft(Session& session, const TagSchema& schema, const json::array& existing,
                  const std::vector<Draft>& drafts, Draft draft, Plan& plan) {
  Step step{.draft = std::move(draft)};
  const auto is_it = [&](const std::string& name) {
    return std::find_if(existing.begin(), existing.end(),
                        [&](const json::value& tag) { return text_at(tag, "name") == name; });
  };
  const auto old = is_it(step.draft.name);
  if (old == existing.end()) {
    step.kind = Step::Kind::kCreate;
  } else {
    step.differences = differences(schema, old->as_object(), *step.draft.tag);
    step.kind = step.differences.empty() ? Step::Kind::kKeep : Step::Kind::kChange;
  }
  if (step.kind != Step::Kind::kKeep) {
    auto answer = ask_what_if(session, *step.draft.tag, kEndpointsNamed);
    // What is wrong with it may be no more than that a tag of this file is not there yet.
    const bool waits = !answer && std::any_of(drafts.begin(), drafts.end(), [&](const Draft& other) {
      return other.name != step.draft.name && is_it(other.name) == existing.end() &&
             refers_to(step.draft, other.name) && answer.error().message.find(other.name) != std::string::npos;
    });
    if (answer) {
      step.what_if = std::move(*answer);
    } else if (answer.error().code != ErrorCode::kInvalidArgument && answer.error().code != ErrorCode::kNotFound &&
               answer.error().code != ErrorCode::kPermissionDenied) {
      return fail(answer.error());  // not this tag's fault
    } else if (waits) {
      step.no_what_if = "what it would change can't be told before the new tags that it names are there";
    } else {
      plan.errors.push_back(one_line(step.draft.name) + ": " + answer.error().message);
    }
  }
  plan.steps.push_back(std::move(step));
  return {};
}

void plan_deletions(const json::array& existing, const std::vector<Draft>& drafts, Plan& plan) {
  for (const json::value& tag : existing) {
    const std::string name = text_at(tag, "name");
    const bool kept = std::any_of(drafts.begin(), drafts.end(), [&](const Draft& d) { return d.name == name; });
    if (kept || is_true(tag, "built_in")) continue;
    Step step{.kind = Step::Kind::kDelete, .draft = {name, std::make_shared<json::object>()}};
    step.had = number_at(tag, "has").value_or(0);
    step.shared_with = texts_at(tag, "shared_with");
    plan.steps.push_back(std::move(step));
  }
}

Result<Plan> make_plan(Session& session, const std::vector<Draft>& drafts) {
  const auto api = session.api();
  if (!api) return fail(api.error());
  const auto schema = TagSchema::ask(session);
  if (!schema) return fail(schema.error());
  const auto page = (*api)->list("tags", {}, 0);
  if (!page) return fail(page.error());
  const json::array& existing = list_at(*page, "items");
  Plan plan;
  for (const Draft& draft : drafts) {
    if (!segment("tag", draft.name)) return invalid("\"" + one_line(draft.name) + "\" can't be a tag's name");
    std::vector<std::string> told;
    for (const auto& [key, value] : *draft.tag) {
      if (schema->read_only(std::string(key))) told.emplace_back(key);
    }
    for (const std::string& key : told) draft.tag->erase(key);
    if (auto done = plan_draft(session, *schema, existing, drafts, draft, plan); !done) return fail(done.error());
  }
  if (session.given.has("--prune")) plan_deletions(existing, drafts, plan);
  return plan;
}

/// A person has agreed, or nobody has to.
Result<bool> may_save(Session& session, const Plan& plan) {
  const bool deletes =
      std::any_of(plan.steps.begin(), plan.steps.end(), [](const Step& s) { return s.kind == Step::Kind::kDelete; });
  const bool loses = deletes || std::any_of(plan.steps.begin(), plan.steps.end(),
                                            [](const Step& s) { return s.what_if && takes_away(*s.what_if); });
  if (session.given.has("--yes") || !loses) return true;
  if (!session.look().interactive) {
    if (!deletes) return true;
    return fail(ErrorCode::kInvalidArgument, "--prune deletes tags; where nobody can be asked, add --yes");
  }
  return session.terminal.agreed(deletes ? "Tags are deleted. Save all this? [y/N] "
                                         : "Endpoints lose something. Save all this? [y/N] ");
}

Result<int> save(Session& session, const Plan& plan) {
  Api& api = **session.api();
  std::size_t saved = 0;
  for (const Step& step : plan.steps) {
    if (step.kind == Step::Kind::kKeep) continue;
    const std::string path = "tags/" + step.draft.name;
    Result<json::value> answer = json::value(nullptr);
    if (step.kind == Step::Kind::kDelete) {
      if (auto gone = api.remove(path); !gone) answer = fail(gone.error());
    } else {
      answer = api.put(path, *step.draft.tag);
    }
    if (!answer) {
      return fail(answer.error().context(fmt::format("{} (before it {} {} saved)", one_line(step.draft.name), saved,
                                                     saved == 1 ? "tag was" : "tags were")));
    }
    ++saved;
    for (const std::string& warning : texts_at(*answer, "warnings")) session.say("note: " + warning);
  }
  if (!session.as_json()) session.print(fmt::format("saved: {} {}\n", saved, saved == 1 ? "tag" : "tags"));
  return kDone;
}

Result<int> run_apply(Session& session) {
  auto drafts = read_tag_file(session, session.given.text("--file"));
  if (!drafts) return fail(drafts.error());
  order_by_reference(*drafts);
  const auto plan = make_plan(session, *drafts);
  if (!plan) return fail(plan.error());
  if (!plan->errors.empty()) {
    for (const std::string& error : plan->errors) session.say("postern: " + error);
    session.say("nothing was saved");
    return kFailed;
  }
  if (!session.as_json()) {
    for (const Step& step : plan->steps) {
      if (auto printed = print_step(session, step); !printed) return fail(printed.error());
    }
  }
  const bool nothing =
      std::all_of(plan->steps.begin(), plan->steps.end(), [](const Step& s) { return s.kind == Step::Kind::kKeep; });
  const bool dry = session.given.has("--dry-run");
  if (nothing || dry) {
    if (session.as_json()) return session.print_json(steps_json(plan->steps, false));
    if (!nothing) session.print("nothing was saved (--dry-run)\n");
    return kDone;
  }
  const auto may = may_save(session, *plan);
  if (!may) return fail(may.error());
  if (!*may) {
    session.say("nothing was saved");
    return kFailed;
  }
  const auto done = save(session, *plan);
  if (!done) return fail(done.error());
  return session.as_json() ? session.print_json(steps_json(plan->steps, true)) : *done;
}

}  // namespace

Command apply_command() {
  return {
      .name = "apply",
      .group = "Tags",
      .summary = "Make the tags as a YAML file has them",
      .details =
          "Shows what is new, changed and unchanged, member by member, and which endpoints gain or lose by it; then\n"
          "saves. All tags are checked before the first is saved. On a terminal it asks where an endpoint would lose\n"
          "the tag or become unknown, or a live session be cut. A file holds a tag per YAML document, a list of tags,\n"
          "or a map with a list called tags; tags that it does not name stay, unless --prune is given.\n"
          "Exit codes: 0 saved, or nothing was to be done, or --dry-run; 1 something is wrong with a tag (then "
          "nothing\n"
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
