#include <b24gate/gateway/answer.hpp>

#include <fmt/format.h>

#include <boost/asio/awaitable.hpp>

#include <b24gate/core/inflate.hpp>
#include <b24gate/core/json_scan.hpp>
#include <b24gate/core/text.hpp>
#include <b24gate/gateway/batch.hpp>

namespace b24gate::gateway {
namespace {

namespace asio = boost::asio;

/// Fields of a portal's answer that a client may see. Everything else belongs to the connection to the portal, to a
/// session with it, or to nobody.
constexpr std::string_view passed_on[] = {
    "access-control-allow-headers",
    "access-control-allow-origin",
    "accept-ranges",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-range",
    "content-type",
    "etag",
    "expires",
    "idempotency-key",
    "idempotent-replayed",
    "last-modified",
    "x-bitrix-rest-application",
    "x-bitrix-rest-system-time",
    "x-bitrix-rest-time",
    "x-bitrix-rest-user-time",
    "x-content-type-options",
};

bool is_passed_on(std::string_view name) {
    for (const std::string_view allowed : passed_on)
        if (core::iequals(name, allowed)) return true;
    return false;
}

/// A piece of a packed body unpacks to at most so much at a time.
constexpr std::size_t unpack_step = 256 * 1024;

/// A long answer on its way through: unpacked where it has to be looked into, links turned, memory bounded.
class PassedBody final : public server::BodySource {
public:
    PassedBody(std::string beginning, std::unique_ptr<server::BodySource> rest, bitrix::LinkRewriter rewriter,
               bool packed, std::function<void(std::uint64_t, bool)> ended)
        : beginning_(std::move(beginning)),
          rest_(std::move(rest)),
          rewriter_(std::move(rewriter)),
          ended_(std::move(ended)) {
        if (packed) inflater_ = std::make_unique<core::Inflater>();
    }
    ~PassedBody() override {
        if (ended_) ended_(bytes_, done_);
    }

