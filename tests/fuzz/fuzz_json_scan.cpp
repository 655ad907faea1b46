// Any bytes as JSON: the reader stays inside of the text, agrees with the validator, and strings survive quoting.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <b24gate/core/json_scan.hpp>

#include "require.hpp"

namespace json = b24gate::core::json;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto error = json::validate(text);
    if (error) require(error->offset <= size && !error->message.empty());

    json::Reader reader(text);
    std::size_t end = 0;
    while (reader.next()) {
        require(reader.begin() >= end && reader.end() > reader.begin() && reader.end() <= size);
        require(reader.value().data() >= text.data() &&
                reader.value().data() + reader.value().size() <= text.data() + size);
        end = reader.end();
        const std::string key = reader.key();
        if (!error) {
            require(!json::validate(reader.value(), 512));
            if (reader.is_object()) {
                require(reader.key_is(key));
                require(json::find(text, key).has_value() && json::find_last(text, key).has_value());
            }
        }
    }
    require(reader.failed() != reader.complete());
    const json::Type type = json::type_of(text);
    if (!error) {
        require(type != json::Type::invalid);
        if (type == json::Type::object || type == json::Type::array) require(reader.complete());
        if (type == json::Type::string && text.front() == '"' && text.back() == '"')
            require(json::decode_string(text).has_value());
    }

    const std::string literal = json::quoted(text);
    require(!json::validate(literal));
    const auto decoded = json::decode_string(literal);
    require(decoded && json::quoted(*decoded) == literal);
    (void)json::decode_string(text);
    (void)json::to_number(text);
    return 0;
}
