#include <b24gate/bitrix/classify.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <utility>

#include <b24gate/bitrix/error_body.hpp>
#include <b24gate/bitrix/error_table.hpp>
#include <b24gate/bitrix/timing.hpp>
#include <b24gate/core/json_scan.hpp>
#include <b24gate/core/text.hpp>

namespace b24gate::bitrix {
namespace {

namespace json = core::json;

constexpr bool is_success(unsigned status) noexcept { return status >= 200 && status < 300; }

bool contains_word(std::string_view text, std::string_view word) noexcept {
    return std::search(text.begin(), text.end(), word.begin(), word.end(),
                       [](char a, char b) { return core::to_lower(a) == core::to_lower(b); }) != text.end();
}

/// What one pass over the body tells.
struct Look {
    bool is_object = false;
    bool closed = false;  ///< the document ends as it should
    bool error_first = false;
    bool in_error = false;                                             ///< the text breaks off inside of `error`
    bool in_result = false;                                            ///< or inside of `result`
    std::optional<std::string_view> error, result, description, time;  // raw; the last where a name stands twice
};

Look look_at(std::string_view body) {
    Look look;
    json::Reader member(body);
    look.is_object = member.is_object();
    if (!look.is_object) return look;
    while (member.next()) {
        if (member.key_is("result")) {
            look.result = member.value();
        } else if (member.key_is("time")) {
            look.time = member.value();
        } else if (member.key_is("error")) {
            look.error_first = look.error_first || !look.result;
            look.error = member.value();
        } else if (member.key_is("error_description")) {
            look.description = member.value();
        }
    }
    look.closed = member.complete();
    if (member.failed()) {
        look.in_error = member.key_is("error");
        look.in_result = member.key_is("result");
    }
    return look;
}

/// What some handlers write beside a result when there was no error.
bool is_blank(std::string_view error) {
    static constexpr auto blanks = std::to_array<std::string_view>({"null", "false", "\"\"", "0", "\"0\"", "[]", "{}"});
    return std::ranges::find(blanks, error) != blanks.end();
}

/// Only the form in seconds: a date would need a clock, and clocks of others are wrong.
std::optional<std::chrono::seconds> seconds_of(std::string_view retry_after) {
    retry_after = core::trim(retry_after);
    if (!core::is_digits(retry_after)) return std::nullopt;
    constexpr unsigned a_day = 86400;
    unsigned seconds = 0;
    const auto [end, error] = std::from_chars(retry_after.data(), retry_after.data() + retry_after.size(), seconds);
    if (error != std::errc{} || seconds > a_day) seconds = a_day;
    return std::chrono::seconds(seconds);
}

Outcome answered(const WireAnswer& answer, Verdict verdict) {
    Outcome outcome;
    outcome.error_class = verdict.error_class;
    outcome.executed = verdict.executed;
    outcome.upstream_status = answer.status;
    outcome.retry_after = seconds_of(answer.retry_after);
    return outcome;
}

Outcome success(const WireAnswer& answer, const std::optional<std::string_view>& time) {
    Outcome outcome = answered(answer, {ErrorClass::ok, Executed::yes});
    if (time) outcome.timing = timing_of(*time);
    return outcome;
}

Outcome bad_answer(const WireAnswer& answer, Verdict verdict, std::string description) {
    Outcome outcome = answered(answer, verdict);
    outcome.code = "GATEWAY_BAD_ANSWER";
    outcome.description = std::move(description);
    return outcome;
}

Outcome without_code(const WireAnswer& answer, const CallFacts& call) {
    return bad_answer(answer, by_status(answer.status, call.raw_answer),
                      "The portal answered " + std::to_string(answer.status) + " with " +
                          std::string(name_of_body(answer.content_type, answer.body)) +
                          " where a JSON answer was due.");
}

Outcome truncated(const WireAnswer& answer) {
    return bad_answer(
        answer, {ErrorClass::server, Executed::unknown},
        "The portal answered " + std::to_string(answer.status) + " with JSON that breaks off or is malformed.");
}

Outcome named(const WireAnswer& answer, const CallFacts& call, NamedError error, bool json_error) {
    Verdict verdict = by_code({error.code, error.description, answer.status, call.writes});
    const bool v3_batch = call.api == Api::v3 && core::iequals(call.method, "batch");
    if (v3_batch && call.writes && verdict.executed == Executed::no &&
        !comes_before_a_v3_batch_runs(verdict, error.code))
        verdict.executed = Executed::unknown;  // the commands before the failed one did run
    Outcome outcome = answered(answer, verdict);
    outcome.code = std::move(error.code);
    outcome.description = std::move(error.description);
    outcome.has_code = true;
    outcome.json_error = json_error;
    return outcome;
}

Outcome transport_failure(const WireAnswer& answer) {
    Outcome outcome;
    outcome.origin = Origin::network;
    outcome.error_class = ErrorClass::network;
    outcome.upstream_status = answer.status;
    if (answer.transport == Transport::not_sent) {
        outcome.executed = Executed::no;
        outcome.code = "GATEWAY_UPSTREAM_UNREACHABLE";
        switch (answer.transport_error) {
            case TransportError::resolve: outcome.description = "The portal's host name could not be resolved."; break;
            case TransportError::tls: outcome.description = "No TLS connection to the portal could be made."; break;
            case TransportError::timeout: outcome.description = "The portal did not take a connection in time."; break;
            default: outcome.description = "The portal could not be reached.";
        }
        return outcome;
    }
    outcome.executed = Executed::unknown;
    outcome.code = "GATEWAY_BAD_ANSWER";
    switch (answer.transport_error) {
        case TransportError::timeout:
            outcome.error_class = ErrorClass::timeout;
            outcome.code = "GATEWAY_UPSTREAM_TIMEOUT";
            outcome.description = "The portal did not answer in time.";
            break;
        case TransportError::truncated: outcome.description = "The portal's answer broke off."; break;
        case TransportError::bad_message: outcome.description = "The portal's answer is no valid HTTP."; break;
        case TransportError::too_large: outcome.description = "The portal's answer is too large."; break;
        default:
            outcome.code = "GATEWAY_UPSTREAM_UNREACHABLE";
            outcome.description = "The connection to the portal was lost before it answered.";
    }
    return outcome;
}

/// The path of an absolute or relative reference.
std::string_view path_of(std::string_view location) noexcept {
    if (const auto scheme = location.find("://"); scheme != std::string_view::npos)
        location.remove_prefix(scheme + 3);
    else if (location.starts_with("//"))
        location.remove_prefix(2);
    else
        return location.substr(0, location.find_first_of("?#"));
    const std::size_t slash = location.find('/');
    return slash == std::string_view::npos ? "" : location.substr(slash, location.find_first_of("?#") - slash);
}

/// A redirect that the gateway did not follow. One that keeps the REST path is a portal that moved to where the gateway
/// may not go: gone from here. Any other leads to a login page: the address or the credential is configured wrong. The
/// target is not named, since it can hold a secret.
Outcome redirect(const WireAnswer& answer) {
    const std::string status = std::to_string(answer.status);
    if (answer.location.empty())
        return bad_answer(answer, {ErrorClass::server, Executed::unknown},
                          "The portal answered " + status + " where a JSON answer was due.");
    if (contains_word(path_of(answer.location), "/rest/"))
        return bad_answer(answer, {ErrorClass::portal_gone, Executed::no},
                          "The portal answered " + status +
                              ": it has moved to an address that the gateway does not follow; "
                              "set the portal's new url in the configuration.");
    return bad_answer(answer, {ErrorClass::auth_invalid, Executed::no},
                      "The portal answered " + status +
                          " with a redirect away from its REST interface, as to a login page: "
                          "check the portal's url and credential.");
}

// --- XML: only what tells an error from a success ---

std::string xml_text(std::string_view text) {
    static constexpr auto entities = std::to_array<std::pair<std::string_view, char>>(
        {{"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&#039;", '\''}, {"&apos;", '\''}, {"&amp;", '&'}});
    std::string out;
    while (!text.empty()) {
        const auto entity = std::ranges::find_if(entities, [text](const auto& e) { return text.starts_with(e.first); });
        if (entity == entities.end()) {
            out += text.front();
            text.remove_prefix(1);
        } else {
            out += entity->second;
            text.remove_prefix(entity->first.size());
        }
    }
    return out;
}

/// The content of the element that `text` starts with; nullopt when it is another one or does not close.
std::optional<std::string_view> take_element(std::string_view& text, std::string_view name) {
    const auto skip_space = [&text] { text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size())); };
    skip_space();
    const std::string open = '<' + std::string(name) + '>', empty = '<' + std::string(name) + "/>";
    if (text.starts_with(empty)) {
        text.remove_prefix(empty.size());
        return std::string_view{};
    }
    if (!text.starts_with(open)) return std::nullopt;
    const std::size_t end = text.find("</" + std::string(name) + '>');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view content = text.substr(open.size(), end - open.size());
    text.remove_prefix(end + name.size() + 3);
    return content;
}

