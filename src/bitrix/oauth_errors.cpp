#include <b24gate/bitrix/oauth_errors.hpp>

#include <string>
#include <utility>

#include <b24gate/bitrix/error_body.hpp>
#include <b24gate/bitrix/error_table.hpp>
#include <b24gate/core/json_scan.hpp>
#include <b24gate/core/text.hpp>

namespace b24gate::bitrix {
namespace {

namespace json = core::json;

/// Asked about a portal that it does not know, the server answers with texts only.
bool is_about_a_lost_portal(std::string_view description) {
    const std::string text = core::to_lower(description);
    return text.find("portal") != text.npos || text.find("domain") != text.npos || text.find("not found") != text.npos;
}

}  // namespace

Outcome classify_oauth(unsigned status, std::string_view content_type, std::string_view body) {
    body = without_bom(body);
    Outcome outcome;
    outcome.origin = Origin::oauth;
    outcome.upstream_status = status;
    const bool is_document = json::type_of(body) == json::Type::object && !json::validate(body);
    const auto error = is_document ? json::find_last(body, "error") : std::nullopt;
    if (status >= 200 && status < 300 && is_document && !error) {
        const auto token = json::find_last(body, "access_token");
        if (token && json::type_of(*token) == json::Type::string && *token != R"("")") return outcome;
    }
    if (!error) {
        const bool lost = status == 404;
        outcome.error_class = lost ? ErrorClass::portal_gone : ErrorClass::server;
        outcome.executed = lost ? Executed::no : Executed::unknown;
        outcome.code = "GATEWAY_BAD_ANSWER";
        outcome.description = "The authorization server answered " + std::to_string(status) + " with " +
                              std::string(name_of_body(content_type, body)) + " where tokens were due.";
        return outcome;
    }
    NamedError named = read_error(*error, json::find_last(body, "error_description").value_or(""));
    Verdict verdict = by_code({named.code, named.description, status, true});
    const bool unknown = verdict.error_class == ErrorClass::business || verdict.error_class == ErrorClass::not_found;
    if (status == 404 || (status == 400 && unknown && is_about_a_lost_portal(named.description)))
        verdict = {ErrorClass::portal_gone, Executed::no};
    outcome.error_class = verdict.error_class;
    outcome.executed = verdict.executed;
    outcome.code = std::move(named.code);
    outcome.description = std::move(named.description);
    outcome.has_code = true;
    outcome.json_error = true;
    return outcome;
}

}  // namespace b24gate::bitrix
