// Bodies of the REST API against the configuration: the first line names a table and an entry ("firewall/vip web"), the
// rest is the body. What is taken reads back as itself, and giving back what was shown changes nothing.
#include <boost/json.hpp>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/form.h"
#include "base/random.h"
#include "gateway/api/cmdb_json.h"
#include "gateway/api/cmdb_query.h"
#include "gateway/api/input.h"
#include "gateway/config/store.h"
#include "gateway/config/text.h"

namespace {

using namespace postern::gateway;

void demand(bool condition) {
  if (!condition) std::abort();
}

/// A text that may stand in an answer.
void demand_utf8(const std::string& text) {
  demand(api::parse_object(boost::json::serialize(boost::json::object{{"text", text}})).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto line = input.substr(0, input.find('\n'));
  const auto body = line.size() == input.size() ? std::string_view() : input.substr(line.size() + 1);
  const auto bar = line.find('|');

  const auto object = api::parse_object(body);
  if (!object) {
    demand_utf8(object.error().message);
    return 0;
  }
  (void)postern::parse_form(body);
  auto store = config::ConfigStore::in_memory(config::gateway_schema());
  auto something_to_refer_to = store->begin();
  demand(something_to_refer_to.edit({{"firewall vip", "web"}}).has_value());
  demand(store->commit(something_to_refer_to).has_value());
  const auto* table = store->current()->schema().table(line.substr(0, bar));
  if (table == nullptr) return 0;
  const std::string key(bar == line.npos ? std::string_view() : line.substr(bar + 1));
  (void)api::read_list_query(*table, {{"filter", key}, {"format", key}, {"start", key}});

  auto draft = api::read_draft(*table, *object);
  if (!draft) {
    demand_utf8(draft.error().message);
    return 0;
  }
  postern::SeededRandom random(1);
  // Hashing takes long on purpose, and is not what is looked for here.
  if (!api::clear_secrets(*draft, nullptr, random).empty()) return 0;
  std::string normal;
  if (!table->single()) {
    const auto name = table->key.normalise({draft->key ? *draft->key : key});
    if (!name || name->empty()) return 0;
    normal = name->front();
  }
  const config::ObjectPath path = {{table->name, normal}};
  auto t = store->begin();
  if (auto applied = api::apply_draft(t, path, *draft, {}); !applied) {
    demand_utf8(applied.error().message);
    return 0;
  }
  if (auto committed = store->commit(t); !committed) {
    demand_utf8(committed.error().message);
    return 0;
  }
  const auto tree = store->current();
  const auto* made = tree->find(path);
  if (made == nullptr) return 0;  // an object without a key in which nothing was set
  const auto shown = api::to_json(config::ObjectView(*table, *made), {});
  const auto again = api::parse_object(boost::json::serialize(shown));
  demand(again.has_value());
  const auto same = api::read_draft(*table, *again);
  demand(same.has_value());
  auto back = store->begin();
  demand(api::apply_draft(back, path, *same, {}).has_value());
  demand(store->commit(back).has_value());
  demand(store->current()->same_content(*tree));
  // And the file that it is kept in reads back as the same.
  config::Transaction read(config::ConfigStore::in_memory(config::gateway_schema())->current(),
                           config::Actor::kGateway);
  demand(config::apply_text(read, config::print_tree(*tree)).has_value());
  demand(read.tree().same_content(*tree));
  return 0;
}