/// nullopt: the body is no XML answer of the REST layer.
std::optional<Outcome> classify_xml(const WireAnswer& answer, const CallFacts& call, std::string_view body) {
    if (const std::size_t declaration = body.find("?>"); body.starts_with("<?xml") && declaration != body.npos)
        body.remove_prefix(declaration + 2);
    body.remove_prefix(std::min(body.find_first_not_of(" \t\r\n"), body.size()));
    constexpr std::string_view root = "<response>";
    if (!body.starts_with(root)) return std::nullopt;
    std::string_view rest = body.substr(root.size());
    if (const auto code = take_element(rest, "error")) {
        const auto description = take_element(rest, "error_description");
        return named(answer, call, {xml_text(*code), plain_text(xml_text(description.value_or("")))}, false);
    }
    if (!is_success(answer.status)) return std::nullopt;
    const std::size_t last = body.find_last_not_of(" \t\r\n");
    if (answer.body_complete && !body.substr(0, last + 1).ends_with("</response>")) return truncated(answer);
    return success(answer, std::nullopt);
}

/// A 2xx whose content type says that it is neither the envelope nor a page: the bytes of a file.
bool is_file_type(std::string_view content_type) noexcept {
    return !content_type.empty() && !contains_word(content_type, "json") && !contains_word(content_type, "html") &&
           !contains_word(content_type, "xml") && !contains_word(content_type, "text/plain");
}

