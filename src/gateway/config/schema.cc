#include "gateway/config/schema.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "base/text.h"
#include "gateway/config/tables/tables.h"
#include "gateway/config/together.h"

namespace postern::gateway::config {

std::string Attribute::last_one() const {
  if (required) return fmt::format("{}: that is the last one, and it can't be without any; add another one first", name);
  const std::string none = !default_value.empty() ? "would mean " + join(default_value, " ")
                           : type == Type::kTag   ? "would ask for no tag"
                                                  : "may mean any";
  return fmt::format("{}: that is the last one, and a list without any {}; if that is meant: unset {}", name, none, name);
}

const Attribute* Table::attribute(std::string_view wanted) const {
  const auto it = std::find_if(attributes.begin(), attributes.end(),
                               [&](const Attribute& a) { return a.name == wanted; });
  return it == attributes.end() ? nullptr : &*it;
}

const Table* Table::table(std::string_view wanted) const {
  const auto it =
      std::find_if(tables.begin(), tables.end(), [&](const Table& t) { return t.name == wanted; });
  return it == tables.end() ? nullptr : &*it;
}

const Object* Table::find_built_in(std::string_view wanted) const {
  const auto it =
      std::find_if(built_in.begin(), built_in.end(), [&](const Object& o) { return o.key == wanted; });
  return it == built_in.end() ? nullptr : &*it;
}

const Value& ObjectView::values(std::string_view attribute) const {
  if (const auto it = object_->values.find(attribute); it != object_->values.end()) return it->second;
  const Attribute* described = table_->attribute(attribute);
  if (!described) {
    throw std::logic_error(table_->name + " has no attribute " + std::string(attribute));
  }
  return described->default_value;
}

std::string ObjectView::text(std::string_view attribute) const {
  const Value& value = values(attribute);
  return value.empty() ? std::string() : value.front();
}

std::int64_t ObjectView::integer(std::string_view attribute) const {
  const Value& value = values(attribute);
  return value.empty() ? 0 : std::stoll(value.front());  // normal form: digits in range
}

bool ObjectView::is_set(std::string_view attribute) const {
  return object_->values.find(attribute) != object_->values.end();
}

std::vector<ObjectView> ObjectView::entries(std::string_view nested) const {
  const Table* table = table_->table(nested);
  if (!table) throw std::logic_error(table_->name + " has no table " + std::string(nested));
  std::vector<ObjectView> out;
  if (const auto it = object_->tables.find(nested); it != object_->tables.end()) {
    for (const auto& object : it->second) out.emplace_back(*table, object);
  }
  return out;
}

namespace {

void demand_keys(std::vector<Table>& tables) {
  for (auto& table : tables) {
    table.key.required = !table.single();  // "" names nothing
    demand_keys(table.tables);
  }
}

}  // namespace

Schema::Schema(std::vector<Table> tables, Check check) : check_(std::move(check)) {
  root_.tables = std::move(tables);
  demand_keys(root_.tables);
}

const Schema& gateway_schema() {
  static const Schema schema(tables::all(), check_together);
  return schema;
}

}  // namespace postern::gateway::config
