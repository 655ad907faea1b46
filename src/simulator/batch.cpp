#include <b24gate/core/text.hpp>
#include <b24gate/simulator/batch.hpp>

#include <array>
#include <optional>
#include <vector>

namespace b24gate::simulator {
namespace {

constexpr std::array<std::string_view, 5> names{"result", "next", "total", "time", "error"};

bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

json::value php_list(const json::object& map) {
    // Only the map itself changes its shape; what commands gave back keeps it.
    bool list = true;
    std::size_t i = 0;
    for (const auto& entry : map) list = list && entry.key() == std::to_string(i++);
    if (!list) return map;
    json::array out;
    for (const auto& entry : map) out.push_back(entry.value());
    return out;
}

/// The `[a][b]` of a reference's tail, wherever they stand in it.
std::vector<std::string_view> path_of(std::string_view tail) {
    std::vector<std::string_view> out;
    for (std::size_t at = tail.find('['); at != std::string_view::npos; at = tail.find('[', at)) {
        const std::size_t end = tail.find(']', at + 1);
        if (end == std::string_view::npos) break;
        if (end > at + 1) out.push_back(tail.substr(at + 1, end - at - 1));
        at = end + 1;
    }
    return out;
}

json::value walk(json::value at, const std::vector<std::string_view>& path) {
    for (const std::string_view key : path) {
        if (const auto* text = at.if_string()) {
            // $text["2"] is a character in PHP.
            const auto index = php::to_int(json::value(json::string_view(key.data(), key.size())));
            if (!core::is_digits(key) || index >= static_cast<long long>(text->size())) break;
            at = json::value(json::string_view(text->data() + index, 1));
            continue;
        }
        const json::value* inner = php::get(at, key);
        if (!inner || inner->is_null()) break;
        json::value copy = *inner;
        at = std::move(copy);
    }
    return at;
}

}  // namespace

const json::object* BatchMaps::map(std::string_view name) const {
    return name == "result"  ? &result
           : name == "next"  ? &next
           : name == "total" ? &total
           : name == "time"  ? &time
           : name == "error" ? &error
                             : nullptr;
}

json::value BatchMaps::substitute_text(std::string text) const {
    const std::string original = text;
    for (std::size_t at = original.find('$'); at != std::string::npos; at = original.find('$', at)) {
        const std::string_view rest = std::string_view(original).substr(at + 1);
        std::string_view name;
        for (const std::string_view candidate : names)
            if (core::iequals(rest.substr(0, candidate.size()), candidate)) {
                name = rest.substr(0, candidate.size());
                break;
            }
        if (name.empty()) {
            ++at;
            continue;
        }
        std::size_t end = at + 1 + name.size();
        while (end < original.size() && !is_space(original[end])) ++end;
        const std::string whole = original.substr(at, end - at);
        const auto path = path_of(std::string_view(whole).substr(1 + name.size()));
        at = end;
        if (path.empty()) continue;
        // Found in any case, looked up as written.
        const json::object* source = map(name);
        const json::value target = source ? walk(php_list(*source), path) : json::value(nullptr);
        if (whole == text) return target;
        if (!target.is_string() && !php::to_number(target)) continue;
        const std::string put = php::to_string(target);
        for (std::size_t found = text.find(whole); found != std::string::npos;
             found = text.find(whole, found + put.size()))
            text.replace(found, whole.size(), put);
    }
    return json::value(text);
}

json::value BatchMaps::substitute(json::value params) const {
    if (const auto* text = params.if_string()) {
        if (text->find('$') == json::string::npos) return params;
        return substitute_text(std::string(std::string_view(*text)));
    }
    if (auto* list = params.if_array())
        for (json::value& item : *list) item = substitute(std::move(item));
    if (auto* map = params.if_object())
        for (auto& item : *map) item.value() = substitute(std::move(item.value()));
    return params;
}

json::value BatchMaps::answer() const {
    return json::object{{"result", php_list(result)},
                        {"result_error", php_list(error)},
                        {"result_total", php_list(total)},
                        {"result_next", php_list(next)},
                        {"result_time", php_list(time)}};
}

}  // namespace b24gate::simulator
