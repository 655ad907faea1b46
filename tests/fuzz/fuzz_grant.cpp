// Any answer of the authorization server, any import, any kept pair: a usable pair or an error, never a repeated value.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <b24gate/tokens/grant.hpp>
#include <b24gate/tokens/lease_owner.hpp>
#include <b24gate/tokens/refresh_policy.hpp>
#include <b24gate/tokens/token_request.hpp>

#include "require.hpp"

namespace {

using namespace b24gate;
using namespace b24gate::tokens;

constexpr std::int64_t now = 1'790'000'000'000;

void check_visible(std::string_view text) {
    for (const char c : text) require(c >= 0x20 && c < 0x7F);
}

void check_grant(const Grant& grant) {
    require(!grant.pair.access.empty() && !grant.pair.refresh.empty());
    for (const auto* text :
         {&grant.pair.access.reveal(), &grant.pair.refresh.reveal(), &grant.pair.application_token.reveal(),
          &grant.member_id, &grant.client_endpoint, &grant.server_endpoint, &grant.scope, &grant.status})
        check_visible(*text);
    require(grant.user_id >= 0);
    require(grant.expires_in_ms >= 0 && grant.expires_in_ms <= 3650LL * 86'400'000);
    const auto again = decode_pair(encode_pair(grant.pair).reveal());
    require(again.has_value());
    require(again->access.reveal() == grant.pair.access.reveal());
    require(again->refresh.reveal() == grant.pair.refresh.reveal());
    require(again->application_token.reveal() == grant.pair.application_token.reveal());

    const std::string configured = "https://oauth.bitrix.info/oauth/token/";
    const std::string url = token_target(configured, grant.server_endpoint).url;
    require(url == configured || url == "https://oauth.bitrix24.tech/oauth/token/");
    if (const auto portal = portal_url_of(grant.client_endpoint)) {
        require(portal->starts_with("https://") && !portal->ends_with('/'));
        // What it is made of is what it is taken for.
        require(portal_url_of(*portal + "/rest/") == portal);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto grant = parse_grant(text, now)) check_grant(*grant);
    if (const auto items = parse_import(text, now)) {
        require(!items->empty());
        for (const ImportItem& item : *items) {
            require(!item.portal.empty() && !item.credential.empty());
            check_grant(item.grant);
        }
    } else {
        require(!items.error().empty() && items.error().size() < 300);
        check_visible(items.error());
    }
    if (const auto pair = decode_pair(text)) {
        check_visible(pair->access.reveal());
        require(!pair->access.empty() && !pair->refresh.empty());
    }

    static constexpr unsigned statuses[] = {200, 204, 302, 400, 401, 403, 404, 405, 429, 500, 502};
    TokenAnswer answer;
    answer.status = statuses[size % std::size(statuses)];
    answer.body = text;
    const Verdict verdict = judge(answer, now, static_cast<unsigned>(size % 20), 0.5);
    require(verdict.grant.has_value() == (verdict.kind == Verdict::Kind::new_pair));
    require(verdict.outcome.ok() == verdict.grant.has_value());
    require(verdict.reason.empty() == verdict.grant.has_value());
    require(verdict.reason.size() <= 48);
    require((verdict.retry_in_ms > 0) == (verdict.kind == Verdict::Kind::passing));
    require(verdict.kind != Verdict::Kind::final || !verdict.lost);
    check_visible(verdict.reason);
    if (verdict.grant) check_grant(*verdict.grant);
    (void)fall_back_to_get(answer);

    if (const auto owner = parse_lease_owner(text)) require(parse_lease_owner(to_text(*owner)) == owner);
    if (const auto portal = portal_url_of(text, true)) check_visible(*portal);
    if (const auto request = make_token_request(text, core::Secret("a=1"), Verb::post)) {
        const std::string& head = request->head.reveal();
        require(head.find("\r\n\r\n") == head.size() - 4);
        require(head.find("\r\nHost: " + request->target.host_header + "\r\nUser-Agent: ") != std::string::npos);
        std::size_t lines = 0;
        for (const char c : head) lines += c == '\n' ? 1 : 0;
        require(lines == 7);
    }
    return 0;
}
