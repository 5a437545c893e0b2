#pragma once
// One seed: two gateways, an EMS and a few endpoints; faults, changes and administration in the order that the seed
// says; then calm, and everybody has to agree.
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "agent_node.h"
#include "ems_node.h"
#include "gateway_node.h"
#include "seeded_crypto.h"
#include "world.h"

namespace postern::sim {

struct Outcome {
  std::string violation;  ///< Empty: nothing that must never happen did.
  std::string tail;       ///< The last events.
  std::array<std::size_t, kKinds> counts{};
  std::size_t events = 0;  ///< Faults, changes and administration; messages are not among them.
};

class Simulation {
 public:
  explicit Simulation(const Options& options);
  Outcome run();

 private:
  struct Move {
    unsigned weight;
    void (Simulation::*make)();
  };

  void set_up();
  void step();
  /// The kinds of faults that chance has not brought about by now.
  void make_up();
  void each_second();
  void calm_down();
  bool agreed(std::string& why);
  std::size_t moves() const;
  void check_agreement();  // agreement.cc

  // moves.cc: what can happen.
  void change_posture();
  void change_address();
  void roam();
  void claim_address();
  void lose_neighbour();
  void spoof_neighbour();
  void change_interfaces();
  void access();
  void impostor();
  void cut();
  void half_open();
  void partition();
  void damage_snapshot();
  void damage_delta();
  void kill_ems();
  void shut_ems_down();
  void fill_disk();
  void kill_gateway();
  void kill_ems(EmsNode::Death death, bool machine_lost);
  void kill_gateway(bool reboot);
  void stop_gateway();
  void kernel_refuses();
  void kill_agent();
  void jump_wall();
  void renew();
  // administration.cc
  void quarantine();
  void release();
  void end_registration();
  void remove_endpoint();
  void save_tag();
  void rename_tag();
  void delete_tag();
  void change_sharing();
  void authorise();
  void unauthorise();
  void remove_device();
  void authorise(const GatewayNode& gateway);
  void unquarantine(const EndpointUid& uid);
  void give_invitation();
  AgentNode* registered_agent();

  IpAddress free_address(std::size_t segment);
  std::optional<MacAddress> who_answers(std::size_t segment, const IpAddress& ip) const;
  std::string tag_name() { return "T" + std::to_string(world_.dice.below(5)); }

  SeededCrypto crypto_;
  World world_;
  std::unique_ptr<EmsNode> ems_;
  std::vector<std::unique_ptr<GatewayNode>> gateways_;
  std::vector<std::unique_ptr<AgentNode>> agents_;
  std::vector<std::unique_ptr<ClientEnd>> impostors_;
  std::map<std::string, TagModel> models_;  // by the JSON that the EMS prints of them
  std::set<EndpointUid> offline_;
  std::size_t moves_ = 0;
};

}  // namespace postern::sim
