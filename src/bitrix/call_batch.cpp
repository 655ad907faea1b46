#include <b24gate/bitrix/call_batch.hpp>

#include <utility>

#include <b24gate/core/json_scan.hpp>

namespace b24gate::bitrix {
namespace {

namespace json = core::json;

/// (bool) of a decoded value.
bool truthy(std::string_view raw) {
    switch (json::type_of(raw)) {
        case json::Type::object:
        case json::Type::array: return json::Reader(raw).next();
        case json::Type::string: {
            const auto text = json::decode_string(raw);
            return text && !text->empty() && *text != "0";
        }
        case json::Type::number: {
            const auto number = json::to_number(raw);
            return !number || *number != 0;
        }
        case json::Type::boolean: return raw == "true";
        default: return false;
    }
}

std::string entry_key(const json::Reader& entry) {
    return entry.is_object() ? entry.key() : std::to_string(entry.index());
}

}  // namespace

std::string_view command_method(std::string_view command) noexcept {
    const std::string_view path = command.substr(0, command.find_first_of("?#"));
    return is_method_name(path) ? path : command;
}

void BatchReader::add(std::string key, std::string_view text) {
    if (commands_.size() == max_batch_commands) too_many_ = true;
    if (too_many_) return;
    commands_.push_back({std::move(key), std::string(text)});
}

void BatchReader::add_field(FormBuilder& builder, std::string_view name, std::string_view value,
                            std::optional<bool>& halt) {
    // Other names can be many; only these two are worth a place in the builder.
    const std::string top = top_level_name(name);
    if (top == "halt") {
        halt = name.find('[') != std::string_view::npos || !(value.empty() || value == "0");
    } else if (top == "cmd") {
        // Nested ones are no commands, but take memory all the same.
        if (++fields_ > max_batch_commands) too_many_ = true;
        // Also those that a later one of the same name replaces: a portal that stops reading before it keeps the first.
        const FormPlace place = builder.add(name, value);
        if (place.depth == 2) add(std::string(place.key), command_method(value));
    }
}

void BatchReader::read_form(std::string_view text) {
    FormBuilder builder;
    std::optional<bool> halt;
    std::string name, value;
    while (!text.empty() && !too_many_) {
        const std::size_t end = text.find('&');
        const std::string_view piece = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        const std::size_t equals = piece.find('=');
        form_decode(piece.substr(0, equals), name);
        const std::size_t first = name.find_first_not_of(' ');
        if (first == std::string::npos || (name[first] != 'c' && name[first] != 'h')) continue;
        value.clear();
        if (equals != std::string_view::npos) form_decode(piece.substr(equals + 1), value);
        add_field(builder, name, value, halt);
    }
    if (halt) halt_ = *halt;
}

void BatchReader::read_multipart(const std::vector<MultipartField>& fields) {
    FormBuilder builder;
    std::optional<bool> halt;
    for (const MultipartField& field : fields) {
        if (too_many_) return;
        if (!field.is_file) add_field(builder, field.name, field.value, halt);
    }
    if (halt) halt_ = *halt;
}

/// One element of a REST 3 batch.
void BatchReader::read_element(std::string_view object, const std::string& key) {
    std::string name = key;
    if (const auto alias = json::find_last(object, "as"))
        if (auto text = json::decode_string(*alias); text && !text->empty()) name = *std::move(text);
    json::Reader member(object);
    while (member.next()) {
        if (!member.key_is("method")) continue;
        if (const auto method = json::decode_string(member.value())) add(name, *method);
    }
}

void BatchReader::read_cmd(std::string_view value) {
    json::Reader entry(value);
    while (entry.next() && !too_many_) {
        const json::Type type = json::type_of(entry.value());
        if (type == json::Type::string) {
            if (const auto text = json::decode_string(entry.value())) add(entry_key(entry), command_method(*text));
        }
    }
}

void BatchReader::read_json(std::string_view text, Api api) {
    json::Reader member(text);
    std::optional<bool> halt;
    while (member.next() && !too_many_) {
        const json::Type type = json::type_of(member.value());
        const bool nested = type == json::Type::object || type == json::Type::array;
        if (member.is_object() && member.key_is("halt")) halt = truthy(member.value());
        if (member.is_object() && member.key_is("cmd") && nested) read_cmd(member.value());
        if (api != Api::v3) continue;
        if (type == json::Type::object) read_element(member.value(), entry_key(member));
        if (type != json::Type::array && !(type == json::Type::object && member.key_is("cmd"))) continue;
        json::Reader inner(member.value());
        while (inner.next() && !too_many_)
            if (json::type_of(inner.value()) == json::Type::object) read_element(inner.value(), entry_key(inner));
    }
    if (halt) halt_ = *halt;
}

}  // namespace b24gate::bitrix
