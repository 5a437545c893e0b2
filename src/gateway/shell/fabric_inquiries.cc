#include "gateway/shell/fabric_inquiries.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace postern::gateway {

using State = cli::CertificateReply::State;

void FabricInquiries::ask_everything(bool anew, cli::GatewayOperations::Answered done) {
  auto& core = *context_.core;
  auto& question = everything_.emplace_back();
  question.asked = context_.now();
  question.anew = anew;
  question.done = std::move(done);
  for (const auto& connector : connectors_()) {
    auto& answer = question.answers[connector.id];
    answer.id = connector.id;
    answer.name = connector.name;
    const auto it = core.connectors().find(connector.id);
    const bool enabled = it != core.connectors().end() && it->second.settings.enabled;
    if (!enabled) {
      answer.trouble = "status disable";
    } else if (anew && it->second.trusted) {
      core.reconnect(question.asked, connector.id);
      question.open[connector.id] = true;
    } else if (answer.trouble = trouble_(connector); answer.trouble.empty()) {
      core.refresh(question.asked, connector.id);
      question.open[connector.id] = true;
    }
  }
  question.patience = context_.loop.after(patience_, [this] { give_up(); });
  context_.pump();
  context_.loop.post([this] { follow(); });
}

void FabricInquiries::ask_about(const Sha256& leaf, cli::GatewayOperations::Replied done) {
  auto& question = certificates_.emplace_back();
  question.asked = context_.now();
  question.done = std::move(done);
  for (const auto& connector : connectors_()) {
    auto& reply = question.replies[connector.id];
    reply.id = connector.id;
    reply.name = connector.name;
    reply.trouble = trouble_(connector);
    if (!reply.trouble.empty()) continue;
    if (const auto number = context_.core->inquire(question.asked, connector.id, leaf)) {
      question.open[connector.id] = number;
    } else {
      reply.trouble = "it can't be asked now; try again";
    }
  }
  question.patience = context_.loop.after(patience_, [this] { give_up(); });
  context_.pump();
  context_.loop.post([this] { follow(); });
}

void FabricInquiries::look(Everything& question) {
  const auto& connectors = context_.core->connectors();
  std::map<ConnectorId, cli::ConnectorStatus> shown;
  for (auto& c : connectors_()) shown[c.id] = std::move(c);
  std::erase_if(question.open, [&](const auto& waiting) {
    auto& answer = question.answers[waiting.first];
    const auto it = connectors.find(waiting.first);
    if (it == connectors.end()) {
      answer.trouble = "it was removed meanwhile";
      return true;
    }
    const auto& client = *it->second.client;
    const auto& heard = client.last_contact();
    if (client.synchronised() && heard && heard->mono >= question.asked.mono && !it->second.other_ems()) {
      answer.revision = client.revision();
      answer.endpoints = client.view().entries().size();
      answer.tags = client.view().tags().size();
      answer.took = std::chrono::duration_cast<std::chrono::microseconds>(context_.now().mono - question.asked.mono);
      return true;
    }
    // Who opens a new connection is without one for a while; what the EMS says of us then is final.
    const bool said = client.connected() && client.status().state != proto::FabricStatusInfo::State::kNone;
    if (!question.anew || said || it->second.other_ems() || !it->second.trusted) answer.trouble = trouble_(shown[waiting.first]);
    return !answer.trouble.empty();
  });
}

void FabricInquiries::look(Certificate& question) {
  using Answer = proto::fabric::Answer;
  std::erase_if(question.open, [&](const auto& waiting) {
    const auto answer = context_.core->take_answer(waiting.first, waiting.second);
    if (!answer) return false;
    auto& reply = question.replies[waiting.first];
    reply.uid = answer->uid;
    reply.state = answer->state == Answer::State::kFound     ? State::kFound
                  : answer->state == Answer::State::kRevoked ? State::kRevoked
                  : answer->state == Answer::State::kUnknown ? State::kUnknown
                                                             : State::kNoAnswer;
    if (reply.state == State::kNoAnswer) reply.trouble = "it is busy; try again";
    return true;
  });
}

void FabricInquiries::follow() {
  for (auto& question : everything_) look(question);
  for (auto& question : certificates_) look(question);
  finish();
}

void FabricInquiries::give_up() {
  // The timer and this program's clock may differ by a little.
  const auto late = [&](const auto& question) {
    return context_.now().mono - question.asked.mono >= patience_ - std::chrono::milliseconds(100);
  };
  const auto silence = fmt::format("no answer within {} s", patience_.count());
  for (auto& question : everything_) {
    if (!late(question)) continue;
    for (const auto& [id, open] : question.open) {
      const auto it = context_.core->connectors().find(id);
      const auto error = it == context_.core->connectors().end() ? std::string() : it->second.client->last_error();
      question.answers[id].trouble =
          fmt::format("{}{}{}; it goes on being tried: diagnose endpoint fctems test-connectivity {} says more", silence,
                      error.empty() ? "" : ": ", error, id);
    }
    question.open.clear();
  }
  for (auto& question : certificates_) {
    if (!late(question)) continue;
    for (const auto& [id, number] : question.open) {
      context_.core->give_up(id, number);
      question.replies[id].trouble = silence;
    }
    question.open.clear();
  }
  // Not inside the timer's own call.
  context_.loop.post([this] { finish(); });
}

void FabricInquiries::finish() {
  std::list<Everything> everything;
  std::list<Certificate> certificates;
  const auto take = [](auto& from, auto& to) {
    for (auto it = from.begin(); it != from.end();) {
      const auto at = it++;
      if (at->open.empty()) to.splice(to.end(), from, at);
    }
  };
  take(everything_, everything);
  take(certificates_, certificates);
  for (auto& question : everything) {
    std::vector<cli::EmsAnswer> out;
    for (auto& [id, answer] : question.answers) out.push_back(std::move(answer));
    question.done(std::move(out));
  }
  for (auto& question : certificates) {
    std::vector<cli::CertificateReply> out;
    for (auto& [id, reply] : question.replies) out.push_back(std::move(reply));
    question.done(std::move(out));
  }
}

}  // namespace postern::gateway
