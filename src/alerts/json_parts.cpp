#include "json_parts.hpp"

#include <boost/json/parse.hpp>

namespace b24gate::alerts {

namespace json = boost::json;

std::optional<json::object> parse_object(std::string_view text) {
    boost::system::error_code error;
    json::value value = json::parse(text, error);
    if (error || !value.is_object()) return std::nullopt;
    return std::move(value.get_object());
}

std::string text_of(const json::object& object, std::string_view name) {
    const json::value* const found = object.if_contains(name);
    const json::string* const text = found == nullptr ? nullptr : found->if_string();
    return text == nullptr ? std::string() : std::string(*text);
}

std::int64_t number_of(const json::object& object, std::string_view name) {
    const json::value* const found = object.if_contains(name);
    if (found == nullptr) return 0;
    boost::system::error_code error;
    const auto number = found->to_number<std::int64_t>(error);
    return error ? 0 : number;
}

std::uint64_t count_of(const json::object& object, std::string_view name) {
    const json::value* const found = object.if_contains(name);
    if (found == nullptr) return 0;
    boost::system::error_code error;
    const auto number = found->to_number<std::uint64_t>(error);
    return error ? 0 : number;
}

double real_of(const json::object& object, std::string_view name) {
    const json::value* const found = object.if_contains(name);
    if (found == nullptr) return 0;
    boost::system::error_code error;
    const auto number = found->to_number<double>(error);
    return error ? 0 : number;
}

bool flag_of(const json::object& object, std::string_view name) {
    const json::value* const found = object.if_contains(name);
    const bool* const flag = found == nullptr ? nullptr : found->if_bool();
    return flag != nullptr && *flag;
}

const json::object& members_of(const json::object& object, std::string_view name) {
    static const json::object none;
    const json::value* const found = object.if_contains(name);
    const json::object* const members = found == nullptr ? nullptr : found->if_object();
    return members == nullptr ? none : *members;
}

const json::array& elements_of(const json::object& object, std::string_view name) {
    static const json::array none;
    const json::value* const found = object.if_contains(name);
    const json::array* const elements = found == nullptr ? nullptr : found->if_array();
    return elements == nullptr ? none : *elements;
}

}  // namespace b24gate::alerts
