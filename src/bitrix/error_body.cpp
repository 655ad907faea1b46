#include <b24gate/bitrix/error_body.hpp>

#include <algorithm>
#include <array>

#include <b24gate/bitrix/classify.hpp>
#include <b24gate/core/json_scan.hpp>
#include <b24gate/core/text.hpp>

namespace b24gate::bitrix {
namespace {

namespace json = core::json;

/// In the order of ErrorClass.
constexpr std::array<std::string_view, error_class_count> sentences{
    "The call succeeded.",
    "The portal takes no more requests at the moment; send it again later.",
    "The portal is overloaded, or has blocked this credential because of overload.",
    "The method has used up its running time on this portal; it is free again later.",
    "The access token has expired.",
    "The portal does not accept the gateway's credential.",
    "The portal does not permit this call.",
    "The portal's plan does not include this call.",
    "The portal refused the parameters.",
    "The portal did not find what the call is about.",
    "The portal has no such method, or not in this place.",
    "The portal refused the call.",
    "The portal failed to answer the call.",
    "The portal could not be reached.",
    "The portal did not answer in time.",
    "The portal does not exist any more, or is closed.",
    "The gateway refused the call.",
};

}  // namespace

std::string text_of(std::string_view raw) {
    switch (json::type_of(raw)) {
        case json::Type::string:
            // A literal that does not decode (a lone surrogate) still says something.
            if (auto text = json::decode_string(raw)) return *std::move(text);
            return std::string(raw.substr(1, raw.size() < 2 ? 0 : raw.size() - 2));
        case json::Type::null:
        case json::Type::invalid: return {};
        default: return std::string(raw);
    }
}

NamedError read_error(std::string_view error, std::string_view description) {
    NamedError named;
    switch (json::type_of(error)) {
        case json::Type::object:
            if (const auto code = json::find_last(error, "code"))
                if (json::type_of(*code) != json::Type::object && json::type_of(*code) != json::Type::array)
                    named.code = text_of(*code);
            if (const auto message = json::find_last(error, "message"))
                named.description = plain_text(text_of(*message));
            break;
        case json::Type::array: break;
        default: named.code = text_of(error);
    }
    if (named.description.empty()) named.description = plain_text(text_of(description));
    return named;
}

std::string_view without_bom(std::string_view body) noexcept {
    if (body.starts_with("\xEF\xBB\xBF")) body.remove_prefix(3);
    return body;
}

std::string_view sentence_for(ErrorClass c) noexcept { return sentences[static_cast<std::size_t>(c)]; }

std::string_view name_of_body(std::string_view content_type, std::string_view body) noexcept {
    const std::size_t first = body.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) return "an empty body";
    if (body[first] == '<') return "a page";
    if (body[first] == '{' || body[first] == '[') return "JSON that is cut off or is no Bitrix24 answer";
    return content_type.find("html") != std::string_view::npos ? "a page" : "a body that is no JSON";
}

}  // namespace b24gate::bitrix
