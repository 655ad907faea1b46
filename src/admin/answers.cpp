#include <b24gate/admin/answers.hpp>

#include <fmt/format.h>

#include <b24gate/admin/json_text.hpp>
#include <b24gate/core/json_scan.hpp>

namespace b24gate::admin {

using server::Response;

void add_browser_fields(Response& response) {
    response.fields.add(
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; font-src 'self'; manifest-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'");
    response.fields.add("X-Content-Type-Options", "nosniff");
    response.fields.add("X-Frame-Options", "DENY");
    response.fields.add("Referrer-Policy", "no-referrer");
    response.fields.add("Cross-Origin-Opener-Policy", "same-origin");
    response.fields.add("Cross-Origin-Resource-Policy", "same-origin");
    response.fields.add("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()");
}

Response text_answer(unsigned status, std::string_view type, std::string body) {
    Response response;
    response.status = status;
    response.body = std::move(body);
    response.fields.add("Content-Type", type);
    response.fields.add("Cache-Control", "no-store");
    add_browser_fields(response);
    return response;
}

Response json_answer(unsigned status, std::string body) {
    return text_answer(status, "application/json; charset=utf-8", std::move(body));
}

Response json_answer(unsigned status, const boost::json::value& value) { return json_answer(status, to_text(value)); }

Response error_answer(unsigned status, std::string_view code, std::string_view description) {
    return json_answer(status, fmt::format(R"({{"error":{},"error_description":{}}})", core::json::quoted(code),
                                           core::json::quoted(description)));
}

Response bad_request(std::string_view description) { return error_answer(400, "GATEWAY_BAD_REQUEST", description); }
Response not_found(std::string_view description) { return error_answer(404, "GATEWAY_NOT_FOUND", description); }
Response conflict(std::string_view description) { return error_answer(409, "GATEWAY_CONFLICT", description); }
Response store_failed(const storage::Failure& failure) { return error_answer(503, "GATEWAY_STORE", failure.message); }

}  // namespace b24gate::admin