    asio::awaitable<core::Result<std::string_view>> read() override {
        while (!done_) {
            if (raw_.empty() && !at_end_) {
                if (!begun_) {
                    begun_ = true;
                    raw_ = beginning_;
                } else {
                    const auto piece = co_await rest_->read();
                    if (!piece) co_return piece.error();
                    raw_ = *piece;
                    at_end_ = raw_.empty();
                }
            }
            std::string_view plain = raw_;
            if (inflater_) {
                unpacked_.clear();
                const auto state = inflater_->push(raw_, unpacked_, unpack_step);
                if (state == core::Inflater::State::broken || (at_end_ && state != core::Inflater::State::done))
                    co_return make_error_code(core::Errc::truncated);
                if (state == core::Inflater::State::done) raw_ = {};
                plain = unpacked_;
            } else {
                raw_ = {};
            }
            done_ = at_end_ && raw_.empty();
            const std::string_view out = done_ ? rewriter_.finish() : rewriter_.push(plain);
            if (out.empty()) continue;
            bytes_ += out.size();
            co_return out;
        }
        co_return std::string_view{};
    }

private:
    std::string beginning_;
    std::unique_ptr<server::BodySource> rest_;
    bitrix::LinkRewriter rewriter_;
    std::unique_ptr<core::Inflater> inflater_;
    std::function<void(std::uint64_t, bool)> ended_;
    std::string_view raw_;
    std::string unpacked_;
    std::uint64_t bytes_ = 0;
    bool begun_ = false, at_end_ = false, done_ = false;
};

/// Credentials that the gateway does not know (someone else's token in an error text) look like what they are.
std::string masked_error(std::string body, const observe::Masker& masker) {
    if (body.size() > 4096) return body;
    std::string masked = masker.mask_text(body);
    return masked != body && !core::json::validate(masked) ? masked : body;
}

bitrix::LinkRule link_rule(const CallOrder& order, const CallReport& report) {
    bitrix::LinkRule rule;
    const core::Secret* secret = report.secret(order.credential);
    if (secret == nullptr) return rule;  // a passthrough client knows the secret: it is its own
    rule.secret = *secret;
    rule.portal_bases.push_back(report.target.origin + report.target.base_path);
    if (order.portal.config->url != rule.portal_bases.front()) rule.portal_bases.push_back(order.portal.config->url);
    rule.gateway_base = gateway_base(order);
    rule.gateway_user = core::is_digits(order.call.user) ? order.call.user : "1";
    rule.key = order.call.key;
    return rule;
}

std::string rewritten(const bitrix::LinkRule& rule, std::string_view text) {
    bitrix::LinkRewriter rewriter(rule);
    std::string out(rewriter.push(text));
    out += rewriter.finish();
    return out;
}

/// Text that a link or a credential can stand in, even where a file was asked for.
bool is_text(std::string_view content_type) {
    for (const std::string_view kind : {"text/", "application/json", "application/xml", "application/javascript"})
        if (content_type.size() >= kind.size() && core::iequals(content_type.substr(0, kind.size()), kind)) return true;
    return content_type.empty();
}

/// What must not reach the client; null for a passthrough client, whose own it is, and for a file's bytes, which pass
/// as they are.
const core::Secret* secret_of(const CallOrder& order, const CallReport& report) {
    const bool file = report.raw && !is_text(report.exchange.field("content-type"));
    return file ? nullptr : report.secret(order.credential);
}

void copy_fields(server::Response& response, const CallOrder& order, const CallReport& report, bool unpacked) {
    const core::Secret* secret = report.secret(order.credential);
    response.fields.reserve(900);
    for (const net::Field& field : report.exchange.fields) {
        if (!is_passed_on(field.name)) continue;
        if (unpacked && core::iequals(field.name, "content-encoding")) continue;
        if (secret != nullptr && bitrix::holds_secret(field.value, *secret))
            response.fields.add(field.name, rewritten(link_rule(order, report), field.value));
        else
            response.fields.add(field.name, field.value);
    }
}

server::Response success_response(const CallOrder& order, CallReport& report,
                                  std::function<void(std::uint64_t, bool)> streamed) {
    server::Response response;
    response.status = report.exchange.status;
    if (report.exchange.rest) {
        // Whether a packed body holds a link is only known when it has passed: it goes out unpacked.
        const bool as_it_is = secret_of(order, report) == nullptr;
        const bool packed = report.unpacked && !as_it_is;
        copy_fields(response, order, report, packed);
        const bitrix::LinkRule rule = as_it_is ? bitrix::LinkRule{} : link_rule(order, report);
        if (as_it_is) response.stream_length = report.exchange.length;
        response.stream = std::make_unique<PassedBody>(std::move(report.exchange.body), std::move(report.exchange.rest),
                                                       bitrix::LinkRewriter(rule), packed, std::move(streamed));
        return response;
    }
    std::optional<std::string> changed;
    if (order.call.is_batch && order.call.api == bitrix::Api::v2 && report.outcome.ok())
        changed = bitrix::annotate_batch(report.body(), report.facts, CommandMethods(order.call, order.portal.methods));
    const std::string_view body = changed ? std::string_view(*changed) : report.body();
    // Nearly every answer holds no link: one look tells, before anything is prepared.
    if (const core::Secret* secret = secret_of(order, report); secret != nullptr && bitrix::holds_secret(body, *secret))
        changed = rewritten(link_rule(order, report), body);
    copy_fields(response, order, report, report.unpacked && changed.has_value());
    response.body = changed ? *std::move(changed) : std::move(report.exchange.body);
    return response;
}

}  // namespace

void add_gateway_fields(server::Response& response, const AnswerFacts& facts) {
    response.fields.add("X-Request-Id", facts.request_id);
    if (!facts.portal.empty()) response.fields.add("X-B24-Portal", facts.portal);
    if (facts.attempts) {
        response.fields.add("X-B24-Attempts", std::to_string(*facts.attempts));
        response.fields.add("X-B24-Wait-Ms", std::to_string(core::to_ms(facts.waited)));
    }
    if (facts.quota && !facts.quota->unlimited) {
        response.fields.add("RateLimit-Policy",
                            fmt::format("\"bucket\";q={};w={}", facts.quota->burst, facts.quota->window_s));
        response.fields.add("RateLimit",
                            fmt::format("\"bucket\";r={};t={}", facts.quota->remaining, facts.quota->reset_s));
    }
}

server::Response error_response(const bitrix::Outcome& outcome, const bitrix::EnvelopeFacts& facts,
                                std::string_view portal_body) {
    bitrix::ErrorAnswer answer = bitrix::error_answer(outcome, facts, portal_body);
    server::Response response;
    response.status = answer.status;
    response.body = std::move(answer.body);
    response.fields.add("Content-Type", "application/json; charset=utf-8");
    response.fields.add("Cache-Control", "no-store");
    response.fields.add("X-Content-Type-Options", "nosniff");
    response.fields.add("X-B24-Error", answer.code);
    response.fields.add("X-B24-Error-Class", to_string(answer.error_class));
    if (answer.retry_after) response.fields.add("Retry-After", std::to_string(answer.retry_after->count()));
    return response;
}

std::string gateway_base(const CallOrder& order) {
    const std::string& public_url = order.snapshot.config->server.public_url;
    const std::string& portal = order.portal.config->name;
    std::string base = public_url;
    if (base.empty()) {
        base = order.request.tls ? "https://" : "http://";
        base += order.request.host;
    }
    const bool by_prefix = !order.call.portal_prefix.empty();
    // Behind public_url the Host that chose the portal may be another one, so only the client's own default stays.
    const bool found_without =
        public_url.empty() || (order.client.portals.size() == 1) || order.client.default_portal == portal;
    if (by_prefix || !found_without) base += "/portals/" + portal;
    return base;
}

server::Response call_response(const CallOrder& order, CallReport& report,
                               std::function<void(std::uint64_t, bool)> streamed) {
    server::Response response;
    if (report.outcome.ok()) {
        response = success_response(order, report, std::move(streamed));
    } else {
        // Texts of a portal may hold what it was called with.
        const observe::Masker& masker = order.log.masker();
        if (masker.contains_secret(report.outcome.description))
            report.outcome.description = masker.mask_text(report.outcome.description);
        const std::string body = report.outcome.json_error
                                     ? masked_error(rewritten(link_rule(order, report), report.body()), masker)
                                     : std::string();
        response = error_response(report.outcome, report.facts, body);
    }
    return response;
}

}  // namespace b24gate::gateway
