#include <b24gate/bitrix/error_table.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include <b24gate/core/text.hpp>

namespace b24gate::bitrix {
namespace {

using enum ErrorClass;

struct CodeRow {
    std::string_view code;  // lower case
    ErrorClass error_class;
    Executed executed = Executed::no;
};

/// Codes that mean the same with every status and text. Sorted.
constexpr auto codes = std::to_array<CodeRow>({
    {"100", validation},  // a parameter is missing or of the wrong type
    {"403", permission},
    {"404", not_found},
    {"access_error", permission},
    {"allowed_only_intranet_user", permission},
    {"application_not_found", auth_invalid},
    {"authorization_error", auth_invalid},
    {"authorize_error", permission},
    {"bad_verification_code", auth_invalid},
    {"bx_empty_required", validation},
    {"config_wrong_user_permission", permission},
    {"connection_error", server},  // the portal did not reach the authorization server: nothing ran
    {"crm_field_error_value_not_valid", validation},
    {"docgen_access_error", permission},
    {"error_activity_already_installed", business},
    {"error_argument", validation},
    {"error_batch_length_exceeded", validation},
    {"error_batch_method_not_allowed", method_unknown},
    {"error_entity_already_exists", business},
    {"error_entity_not_found", not_found},
    {"error_handler_already_exist", business},
    {"error_manifest_is_not_available", not_found},
    {"error_method_not_found", method_unknown},
    {"error_not_found", not_found},
    {"error_oauth", auth_invalid},
    {"error_property_already_exists", business},
    {"error_unexpected_answer", server, Executed::unknown},
    {"expired_token", auth_expired},
    {"insufficient_auth_type", permission},
    {"insufficient_scope", permission},
    {"internal_server_error", server, Executed::unknown},
    {"internal_wrong_file_handler", server},
    {"internal_wrong_handler_class", server},
    {"internal_wrong_transport", server},
    {"invalid_arg_value", validation},
    {"invalid_client", auth_invalid},
    {"invalid_credentials", auth_invalid},
    {"invalid_format", validation},
    {"invalid_grant", auth_invalid},
    {"invalid_request", validation},
    {"invalid_scope", permission},
    {"invalid_token", auth_invalid},
    {"method_confirm_denied", permission},
    {"method_confirm_waiting", permission},
    {"missing_params", validation},
    {"no_auth_found", auth_invalid},
    {"not_found", not_found},
    {"not_installed", auth_invalid},
    {"operation_time_limit", operating_limit},
    {"overload_limit", overload},
    {"payment_required", plan},
    {"portal_deleted", portal_gone},
    {"query_limit_exceeded", rate_limit},
    {"user_access_error", permission},
    {"wrong_arguments", validation},
    {"wrong_auth_type", permission},
    {"wrong_client", auth_invalid},
    {"wrong_encoding", business, Executed::yes},  // only the answer could not be written down
    {"wrong_license", plan},
    {"wrong_request", validation},
});

constexpr std::string_view v3_prefix = "bitrix_rest_v3_";
constexpr std::string_view v3_access_denied = "exception_accessdeniedexception";

/// The same for v3, behind its prefix. Sorted.
constexpr auto v3_codes = std::to_array<CodeRow>({
    {"exception_classrequireattributeexception", server},
    {"exception_entityalreadyexistsexception", business},
    {"exception_entitynotfoundexception", not_found},
    {"exception_idempotencykeyreusedexception", business},
    {"exception_insufficientscopeexception", permission},
    {"exception_internal_internalexception", server, Executed::unknown},
    {"exception_internal_ormsaveexception", server, Executed::unknown},
    {"exception_invalidclassinstanceprovidedexception", server},
    {"exception_invalidfilterexception", validation},
    {"exception_invalididempotencykeyexception", validation},
    {"exception_invalidjsonexception", validation},
    {"exception_invalidorderexception", validation},
    {"exception_invalidpaginationexception", validation},
    {"exception_invalidselectexception", validation},
    {"exception_licenseexception", plan},
    {"exception_logicexception", server},
    {"exception_marketsubscriptionrequiredexception", plan},
    {"exception_methodnotfoundexception", method_unknown},
    {"exception_ratelimitexception", operating_limit},  // despite its name
    {"exception_restunavailableexception", plan},
    {"exception_toomanyattributesexception", server},
    {"exception_unknownaggregatefunctionexception", validation},
    {"exception_unknowndtopropertyexception", validation},
    {"exception_unknownfilteroperatorexception", validation},
    {"exception_validation_dtovalidationexception", validation},
    {"exception_validation_invalidfileexception", validation},
    {"exception_validation_requestfiltervalidationexception", validation},
    {"exception_validation_requestvalidationexception", validation},
    {"exception_wronghttprequestmethodexception", validation},
    {"realisation_exception_fieldnotfoundexception", not_found},
    {"realisation_exception_fieldwrongtypeexception", validation},
});

static_assert(std::ranges::is_sorted(codes, {}, &CodeRow::code));
static_assert(std::ranges::is_sorted(v3_codes, {}, &CodeRow::code));

template <std::size_t n>
std::optional<Verdict> find(const std::array<CodeRow, n>& table, std::string_view code) noexcept {
    const auto row = std::ranges::lower_bound(table, code, {}, &CodeRow::code);
    if (row == table.end() || row->code != code) return std::nullopt;
    return Verdict{row->error_class, row->executed};
}

/// Texts come in the portal's language; these are the ones that decide. Russian in both cases of the first letter, for
/// to_lower knows ASCII only.
constexpr auto plan_words = std::to_array<std::string_view>({
    "commercial plan",
    "subscription",
    "current plan",
    "your plan",
    "tariff",
    "тариф",
    "Тариф",
    "подписк",
    "Подписк",
});
constexpr auto not_found_words = std::to_array<std::string_view>({
    "not found",
    "does not exist",
    "не найден",
    "Не найден",
    "не существует",
});
constexpr auto denied_words = std::to_array<std::string_view>({
    "access denied",
    "доступ запрещ",
    "Доступ запрещ",
    "нет доступа",
    "Нет доступа",
});
constexpr auto already_registered_words = std::to_array<std::string_view>({
    "already binded",
    "already bound",
    "already installed",
});

template <std::size_t n>
bool says(std::string_view lowered_text, const std::array<std::string_view, n>& words) noexcept {
    return std::ranges::any_of(
        words, [lowered_text](std::string_view word) { return lowered_text.find(word) != std::string_view::npos; });
}

constexpr Verdict not_executed(ErrorClass c) noexcept { return {c, Executed::no}; }
constexpr Verdict server_unknown{server, Executed::unknown};

/// A code of which no table knows anything: the status refines what it says, and a 4xx that says nothing is the
/// portal's business.
Verdict unknown_code(unsigned status) noexcept {
    switch (status) {
        case 401: return not_executed(auth_invalid);
        case 402: return not_executed(plan);
        case 403: return not_executed(permission);
        case 404: return not_executed(not_found);
        case 413:
        case 422: return not_executed(validation);
        case 429: return not_executed(rate_limit);
        default: return status >= 500 ? server_unknown : not_executed(business);
    }
}

Verdict access_denied(std::string_view text) noexcept {
    if (text.find("can't be authorized in this context") != std::string_view::npos) return not_executed(auth_invalid);
    return not_executed(says(text, plan_words) ? plan : permission);
}

/// v3 has one code for every refusal of a credential, for rights, and for a portal that is closed.
Verdict v3_denied(unsigned status) noexcept {
    switch (status) {
        case 400: return not_executed(portal_gone);
        case 401: return not_executed(auth_expired);  // it may be; a refresh tells
        case 402: return not_executed(plan);
        default: return not_executed(status >= 500 ? portal_gone : permission);
    }
}

Verdict error_core(std::string_view text, unsigned status, bool writes) noexcept {
    if (status >= 500) return server_unknown;
    if (says(text, already_registered_words)) return not_executed(business);
    return {business, writes ? Executed::unknown : Executed::no};
}

/// "" and "0": the handler gave a text and no code.
Verdict blank_code(std::string_view text, unsigned status) noexcept {
    if (status >= 500) return server_unknown;
    if (says(text, not_found_words)) return not_executed(not_found);
    if (says(text, denied_words)) return not_executed(permission);
    return unknown_code(status);
}

}  // namespace

Verdict by_code(const CodeFacts& facts) {
    const std::string code = core::to_lower(facts.code.substr(0, 256));
    const std::string text = core::to_lower(facts.text.substr(0, 4096));
    if (code.empty() || code == "0") return blank_code(text, facts.status);
    if (code == "access_denied") return access_denied(text);
    if (code == "error_core") return error_core(text, facts.status, facts.writes);
    if (code.starts_with(v3_prefix)) {
        const std::string_view name = std::string_view(code).substr(v3_prefix.size());
        if (name == v3_access_denied) return v3_denied(facts.status);
        if (const auto verdict = find(v3_codes, name)) return *verdict;
        return unknown_code(facts.status);
    }
    if (const auto verdict = find(codes, code)) return *verdict;
    if (facts.status < 500) {
        if (code.ends_with("_empty")) return not_executed(validation);
        if (core::glob_match("create_dynamic_*_restricted", code)) return not_executed(plan);
    }
    return unknown_code(facts.status);
}

Verdict by_status(unsigned status, bool file) noexcept {
    switch (status) {
        case 401: return not_executed(auth_invalid);
        case 402: return not_executed(plan);
        case 403:
        case 451: return not_executed(permission);  // a firewall, a captcha, a blocked address
        case 404: return not_executed(file ? not_found : portal_gone);
        case 408: return {timeout, Executed::unknown};
        case 410: return not_executed(file ? not_found : portal_gone);
        case 400:
        case 405:
        case 411:
        case 413:
        case 414:
        case 415:
        case 417:
        case 422:
        case 431: return not_executed(validation);
        case 429: return not_executed(rate_limit);
        case 503: return not_executed(overload);
        default: return status >= 400 && status < 500 ? not_executed(business) : server_unknown;
    }
}

bool comes_before_a_v3_batch_runs(const Verdict& verdict, std::string_view code) {
    switch (verdict.error_class) {
        case rate_limit:
        case overload:
        case auth_expired:
        case auth_invalid:
        case method_unknown:
        case portal_gone: return true;
        case validation: {
            const std::string lowered = core::to_lower(code.substr(0, 256));
            return lowered.ends_with("invalidjsonexception") || lowered.ends_with("wronghttprequestmethodexception") ||
                   lowered.ends_with("invalididempotencykeyexception") || lowered == "invalid_request";
        }
        case business: return core::to_lower(code.substr(0, 256)).ends_with("idempotencykeyreusedexception");
        case plan: {
            const std::string lowered = core::to_lower(code.substr(0, 256));
            return lowered.ends_with("restunavailableexception") || lowered.ends_with("subscriptionrequiredexception");
        }
        default: return false;
    }
}

}  // namespace b24gate::bitrix