/// A file may be JSON itself. It is an error only when it looks like nothing else: an error that is no blank, at the
/// top, with its text, and no result.
bool is_error_of_raw(const Look& look) {
    if (!look.closed || !look.error || look.result || is_blank(*look.error)) return false;
    return look.description || json::find(*look.error, "code");
}

/// 2xx with an object: whichever of `error` and `result` stands first decides, so that a body that is still streaming
/// and a complete one get the same verdict.
bool is_error(const Look& look) {
    if (!look.error) return look.in_error && !look.result;
    if (!look.error_first) return false;
    return !(is_blank(*look.error) && (look.result || look.in_result));
}

Outcome classify_object(const WireAnswer& answer, const CallFacts& call, bool raw, std::string_view body) {
    const Look look = look_at(body);
    const bool success_status = is_success(answer.status);
    if (answer.body_complete && !look.closed && !(raw && success_status)) return truncated(answer);
    bool failed = look.error || look.in_error;
    if (success_status) failed = raw ? is_error_of_raw(look) : is_error(look);
    if (failed) {
        // Only a well-formed object can be handed on and extended.
        const bool whole = look.closed && !json::validate(body);
        return named(answer, call, read_error(look.error.value_or(""), look.description.value_or("")), whole);
    }
    if (success_status && (look.result || look.in_result || raw || !answer.body_complete))
        return success(answer, look.time);
    return without_code(answer, call);
}

}  // namespace

Outcome classify(const WireAnswer& answer, const CallFacts& call) {
    if (answer.transport != Transport::replied) return transport_failure(answer);
    // "Not modified" is what a client gets that asked for a file only if it is newer.
    if (answer.status == 304 && call.raw_answer) return success(answer, {});
    if (answer.status >= 300 && answer.status < 400) return redirect(answer);
    const std::string_view body = without_bom(answer.body);
    const bool success_status = is_success(answer.status);
    const bool raw = call.raw_answer || (success_status && is_file_type(answer.content_type));
    switch (json::type_of(body)) {
        case json::Type::object: return classify_object(answer, call, raw, body);
        case json::Type::invalid:
            if (auto outcome = classify_xml(answer, call, body)) return *std::move(outcome);
            break;
        default: break;
    }
    if (success_status && raw) return success(answer, std::nullopt);
    return without_code(answer, call);
}

Outcome classify_batch_error(std::string_view entry, bool writes) {
    Outcome outcome;
    NamedError error;
    if (json::type_of(entry) == json::Type::object) {
        const auto code = json::find_last(entry, "error");
        error = read_error(code.value_or(""), json::find_last(entry, "error_description").value_or(""));
        outcome.has_code = code.has_value();
        outcome.json_error = code.has_value();
    } else {
        error.description = plain_text(text_of(entry));
    }
    const Verdict verdict = by_code({error.code, error.description, 0, writes});
    outcome.error_class = verdict.error_class;
    outcome.executed = verdict.executed;
    outcome.code = std::move(error.code);
    outcome.description = std::move(error.description);
    return outcome;
}

}  // namespace b24gate::bitrix
