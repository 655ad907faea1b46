// Anything posted to the application's address. The first line is the query, the rest the body.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <b24gate/tokens/app_event.hpp>
#include <b24gate/tokens/token_request.hpp>

#include "require.hpp"

namespace {

void check_visible(std::string_view text) {
    for (const char c : text) require(c > 0x20 && c < 0x7F);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace b24gate::tokens;
    using Kind = AppEvent::Kind;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const std::size_t end = text.find('\n');
    const std::string_view query = end == text.npos ? std::string_view() : text.substr(0, end);
    const std::string_view body = end == text.npos ? text : text.substr(end + 1);
    require(!parse_app_event(text, query, body, 0) || text.size() >= 33);

    const auto event = parse_app_event("application/x-www-form-urlencoded", query, body, 1'790'000'000'000);
    if (!event) {
        require(event.error().ends_with('.') && event.error().size() < 200);
        return 0;
    }
    for (const auto* field : {&event->event, &event->member_id, &event->domain, &event->client_endpoint,
                              &event->server_endpoint, &event->application_token.reveal()})
        check_visible(*field);
    require(event->kind == Kind::other || !event->member_id.empty());
    require(event->ts_ms >= 0);
    const bool may_have_grant =
        event->kind == Kind::install || event->kind == Kind::update || event->kind == Kind::frame;
    require(may_have_grant == (event->grant.has_value() || !event->grant_fault.empty()));
    if (event->kind == Kind::frame) require(portal_url_of(event->client_endpoint, true).has_value());
    if (event->grant) {
        require(event->grant->member_id == event->member_id);
        require(event->grant->client_endpoint == event->client_endpoint);
        require(event->grant->pair.application_token.reveal() == event->application_token.reveal());
        require(decode_pair(encode_pair(event->grant->pair).reveal()).has_value());
    }
    return 0;
}
