// The rows of one entity of the simulated portal, and Bitrix24's list query over them. Pure.
#pragma once

#include <b24gate/simulator/moment.hpp>
#include <b24gate/simulator/php.hpp>

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace b24gate::simulator {

struct Condition {
    enum class Op { equal, not_equal, greater, greater_equal, less, less_equal, like, not_like, in, not_in };
    Op op = Op::equal;
    std::string field;
    json::value value;
};

/// `>=OPPORTUNITY` and the like: the operator in front of a field's name.
[[nodiscard]] Condition parse_condition(std::string_view key, json::value value);

struct ListQuery {
    std::vector<Condition> filter;
    struct Order {
        std::string field;
        bool descending = false;
    };
    std::vector<Order> order;
    long long start = 0;  ///< -1: no counting, no next page
    std::size_t limit = 50;
};

struct ListPage {
    std::vector<const json::object*> rows;
    std::optional<long long> next;
    long long total = 0;
};

/// camelCase of crm.item.* to the UPPER_CASE that rows are kept in, and back: `originId` and `ORIGIN_ID`,
/// `ufCrm_1` and `UF_CRM_1`.
[[nodiscard]] std::string to_upper_snake(std::string_view camel);
[[nodiscard]] std::string to_camel(std::string_view upper);

class Table {
public:
    /// Gives the new id. The row gains `ID`.
    long long add(json::object row);
    [[nodiscard]] const json::object* find(long long id) const;
    /// False: there is no such row. Multi-fields (PHONE, EMAIL, WEB, IM) append, or replace by their item's ID.
    bool update(long long id, const json::object& fields);
    bool erase(long long id) { return rows_.erase(id) > 0; }
    [[nodiscard]] ListPage list(const ListQuery& query) const;
    [[nodiscard]] std::size_t size() const noexcept { return rows_.size(); }
    [[nodiscard]] const std::map<long long, json::object>& rows() const noexcept { return rows_; }

private:
    void merge_multi(json::object& row, std::string_view name, const json::value& items);

    std::map<long long, json::object> rows_;
    long long last_id_ = 0, last_item_ = 0;
};

}  // namespace b24gate::simulator
