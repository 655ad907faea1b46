#include <b24gate/bitrix/envelope.hpp>

#include <algorithm>
#include <array>
#include <utility>

#include <b24gate/bitrix/classify.hpp>
#include <b24gate/bitrix/error_body.hpp>
#include <b24gate/bitrix/gateway_member.hpp>
#include <b24gate/core/json_scan.hpp>
#include <b24gate/core/text.hpp>

namespace b24gate::bitrix {
namespace {

namespace json = core::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// The status when the portal gave none, and how long a caller waits when nobody knows better. In the order of
/// ErrorClass.
struct ClassRow {
    unsigned status;
    seconds delay;
};
constexpr std::array<ClassRow, error_class_count> classes{{
    {200, seconds(1)},   // ok
    {503, seconds(2)},   // rate_limit
    {503, seconds(5)},   // overload
    {429, seconds(60)},  // operating_limit
    {401, seconds(1)},   // auth_expired
    {401, seconds(1)},   // auth_invalid
    {403, seconds(1)},   // permission
    {402, seconds(1)},   // plan
    {400, seconds(1)},   // validation
    {404, seconds(1)},   // not_found
    {404, seconds(1)},   // method_unknown
    {400, seconds(1)},   // business
    {502, seconds(1)},   // server
    {502, seconds(1)},   // network
    {504, seconds(1)},   // timeout
    {410, seconds(1)},   // portal_gone
    {502, seconds(1)},   // gateway: by its code
}};

/// In the order of GatewayCode.
struct CodeRow {
    std::string_view name;
    unsigned status;
    bool retryable;
    seconds delay;
};
constexpr auto codes = std::to_array<CodeRow>({
    {"GATEWAY_UNAUTHORIZED", 401, false, seconds(1)},
    {"GATEWAY_FORBIDDEN", 403, false, seconds(1)},
    {"GATEWAY_NOT_FOUND", 404, false, seconds(1)},
    {"GATEWAY_BAD_REQUEST", 400, false, seconds(1)},
    {"GATEWAY_BODY_TOO_LARGE", 413, false, seconds(1)},
    {"GATEWAY_HEADERS_TOO_LARGE", 431, false, seconds(1)},
    {"GATEWAY_QUEUE_FULL", 503, true, seconds(1)},
    {"GATEWAY_DEADLINE", 504, true, seconds(1)},
    {"GATEWAY_UPSTREAM_UNREACHABLE", 502, false, seconds(1)},
    {"GATEWAY_UPSTREAM_TIMEOUT", 504, false, seconds(1)},
    {"GATEWAY_BAD_ANSWER", 502, false, seconds(1)},
    {"GATEWAY_REAUTH_REQUIRED", 401, false, seconds(1)},
    {"GATEWAY_PAUSED", 503, true, seconds(30)},
    {"GATEWAY_DRAINING", 503, true, seconds(1)},
    {"GATEWAY_STORE", 503, true, seconds(5)},
    {"GATEWAY_OUTCOME_UNKNOWN", 409, false, seconds(1)},
    {"GATEWAY_CONFLICT", 409, false, seconds(1)},
});
static_assert(codes.size() == static_cast<std::size_t>(GatewayCode::conflict) + 1);

const CodeRow* find_code(std::string_view name) noexcept {
    const auto row = std::ranges::find(codes, name, &CodeRow::name);
    return row == codes.end() ? nullptr : &*row;
}

const ClassRow& row_of(const Outcome& outcome) noexcept {
    return classes[static_cast<std::size_t>(outcome.error_class)];
}

constexpr std::string_view outcome_unknown_code = "GATEWAY_OUTCOME_UNKNOWN";

bool is_in_doubt(const Outcome& outcome, bool repeat_is_safe) noexcept {
    return outcome.executed == Executed::unknown && !repeat_is_safe;
}

unsigned status_for(const Outcome& outcome, bool in_doubt) noexcept {
    if (in_doubt) return status_of(GatewayCode::outcome_unknown);
    if (outcome.error_class == ErrorClass::gateway)
        if (const CodeRow* row = find_code(outcome.code)) return row->status;
    // A cut-off answer's status and the authorization server's say nothing about the call.
    if (outcome.origin == Origin::portal && outcome.upstream_status >= 400 && outcome.upstream_status <= 599)
        return outcome.upstream_status;
    return row_of(outcome).status;
}

std::string description_of(const Outcome& outcome) {
    std::string text = plain_text(outcome.description);
    return text.empty() ? std::string(sentence_for(outcome.error_class)) : text;
}

/// What is known of a call whose outcome is not.
std::string doubt(const Outcome& outcome) {
    if (outcome.code == outcome_unknown_code) return description_of(outcome);
    std::string text;
    if (outcome.has_code) {
        text = outcome.origin == Origin::oauth ? "The authorization server answered" : "The portal answered";
        if (outcome.upstream_status != 0) text += ' ' + std::to_string(outcome.upstream_status);
        const std::string code = plain_text(outcome.code, 100);
        if (!code.empty()) text += ' ' + code;
        text += ": ";
    }
    text += description_of(outcome);
    const char last = text.back();
    if (last != '.' && last != '!' && last != '?') text += '.';
    return text +
           " The call may have been carried out, and sending it again could do it twice: look on the portal first.";
}

std::string header_safe(std::string_view code) {
    std::string out(code.substr(0, 128));
    for (char& c : out)
        if (c < 0x21 || c > 0x7E) c = '_';
    return out;
}

std::string new_body(Api api, std::string_view code, std::string_view description, std::string_view gateway) {
    std::string out = api == Api::v3 ? R"({"error":{"code":)" : R"({"error":)";
    json::append_quoted(out, code);
    out += api == Api::v3 ? R"(,"message":)" : R"(,"error_description":)";
    json::append_quoted(out, description);
    if (api == Api::v3) out += '}';
    out.append(R"(,"gateway":)").append(gateway).append("}");
    return out;
}

/// The new value of a text that a client may show; nullopt: it is fit to be shown as it is.
std::optional<std::string> shown(std::string_view raw, std::string_view fallback) {
    const std::string text = text_of(raw);
    const bool is_string = json::type_of(raw) == json::Type::string;
    std::string plain = plain_text(text);
    if (is_string && plain == text && json::decode_string(raw)) return std::nullopt;
    if (plain.empty()) plain = fallback;
    return json::quoted(plain);
}

/// The portal's v2 body with what is missing. `error` becomes a string if it was a number, as clients expect it.
std::string extended_v2(std::string_view body, std::string_view fallback, std::string_view gateway) {
    std::string added;
    if (!json::find(body, "error_description"))
        added.append(R"("error_description":)").append(json::quoted(fallback)).append(",");
    added.append(R"("gateway":)").append(gateway);
    return edit_object(body, added, [&](const json::Reader& member) -> std::optional<std::string> {
        if (member.key_is("gateway")) return std::string();
        if (member.key_is("error_description")) return shown(member.value(), fallback);
        if (member.key_is("error") && json::type_of(member.value()) != json::Type::string)
            return json::quoted(text_of(member.value()));
        return std::nullopt;
    });
}

std::string extended_v3(std::string_view body, std::string_view fallback, std::string_view gateway) {
    const std::string added = R"("gateway":)" + std::string(gateway);
    return edit_object(body, added, [&](const json::Reader& member) -> std::optional<std::string> {
        if (member.key_is("gateway")) return std::string();
        if (!member.key_is("error") || json::type_of(member.value()) != json::Type::object) return std::nullopt;
        std::string message;
        if (!json::find(member.value(), "message")) message = R"("message":)" + json::quoted(fallback);
        return edit_object(member.value(), message, [&](const json::Reader& inner) -> std::optional<std::string> {
            if (inner.key_is("message")) return shown(inner.value(), fallback);
            return std::nullopt;
        });
    });
}

/// Whether the portal's body has the shape of the api that was called, and can be extended.
bool can_extend(std::string_view body, Api api) {
    json::Reader member(body);
    if (!member.is_object()) return false;
    std::optional<std::string_view> error;
    while (member.next())
        if (member.key_is("error")) error = member.value();
    if (!member.complete() || !error) return false;
    const json::Type type = json::type_of(*error);
    if (api == Api::v3) return type == json::Type::object;
    return type != json::Type::object && type != json::Type::array;
}

}  // namespace

std::string_view to_string(GatewayCode code) noexcept { return codes[static_cast<std::size_t>(code)].name; }

unsigned status_of(GatewayCode code) noexcept { return codes[static_cast<std::size_t>(code)].status; }

Outcome refusal(GatewayCode code, std::string description) {
    Outcome outcome;
    outcome.error_class = ErrorClass::gateway;
    outcome.executed = code == GatewayCode::outcome_unknown ? Executed::unknown : Executed::no;
    outcome.origin = Origin::gateway;
    outcome.code = to_string(code);
    outcome.description = std::move(description);
    return outcome;
}

bool retryable(const Outcome& outcome, bool repeat_is_safe) noexcept {
    if (is_in_doubt(outcome, repeat_is_safe)) return false;
    switch (outcome.error_class) {
        case ErrorClass::rate_limit:
        case ErrorClass::overload:
        case ErrorClass::operating_limit: return true;
        case ErrorClass::server:
        case ErrorClass::network:
        case ErrorClass::timeout: return outcome.executed != Executed::yes || repeat_is_safe;
        case ErrorClass::gateway: {
            const CodeRow* row = find_code(outcome.code);
            return row != nullptr && row->retryable;
        }
        default: return false;
    }
}

std::optional<milliseconds> retry_delay(const Outcome& outcome, bool retryable, const EnvelopeFacts& facts) {
    if (!retryable) return std::nullopt;
    if (facts.retry_after) return std::max(*facts.retry_after, milliseconds(0));
    if (outcome.retry_after) return std::max<milliseconds>(*outcome.retry_after, milliseconds(0));
    if (outcome.error_class == ErrorClass::gateway)
        if (const CodeRow* row = find_code(outcome.code)) return row->delay;
    return row_of(outcome).delay;
}

std::string gateway_object(const Outcome& outcome, bool can_retry, const EnvelopeFacts& facts) {
    std::string out = R"({"class":")";
    out.append(to_string(outcome.error_class)).append(R"(","origin":")").append(to_string(outcome.origin));
    out.append(R"(","retryable":)").append(can_retry ? "true" : "false");
    out.append(R"(,"executed":")").append(to_string(outcome.executed)).append("\"");
    if (const auto delay = retry_delay(outcome, can_retry, facts))
        out.append(R"(,"retry_after_ms":)").append(std::to_string(delay->count()));
    out.append(R"(,"attempts":)").append(std::to_string(facts.attempts));
    const auto text = [&out](std::string_view name, std::string_view value) {
        if (value.empty()) return;
        out.append(",\"").append(name).append("\":");
        json::append_quoted(out, value);
    };
    text("portal", facts.portal);
    text("method", facts.method);
    if (outcome.upstream_status != 0)
        out.append(R"(,"upstream_status":)").append(std::to_string(outcome.upstream_status));
    text("request_id", facts.request_id);
    out += '}';
    return out;
}

