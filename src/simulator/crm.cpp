#include <b24gate/core/text.hpp>
#include <b24gate/simulator/crm.hpp>

#include <algorithm>
#include <array>
#include <limits>

namespace b24gate::simulator {
namespace {

constexpr std::array<std::string_view, 4> multi_fields{"PHONE", "EMAIL", "WEB", "IM"};

bool is_multi(std::string_view name) noexcept {
    return std::find(multi_fields.begin(), multi_fields.end(), name) != multi_fields.end();
}

/// -1, 0, 1; numbers as numbers, all else as text without case.
int compare(const json::value& a, const json::value& b) {
    const auto x = php::to_number(a), y = php::to_number(b);
    if (x && y) return *x < *y ? -1 : *x > *y ? 1 : 0;
    return core::to_lower(php::to_string(a)).compare(core::to_lower(php::to_string(b)));
}

const json::value& field_of(const json::object& row, std::string_view name) {
    static const json::value missing = "";
    const json::value* value = row.if_contains(json::string_view(name.data(), name.size()));
    return value ? *value : missing;
}

/// A multi-field matches when one of its items does.
bool equals(const json::value& have, const json::value& want) {
    if (const auto* items = have.if_array())
        return std::any_of(items->begin(), items->end(), [&](const json::value& item) {
            const json::value* inner = php::get(item, "VALUE");
            return compare(inner ? *inner : item, want) == 0;
        });
    return compare(have, want) == 0;
}

bool is_one_of(const json::value& have, const json::value& wanted) {
    if (const auto* list = wanted.if_array())
        return std::any_of(list->begin(), list->end(), [&](const json::value& want) { return equals(have, want); });
    if (const auto* map = wanted.if_object())
        return std::any_of(map->begin(), map->end(), [&](const auto& want) { return equals(have, want.value()); });
    return equals(have, wanted);
}

bool contains(const json::value& have, const json::value& want) {
    const std::string needle = core::to_lower(php::to_string(want));
    if (const auto* items = have.if_array())
        return std::any_of(items->begin(), items->end(), [&](const json::value& item) {
            const json::value* inner = php::get(item, "VALUE");
            return contains(inner ? *inner : item, want);
        });
    return core::to_lower(php::to_string(have)).find(needle) != std::string::npos;
}

bool matches(const json::object& row, const Condition& condition) {
    const json::value& have = field_of(row, condition.field);
    const json::value& want = condition.value;
    switch (condition.op) {
        case Condition::Op::equal:
        case Condition::Op::in: return is_one_of(have, want);
        case Condition::Op::not_equal:
        case Condition::Op::not_in: return !is_one_of(have, want);
        case Condition::Op::greater: return compare(have, want) > 0;
        case Condition::Op::greater_equal: return compare(have, want) >= 0;
        case Condition::Op::less: return compare(have, want) < 0;
        case Condition::Op::less_equal: return compare(have, want) <= 0;
        case Condition::Op::like: return contains(have, want);
        case Condition::Op::not_like: return !contains(have, want);
    }
    return false;
}

/// The ids that the conditions on ID leave over, so that paging by `filter[>ID]` costs a page and not the table.
std::pair<long long, long long> id_range(const std::vector<Condition>& filter) {
    long long low = std::numeric_limits<long long>::min(), high = std::numeric_limits<long long>::max();
    for (const Condition& condition : filter) {
        if (condition.field != "ID" || php::is_array(condition.value) || !php::to_number(condition.value)) continue;
        const long long id = php::to_int(condition.value);
        switch (condition.op) {
            case Condition::Op::greater:
            case Condition::Op::greater_equal: low = std::max(low, id); break;
            case Condition::Op::less:
            case Condition::Op::less_equal: high = std::min(high, id); break;
            case Condition::Op::equal:
                low = std::max(low, id);
                high = std::min(high, id);
                break;
            default: break;
        }
    }
    return {low, high};
}

}  // namespace

Condition parse_condition(std::string_view key, json::value value) {
    struct Row {
        std::string_view prefix;
        Condition::Op op;
    };
    static constexpr std::array rows{Row{">=", Condition::Op::greater_equal},
                                     Row{"<=", Condition::Op::less_equal},
                                     Row{"!=", Condition::Op::not_equal},
                                     Row{"!@", Condition::Op::not_in},
                                     Row{"!%", Condition::Op::not_like},
                                     Row{"=%", Condition::Op::like},
                                     Row{"%=", Condition::Op::like},
                                     Row{">", Condition::Op::greater},
                                     Row{"<", Condition::Op::less},
                                     Row{"!", Condition::Op::not_equal},
                                     Row{"=", Condition::Op::equal},
                                     Row{"%", Condition::Op::like},
                                     Row{"@", Condition::Op::in}};
    for (const Row& row : rows)
        if (key.substr(0, row.prefix.size()) == row.prefix)
            return {row.op, std::string(key.substr(row.prefix.size())), std::move(value)};
    return {Condition::Op::equal, std::string(key), std::move(value)};
}

std::string to_upper_snake(std::string_view camel) {
    std::string out;
    for (const char c : camel) {
        if (c >= 'A' && c <= 'Z' && !out.empty()) out += '_';
        out += c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    }
    return out;
}

std::string to_camel(std::string_view upper) {
    std::string out;
    for (std::size_t i = 0; i < upper.size(); ++i) {
        const bool joint = upper[i] == '_' && i + 1 < upper.size();
        if (joint && upper[i + 1] >= 'A' && upper[i + 1] <= 'Z')
            out += upper[++i];
        else
            out += core::to_lower(upper[i]);
    }
    return out;
}

long long Table::add(json::object row) {
    const long long id = ++last_id_;
    json::object stored;
    stored["ID"] = std::to_string(id);
    for (auto& [name, value] : row) {
        const std::string_view key(name.data(), name.size());
        if (key == "ID") continue;
        if (is_multi(key))
            merge_multi(stored, key, value);
        else
            stored[name] = std::move(value);
    }
    rows_.emplace(id, std::move(stored));
    return id;
}

const json::object* Table::find(long long id) const {
    const auto found = rows_.find(id);
    return found == rows_.end() ? nullptr : &found->second;
}

void Table::merge_multi(json::object& row, std::string_view name, const json::value& items) {
    json::value& have = row[json::string_view(name.data(), name.size())];
    if (!have.is_array()) have = json::array{};
    json::array& list = have.get_array();
    const auto merge = [&](const json::value& item) {
        if (!php::is_array(item)) return;
        const json::value* id = php::get(item, "ID");
        const auto old = std::find_if(list.begin(), list.end(), [&](const json::value& other) {
            return id && compare(other.at("ID"), *id) == 0;
        });
        json::object fresh;
        fresh["ID"] = old != list.end() ? php::to_string(*id) : std::to_string(++last_item_);
        fresh["VALUE_TYPE"] = "WORK";
        if (const auto* fields = item.if_object())
            for (const auto& [key, value] : *fields)
                if (key != "ID") fresh[key] = value;
        fresh["TYPE_ID"] = json::string_view(name.data(), name.size());
        if (old == list.end())
            list.push_back(std::move(fresh));
        else if (php::to_string(field_of(fresh, "VALUE")).empty())
            list.erase(old);
        else
            *old = std::move(fresh);
    };
    if (const auto* array = items.if_array())
        for (const json::value& item : *array) merge(item);
    else if (const auto* map = items.if_object())
        for (const auto& item : *map) merge(item.value());
}

bool Table::update(long long id, const json::object& fields) {
    const auto found = rows_.find(id);
    if (found == rows_.end()) return false;
    for (const auto& [name, value] : fields) {
        const std::string_view key(name.data(), name.size());
        if (key == "ID") continue;
        if (is_multi(key))
            merge_multi(found->second, key, value);
        else
            found->second[name] = value;
    }
    return true;
}

ListPage Table::list(const ListQuery& query) const {
    const bool by_id = query.order.empty() || query.order.front().field == "ID";
    const bool down = !query.order.empty() && query.order.front().descending;
    const bool counted = query.start >= 0;
    const auto [low, high] = id_range(query.filter);
    const auto first = rows_.lower_bound(low), last = low > high ? first : rows_.upper_bound(high);

    std::vector<const json::object*> found;
    const auto visit = [&](const json::object& row) {
        for (const Condition& condition : query.filter)
            if (!matches(row, condition)) return true;
        found.push_back(&row);
        return counted || !by_id || found.size() < query.limit;
    };
    if (by_id && down) {
        for (auto at = std::make_reverse_iterator(last), end = std::make_reverse_iterator(first); at != end; ++at)
            if (!visit(at->second)) break;
    } else {
        for (auto at = first; at != last; ++at)
            if (!visit(at->second)) break;
    }
    if (!by_id) {
        std::stable_sort(found.begin(), found.end(), [&](const json::object* a, const json::object* b) {
            for (const ListQuery::Order& order : query.order) {
                const int c = compare(field_of(*a, order.field), field_of(*b, order.field));
                if (c != 0) return order.descending ? c > 0 : c < 0;
            }
            return false;
        });
    }

    ListPage page;
    const std::size_t begin = counted ? std::min(static_cast<std::size_t>(query.start), found.size()) : 0;
    const std::size_t end = std::min(begin + query.limit, found.size());
    page.rows.assign(found.begin() + static_cast<std::ptrdiff_t>(begin),
                     found.begin() + static_cast<std::ptrdiff_t>(end));
    if (counted) {
        page.total = static_cast<long long>(found.size());
        if (end < found.size()) page.next = static_cast<long long>(end);
    }
    return page;
}

}  // namespace b24gate::simulator
