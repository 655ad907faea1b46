#include <b24gate/gateway/outgoing.hpp>

#include <fmt/format.h>

#include <iterator>

#include <b24gate/bitrix/multipart.hpp>
#include <b24gate/bitrix/php_form.hpp>
#include <b24gate/core/json_scan.hpp>
#include <b24gate/core/text.hpp>

namespace b24gate::gateway {
namespace {

using bitrix::CallKind;

/// Fields of the client that mean something to a portal and cannot change whom it sees.
constexpr std::string_view forwarded_fields[] = {"Accept", "Accept-Language", "User-Agent"};
/// For files alone.
constexpr std::string_view forwarded_for_files[] = {"Range", "If-Range", "If-None-Match", "If-Modified-Since"};

/// A path segment of its own: everything but unreserved characters is escaped.
void append_segment(std::string& out, std::string_view text) {
    static constexpr char hex[] = "0123456789ABCDEF";
    for (const char c : text) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                           c == '.' || c == '_' || c == '~';
        if (plain) {
            out += c;
        } else {
            out += '%';
            out += hex[(static_cast<unsigned char>(c) >> 4) & 15];
            out += hex[static_cast<unsigned char>(c) & 15];
        }
    }
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
    out += name;
    out += ": ";
    out += value;
    out += "\r\n";
}

std::string_view last_segment(const bitrix::Call& call, bool in_path_form) {
    switch (call.kind) {
        case CallKind::download: return in_path_form ? "download/" : "download.json";
        case CallKind::upload: return in_path_form ? "upload/" : "upload.json";
        case CallKind::method: break;
    }
    return call.method;
}

/// Where a portal looks for an access token (reference 1.2). In the body wherever there is a place for it: that is the
/// documented way, and bodies stand in nobody's access log.
enum class TokenPlace { none, json_body, form_body, multipart_body, query, bearer };

TokenPlace token_place(const OutgoingFacts& facts) {
    const bitrix::Call& call = facts.call;
    if (facts.access_token == nullptr) return TokenPlace::none;
    // A signed link is good for the very token that stands in it.
    if (call.kind != CallKind::method) return TokenPlace::query;
    const bool v2 = call.api == bitrix::Api::v2;
    // All that stands in the body of a v3 batch is a command, also where it is an object.
    if (!v2 && call.is_batch) return TokenPlace::bearer;
    switch (call.body_kind) {
        case bitrix::BodyKind::json:
            return core::json::type_of(call.body()) == core::json::Type::object ? TokenPlace::json_body
                                                                                : TokenPlace::bearer;
        case bitrix::BodyKind::form: return v2 ? TokenPlace::form_body : TokenPlace::bearer;
        case bitrix::BodyKind::multipart: return v2 ? TokenPlace::multipart_body : TokenPlace::bearer;
        // To v2 the verb means nothing, so a call without a body gets one; v3 would take it for broken JSON.
        case bitrix::BodyKind::none: return v2 ? TokenPlace::form_body : TokenPlace::bearer;
    }
    return TokenPlace::bearer;
}

/// The token as the beginning of the body; cuts off `body` what it replaces.
std::string injected(TokenPlace place, const OutgoingFacts& facts, std::string_view& body) {
    if (place == TokenPlace::none) return {};
    const std::string& token = facts.access_token->reveal();
    switch (place) {
        case TokenPlace::json_body: {
            body.remove_prefix(body.find('{') + 1);
            const bool empty = body[body.find_first_not_of(" \t\r\n")] == '}';
            return "{\"auth\":" + core::json::quoted(token) + (empty ? "" : ",");
        }
        case TokenPlace::form_body: {
            std::string text = "auth=";
            bitrix::append_form_encoded(text, token);
            if (!body.empty()) text += '&';
            return text;
        }
        case TokenPlace::multipart_body: {
            const auto boundary = bitrix::multipart_boundary(net::find_field(facts.fields, "Content-Type"));
            return fmt::format("--{}\r\nContent-Disposition: form-data; name=\"auth\"\r\n\r\n{}\r\n",
                               boundary ? *boundary : std::string_view{}, token);
        }
        case TokenPlace::none:
        case TokenPlace::query:
        case TokenPlace::bearer: break;
    }
    return {};
}

/// A portal compares the media type with case and takes what it does not know for a form, so a known one goes on in the
/// spelling that it knows.
std::string_view content_type(const bitrix::Call& call, const std::vector<net::Field>& fields) {
    const std::string_view given = net::find_field(fields, "Content-Type");
    std::string_view known;
    if (call.body_kind == bitrix::BodyKind::json) known = "application/json";
    if (call.body_kind == bitrix::BodyKind::form) known = "application/x-www-form-urlencoded";
    return given.starts_with(known) ? given : known;
}

}  // namespace