ErrorAnswer error_answer(const Outcome& outcome, const EnvelopeFacts& facts, std::string_view portal_body) {
    const bool in_doubt = is_in_doubt(outcome, facts.repeat_is_safe);
    ErrorAnswer answer;
    answer.status = status_for(outcome, in_doubt);
    answer.error_class = outcome.error_class;
    answer.retryable = retryable(outcome, facts.repeat_is_safe);
    if (const auto delay = retry_delay(outcome, answer.retryable, facts))
        answer.retry_after = std::max(std::chrono::ceil<seconds>(*delay), seconds(1));
    answer.code = header_safe(in_doubt ? outcome_unknown_code : outcome.code);

    const std::string gateway = gateway_object(outcome, answer.retryable, facts);
    portal_body = without_bom(portal_body);
    if (in_doubt) {
        answer.body = new_body(facts.api, outcome_unknown_code, doubt(outcome), gateway);
    } else if (outcome.json_error && can_extend(portal_body, facts.api)) {
        const std::string_view fallback = sentence_for(outcome.error_class);
        answer.body = facts.api == Api::v3 ? extended_v3(portal_body, fallback, gateway)
                                           : extended_v2(portal_body, fallback, gateway);
    } else {
        answer.body = new_body(facts.api, outcome.code, description_of(outcome), gateway);
    }
    return answer;
}

}  // namespace b24gate::bitrix
