#include <b24gate/admin/json_text.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <fmt/format.h>

#include <chrono>
#include <iterator>

#include <b24gate/core/json_scan.hpp>
#include <b24gate/observe/call_record.hpp>
#include <b24gate/storage/operation_record.hpp>

namespace b24gate::admin {
namespace {

namespace json = boost::json;

void append_number(std::string& out, double number) {
    const std::size_t begin = out.size();
    fmt::format_to(std::back_inserter(out), "{:.3f}", number);
    out.erase(out.find_last_not_of('0') + 1);
    if (out.back() == '.') out.pop_back();
    if (std::string_view(out).substr(begin) == "-0") out.erase(begin, 1);
}

void append(std::string& out, const json::value& value) {
    if (const auto* object = value.if_object()) {
        out += '{';
        for (const auto& member : *object) {
            if (out.back() != '{') out += ',';
            core::json::append_quoted(out, member.key());
            out += ':';
            append(out, member.value());
        }
        out += '}';
    } else if (const auto* array = value.if_array()) {
        out += '[';
        for (const auto& element : *array) {
            if (out.back() != '[') out += ',';
            append(out, element);
        }
        out += ']';
    } else if (const auto* text = value.if_string()) {
        core::json::append_quoted(out, *text);
    } else if (const auto* flag = value.if_bool()) {
        out += *flag ? "true" : "false";
    } else if (const auto* whole = value.if_int64()) {
        out += std::to_string(*whole);
    } else if (const auto* count = value.if_uint64()) {
        out += std::to_string(*count);
    } else if (const auto* number = value.if_double()) {
        append_number(out, *number);
    } else {
        out += "null";
    }
}

}  // namespace

std::string to_text(const json::value& value) {
    std::string out;
    append(out, value);
    return out;
}

json::value time_value(std::int64_t unix_ms) {
    if (unix_ms <= 0 || unix_ms >= storage::never) return {};
    std::string out;
    observe::append_time(out, observe::WallTime(std::chrono::milliseconds(unix_ms)));
    return json::value(out);
}

json::value text_or_null(std::string_view text) { return text.empty() ? json::value() : json::value(text); }

}  // namespace b24gate::admin
