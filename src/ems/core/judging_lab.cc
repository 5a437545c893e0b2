#include "ems/core/judging_lab.h"

#include <algorithm>
#include <utility>

#include "posture/tag_json.h"
#include "wire/telemetry.pb.h"

namespace postern::ems::testing {

TagState Judging::state(const TestAgent& agent, const std::string& tag) const {
  return core->endpoint(agent.uid())->tags().state(core->engine().id_of(tag));
}

void Judging::wait(TestAgent& agent, Seconds seconds, bool heard) {
  for (Seconds left = seconds; left > Seconds(0);) {
    const auto step = std::min(left, Seconds(10));
    left -= step;
    clock.advance(step);
    if (heard && left.count() % 60 == 0 && agent.session != 0) {
      wire::TelemetryFrame frame;
      frame.mutable_keepalive()->set_seq(1);
      send(agent, frame);
    }
    core->tick(clock.now());
    run();
  }
}

template <class Ask>
Status Judging::answer(Ask ask) {
  Status out = fail(ErrorCode::kInternal, "never answered");
  ask([&out](Status done) { out = std::move(done); });
  run();
  return out;
}

Status Judging::attribute(const TestAgent& agent, const std::string& name, EmsCore::AttributeValue value,
                          std::optional<Seconds> expires_in) {
  return answer([&](DoneStatus done) {
    core->set_attribute(clock.now(), admin, agent.uid(), name, std::move(value), expires_in, std::move(done));
  });
}

Status Judging::classify(const TestAgent& agent, const std::vector<std::string>& tags) {
  return answer([&](DoneStatus done) { core->classify(clock.now(), admin, agent.uid(), tags, std::move(done)); });
}

Status Judging::save(const std::string& json, const std::string& name) {
  return answer([&](DoneStatus done) {
    const auto tag = posture::parse_tag_json(json);
    core->save_tag(clock.now(), admin, name.empty() ? tag->name.str() : name, *tag, false,
                   [done](Result<posture::TagId> id) { id ? done(Status()) : done(fail(id.error())); });
  });
}

Status Judging::remove(const std::string& name) {
  return answer([&](DoneStatus done) { core->delete_tag(clock.now(), admin, name, std::move(done)); });
}

Result<EmsCore::Undone> Judging::undo(const std::string& name, Revision expected) {
  Result<EmsCore::Undone> out = fail(ErrorCode::kInternal, "never answered");
  core->undo_tag(clock.now(), admin, name, expected, "", [&out](Result<EmsCore::Undone> done) { out = std::move(done); });
  run();
  return out;
}

}  // namespace postern::ems::testing
