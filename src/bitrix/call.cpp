#include <b24gate/bitrix/call.hpp>

#include <utility>

#include <b24gate/bitrix/call_batch.hpp>
#include <b24gate/bitrix/call_body.hpp>
#include <b24gate/bitrix/call_target.hpp>
#include <b24gate/bitrix/multipart.hpp>
#include <b24gate/core/text.hpp>

namespace b24gate::bitrix {
namespace {

Refusal bad(std::string message) { return {GatewayCode::bad_request, std::move(message)}; }

std::string_view bearer(std::string_view authorization) noexcept {
    authorization = core::trim(authorization);
    constexpr std::string_view scheme = "bearer ";
    if (authorization.size() <= scheme.size() || !core::iequals(authorization.substr(0, scheme.size()), scheme))
        return {};
    return core::trim(authorization.substr(scheme.size()));
}

}  // namespace

boost::system::result<Call, Refusal> parse_call(const RawCall& raw) {
    const bool post = raw.verb == "POST";
    if (!post && raw.verb != "GET" && raw.verb != "HEAD")
        return bad("the verb is none that Bitrix24 knows; send GET or POST");

    auto target = parse_target(raw.target);
    if (!target) return target.error();
    Call call;
    call.portal_prefix = std::move(target->portal_prefix);
    call.api = target->api;
    call.form = target->form;
    call.kind = target->kind;
    call.suffix = target->suffix;
    call.user = std::move(target->user);
    call.method = std::move(target->method);
    call.method_lower = core::to_lower(call.method);
    call.is_batch = call.method_lower == "batch";

    const Stripping how{.keep_all = raw.passthrough, .keep_token = call.kind != CallKind::method};
    auto query = strip_form(target->query, how, "query");
    if (!query) return query.error();

    Stripped body;
    std::vector<MultipartField> fields;
    call.original_body = raw.body;
    if (!raw.body.empty()) {
        const auto kind = body_kind(raw.content_type, raw.content_encoding, raw.body);
        if (!kind) return kind.error();
        call.body_kind = *kind;
        switch (*kind) {
            case BodyKind::none: break;
            case BodyKind::json: body = strip_json(raw.body, how); break;
            case BodyKind::form: {
                auto form = strip_form(raw.body, how, "form body");
                if (!form) return form.error();
                body = *std::move(form);
                break;
            }
            case BodyKind::multipart: {
                const auto boundary = multipart_boundary(raw.content_type);
                if (!boundary) return bad(boundary.error().message);
                auto parsed = parse_multipart(raw.body, *boundary);
                if (!parsed) return bad(std::move(parsed.error().message));
                fields = *std::move(parsed);
                auto form = strip_multipart(raw.body, fields, how);
                if (!form) return form.error();
                body = *std::move(form);
                break;
            }
        }
    }
    call.send_as_post = post || !raw.body.empty();

    if (call.is_batch) {
        BatchReader reader;
        reader.read_form(target->query);
        switch (call.body_kind) {
            case BodyKind::none: break;
            case BodyKind::json: reader.read_json(raw.body, call.api); break;
            case BodyKind::form: reader.read_form(raw.body); break;
            case BodyKind::multipart: reader.read_multipart(fields); break;
        }
        if (reader.too_many())
            return bad("the batch holds more than " + std::to_string(max_batch_commands) +
                       " commands; a portal carries out 50 at most");
        call.batch_halt = reader.halt();
        call.commands = reader.take();
    }

    if (!target->key.empty()) {
        call.key_place = KeyPlace::path;
        call.key = std::move(target->key);
    } else if (const std::string_view token = bearer(raw.authorization); !token.empty()) {
        call.key_place = KeyPlace::bearer;
        call.key = core::Secret(std::string(token));
    } else if (!body.key.empty()) {
        call.key_place = KeyPlace::body;
        call.key = std::move(body.key);
    } else if (!query->key.empty()) {
        call.key_place = KeyPlace::query;
        call.key = std::move(query->key);
    }
    call.query = query->text ? *std::move(query->text) : std::string(target->query);
    call.rewritten_body = std::move(body.text);
    return call;
}

}  // namespace b24gate::bitrix
