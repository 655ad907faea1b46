#include <b24gate/bitrix/methods.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include <b24gate/bitrix/method_table.hpp>
#include <b24gate/bitrix/php_form.hpp>
#include <b24gate/core/json_scan.hpp>
#include <b24gate/core/text.hpp>

namespace b24gate::bitrix {
namespace {

using core::iequals;
using core::json::Reader;

/// Fields of a CRM record that hold several values: an entry without the id of a stored value is added to them, so a
/// second update adds it again.
constexpr auto multi_fields = std::to_array<std::string_view>({"email", "fm", "im", "link", "phone", "web"});

bool is_multi_field(std::string_view name) noexcept {
    return std::ranges::any_of(multi_fields, [name](std::string_view field) { return iequals(field, name); });
}

bool any_glob(const std::vector<std::string>& globs, std::string_view name) {
    return std::ranges::any_of(globs, [name](const std::string& glob) { return core::glob_match(glob, name); });
}

/// Calls `visit(decoded key, raw value)` for each pair until it returns true; whether one did.
template <class Visit>
bool any_form_key(std::string_view form, Visit visit) {
    while (!form.empty()) {
        const std::size_t end = std::min(form.find('&'), form.size());
        const std::string_view pair = form.substr(0, end);
        const std::size_t equals = std::min(pair.find('='), pair.size());
        if (!pair.empty() && visit(form_decode(pair.substr(0, equals)), pair.substr(std::min(equals + 1, pair.size()))))
            return true;
        form.remove_prefix(std::min(end + 1, form.size()));
    }
    return false;
}

/// The segments of `a[b][c]`, as many as `segments` takes.
std::size_t split_key(std::string_view key, std::array<std::string_view, 4>& segments) noexcept {
    std::size_t count = 0, at = std::min(key.find('['), key.size());
    segments[count++] = key.substr(0, at);
    while (count < segments.size() && at < key.size() && key[at] == '[') {
        const std::size_t close = key.find(']', at);
        if (close == std::string_view::npos) break;
        segments[count++] = key.substr(at + 1, close - at - 1);
        at = close + 1;
    }
    return count;
}

bool is_id(std::string_view value) noexcept { return core::is_digits(value) && value != "0"; }

/// fields[PHONE][0][VALUE]=… without a fields[PHONE][0][ID]=… beside it.
bool form_appends(std::string_view form) {
    std::vector<std::string> entries, with_id;  // "phone/0"
    const bool too_many = any_form_key(form, [&](const std::string& key, std::string_view value) {
        std::array<std::string_view, 4> part;
        const std::size_t count = split_key(key, part);
        if (count < 2 || !iequals(part[0], "fields") || !is_multi_field(part[1])) return false;
        // fields[PHONE]=x, fields[PHONE][]=x: no place for an id.
        if (count < 4 || part[2].empty()) return true;
        std::string entry = core::to_lower(part[1]) + '/' + std::string(part[2]);
        auto& list = iequals(part[3], "id") && is_id(value) ? with_id : entries;
        if (std::ranges::find(list, entry) == list.end()) list.push_back(std::move(entry));
        return list.size() > 100;
    });
    return too_many || std::ranges::any_of(entries, [&](const std::string& entry) {
               return std::ranges::find(with_id, entry) == with_id.end();
           });
}

bool has_id(std::string_view entry) {
    Reader member(entry);
    if (!member.is_object()) return false;
    while (member.next())
        if (iequals(member.key(), "id")) return core::json::to_number(member.value()).value_or(0) > 0;
    return false;
}

/// An entry of `values` (a list, or an object by id) that names no stored value.
bool values_append(std::string_view field, std::string_view values) {
    Reader entry(values);
    while (entry.next()) {
        // crm.item.update: {"fm": {"15": {…}}} changes value 15, {"n0": {…}} adds one.
        const std::string key = entry.is_object() ? entry.key() : std::string();
        const bool keyed_by_id = iequals(field, "fm") && is_id(key);
        if (!keyed_by_id && !has_id(entry.value())) return true;
    }
    return entry.failed();
}

bool json_appends(std::string_view body) {
    Reader member(body);
    if (!member.is_object()) return true;  // by position: which one holds the fields is not known
    while (member.next()) {
        if (!iequals(member.key(), "fields")) continue;
        Reader field(member.value());
        while (field.next()) {
            const std::string name = field.key();
            if (is_multi_field(name) && values_append(name, field.value())) return true;
        }
    }
    return member.failed();
}

enum class Encoding { none, json, multipart, form };

Encoding encoding_of(std::string_view body) noexcept {
    const std::size_t first = body.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) return Encoding::none;
    if (body[first] == '{' || body[first] == '[') return Encoding::json;
    return body.substr(first).starts_with("--") ? Encoding::multipart : Encoding::form;
}

/// Whether an `update` could append to a multi-field.
bool appends(std::string_view query, std::string_view body) {
    if (form_appends(query)) return true;
    switch (encoding_of(body)) {
        case Encoding::none: return false;
        case Encoding::json: return json_appends(body);
        case Encoding::form: return form_appends(body);
        case Encoding::multipart: return true;  // seldom, and not worth a parser of its own here
    }
    return true;
}

/// Whether a parameter called `name` is there, in any case; on doubt, yes.
bool has_parameter(std::string_view name, std::string_view query, std::string_view body) {
    const auto is_it = [name](const std::string& key, std::string_view) {
        return iequals(std::string_view(key).substr(0, key.find('[')), name);
    };
    if (any_form_key(query, is_it)) return true;
    switch (encoding_of(body)) {
        case Encoding::none: return false;
        case Encoding::form: return any_form_key(body, is_it);
        case Encoding::multipart: return true;
        case Encoding::json: break;
    }
    Reader member(body);
    while (member.next())
        if (!member.is_object() || iequals(member.key(), name)) return true;
    return member.failed();
}

/// Where the name says that a repeat is safe, and the parameters may say otherwise.
bool repeat_is_safe_by_parameters(std::string_view method, std::string_view query, std::string_view body) {
    if (method == "entity.rights") return !has_parameter("access", query, body);
    if (method.starts_with("crm.") && method.ends_with(".update")) return !appends(query, body);
    return true;
}

}  // namespace

Methods::Methods(std::vector<std::string> reads, std::vector<std::string> repeatable)
    : reads_(std::move(reads)), repeatable_(std::move(repeatable)) {}

Effect Methods::effect(std::string_view method) const {
    const std::string name = core::to_lower(method);
    if (any_glob(reads_, name)) return Effect::read;
    if (any_glob(repeatable_, name)) return Effect::idempotent;
    return builtin_effect(name).value_or(Effect::unsafe);
}

bool Methods::repeat_is_safe(std::string_view method, std::string_view query, std::string_view body) const {
    const std::string name = core::to_lower(method);
    if (any_glob(reads_, name) || any_glob(repeatable_, name)) return true;
    if (builtin_effect(name).value_or(Effect::unsafe) == Effect::unsafe) return false;
    // A token in the query names a signed action, whatever method stands in the path; on files it only opens the file.
    if (!streams_file(name) && has_parameter("token", query, {})) return false;
    return repeat_is_safe_by_parameters(name, query, body);
}

bool Methods::batchable(std::string_view method) const { return !is_unbatchable(core::to_lower(method)); }

bool Methods::known(std::string_view method) const {
    return method.size() <= 128 && is_documented(core::to_lower(method));
}

bool Methods::file_answer(std::string_view method) const { return streams_file(core::to_lower(method)); }

}  // namespace b24gate::bitrix