std::string outgoing_target(const OutgoingFacts& facts) {
    const bitrix::Call& call = facts.call;
    std::string out = facts.target.base_path;
    out += call.api == bitrix::Api::v3 ? "/rest/api/" : "/rest/";
    const bool passthrough = facts.credential == nullptr;
    const bool in_path = passthrough ? call.form == bitrix::UrlForm::webhook
                                     : facts.credential->type == config::Credential::Type::webhook;
    if (in_path) {
        append_segment(out, passthrough ? call.user : facts.credential->user);
        out += '/';
        append_segment(out, passthrough ? call.key.reveal() : facts.credential->secret.reveal());
        out += '/';
    }
    out += last_segment(call, in_path);
    // .json and nothing mean the same to a portal; .xml does not.
    if (call.suffix == bitrix::Suffix::xml) out += ".xml";
    if (!call.query.empty()) {
        out += '?';
        out += call.query;
    }
    if (token_place(facts) == TokenPlace::query) {
        out += call.query.empty() ? "?auth=" : "&auth=";
        bitrix::append_form_encoded(out, facts.access_token->reveal());
    }
    return out;
}

Outgoing outgoing_message(const OutgoingFacts& facts, std::string_view target) {
    const bitrix::Call& call = facts.call;
    const TokenPlace place = token_place(facts);
    const bool post = call.send_as_post || place == TokenPlace::form_body;
    Outgoing message;
    if (post) message.body = call.body();
    const std::string token = injected(place, facts, message.body);
    std::string& out = message.head;
    out.reserve(512 + target.size() + token.size());
    out += post ? "POST " : "GET ";
    out += target;
    out += " HTTP/1.1\r\n";
    append_field(out, "Host", facts.target.host_header);
    const auto forward = [&](std::string_view name) {
        const std::string_view value = net::find_field(facts.fields, name);
        if (!value.empty()) append_field(out, name, value);
        return !value.empty();
    };
    bool agent = false;
    for (const std::string_view name : forwarded_fields) {
        const bool there = forward(name);
        agent = agent || (name == "User-Agent" && there);
    }
    if (!call.body().empty())
        append_field(out, "Content-Type", content_type(call, facts.fields));
    else if (!token.empty())
        append_field(out, "Content-Type", "application/x-www-form-urlencoded");
    // Portals answer requests without a name of the program with pages that are no answer (reference 1.3).
    if (!agent) append_field(out, "User-Agent", "b24gate/" B24GATE_VERSION);
    if (call.kind != CallKind::method) {
        for (const std::string_view name : forwarded_for_files) forward(name);
        append_field(out, "Referer", facts.target.origin + "/");
    }
    if (accepts_gzip(net::find_field(facts.fields, "Accept-Encoding"))) append_field(out, "Accept-Encoding", "gzip");
    if (facts.credential == nullptr) forward("Authorization");
    if (place == TokenPlace::bearer) append_field(out, "Authorization", "Bearer " + facts.access_token->reveal());
    if (!facts.idempotency_key.empty()) append_field(out, "Idempotency-Key", facts.idempotency_key);
    if (post) fmt::format_to(std::back_inserter(out), "Content-Length: {}\r\n", token.size() + message.body.size());
    out += "\r\n";
    out += token;
    return message;
}

bool accepts_gzip(std::string_view accept_encoding) noexcept {
    while (!accept_encoding.empty()) {
        const std::size_t comma = accept_encoding.find(',');
        const std::string_view item = core::trim(accept_encoding.substr(0, comma));
        const std::size_t semicolon = item.find(';');
        if (core::iequals(core::trim(item.substr(0, semicolon)), "gzip")) {
            std::string_view weight =
                semicolon == std::string_view::npos ? std::string_view{} : core::trim(item.substr(semicolon + 1));
            // q=0, q=0.0, ...: refused in so many words
            return !(weight.starts_with("q=0") && weight.find_first_of("123456789") == std::string_view::npos);
        }
        if (comma == std::string_view::npos) break;
        accept_encoding.remove_prefix(comma + 1);
    }
    return false;
}

}  // namespace b24gate::gateway
