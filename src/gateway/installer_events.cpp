// What a portal posts: events of its application, and the application's page.
#include <b24gate/gateway/installer.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <sys/random.h>

#include <b24gate/bitrix/call.hpp>
#include <b24gate/bitrix/php_form.hpp>
#include <b24gate/core/sha256.hpp>
#include <b24gate/gateway/call_run.hpp>
#include <b24gate/gateway/own_call.hpp>
#include <b24gate/server/request_id.hpp>

namespace b24gate::gateway {
namespace {

namespace asio = boost::asio;
using core::Clock;
using server::Request;
using server::Response;
using tokens::AppEvent;

/// For the portal's word on a token; a person may be looking at an empty frame meanwhile.
constexpr core::Duration verification_limit = std::chrono::seconds(20);
constexpr core::Duration store_patience = std::chrono::seconds(5);

/// Whether the portal itself has refused the token, rather than not having been asked.
bool is_refusal(const bitrix::Outcome& outcome) {
    using Class = bitrix::ErrorClass;
    if (outcome.origin != bitrix::Origin::portal || !outcome.has_code) return false;
    switch (outcome.error_class) {
        case Class::auth_expired:
        case Class::auth_invalid:
        case Class::permission:
        case Class::plan:
        case Class::validation:
        case Class::not_found:
        case Class::method_unknown:
        case Class::business: return true;
        default: return false;
    }
}

std::string nonce() {
    core::Sha256 bytes{};
    if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) return {};
    return core::to_hex(bytes).substr(0, 32);
}

/// Who may show the page: the portal, by the name that is configured and by the one that it has now.
std::vector<std::string> origins_of(const PortalRuntime& runtime) {
    std::vector<std::string> origins{runtime.portal->location().target.origin};
    const auto configured = upstream::parse_target(runtime.config->url);
    if (configured && configured->origin != origins.front()) origins.push_back(configured->origin);
    return origins;
}

std::string text_of(const bitrix::FormNode& form, std::string_view name) {
    const bitrix::FormNode* item = form.find(name);
    return item == nullptr || item->is_array ? std::string() : item->value;
}

}  // namespace

/// Sets the visit's portal and credential; the reason if there are none.
std::string Installer::find_credential(Visit& visit, const AppEvent& event, std::string_view query) const {
    const bitrix::FormNode form = bitrix::parse_form(query);
    std::vector<PortalFacts> portals;
    for (const auto& [name, runtime] : visit.snapshot->portals) {
        PortalFacts facts = facts_of(runtime);
        if (!facts.credentials.empty()) portals.push_back(std::move(facts));
    }
    const Choice choice = choose_portal(portals, event, text_of(form, "portal"));
    if (!choice.index) return std::string(choice.reason);
    visit.portal = portals[*choice.index].name;
    const auto credential = choose_credential(portals[*choice.index], text_of(form, "credential"));
    if (!credential) return "unknown_credential";
    visit.credential = *credential;
    return {};
}

asio::awaitable<Response> Installer::event(WorkerState& worker, const Request& request) {
    const std::size_t mark_at = request.target.find('?');
    const std::string_view query = mark_at == std::string_view::npos ? "" : request.target.substr(mark_at + 1);
    auto parsed = tokens::parse_app_event(request.field("Content-Type"), query, request.body, core::unix_ms());
    if (!parsed) {
        const Visit visit(worker, request, "unreadable");
        note(visit, End{"unreadable"}, parsed.error());
        co_return plain_answer(400, parsed.error() + "\n");
    }
    AppEvent event = *std::move(parsed);
    Visit visit(worker, request, tokens::to_string(event.kind));
    const bool is_frame = event.kind == AppEvent::Kind::frame;
    if (is_frame && text_of(bitrix::parse_form(query), "LANG") == "ru") visit.language.russian = true;
    if (event.kind == AppEvent::Kind::other) {
        count(visit.kind, "ignored");
        co_return plain_answer(200, "");
    }
    const auto fail = [&](unsigned status, const End& end, std::string_view detail = {}) {
        note(visit, end, detail);
        if (!is_frame) return plain_answer(status, "");
        return refused_page(visit.language, status, end.reason,
                            visit.portal.empty() ? std::vector<std::string>{} : origins_of(visit.runtime()));
    };
    Slot slot(slots_used_);
    if (!slot) co_return fail(503, End{"busy", true});
    if (const std::string reason = find_credential(visit, event, query); !reason.empty())
        co_return fail(403, End{reason});
    const Known before = co_await known(visit);
    if (!before.fault.empty()) co_return fail(503, End{"store", true}, before.fault);
    const EventVerdict verdict = decide(event, before.facts);
    switch (verdict.kind) {
        case EventVerdict::Kind::ignore: co_return plain_answer(200, "");
        case EventVerdict::Kind::refuse: co_return fail(403, End{std::string(verdict.reason)}, event.grant_fault);
        case EventVerdict::Kind::mark: {
            const End end = co_await mark(visit, before.facts.version);
            co_return end.reason.empty() ? plain_answer(200, "") : fail(503, end);
        }
        case EventVerdict::Kind::keep:
            co_return co_await frame(std::move(visit), std::move(event), std::move(slot), true);
        case EventVerdict::Kind::verify: break;
    }
    if (!may_try("event " + visit.portal)) co_return fail(503, End{"busy", true});
    if (is_frame) co_return co_await frame(std::move(visit), std::move(event), std::move(slot), false);
    // Bitrix24 calls slow handlers more and more rarely, and never a second time: it is told at once.
    asio::co_spawn(worker.worker.io, take_behind(std::move(visit), std::move(event), std::move(slot)), asio::detached);
    co_return plain_answer(200, "");
}

asio::awaitable<Response> Installer::frame(Visit visit, AppEvent event, [[maybe_unused]] Slot slot, bool keep) {
    End end;
    if (keep)
        done(visit, "kept");
    else
        end = co_await take(visit, std::move(event));
    const std::vector<std::string> origins = origins_of(visit.runtime());
    if (end.reason.empty()) co_return installed_page(visit.language, nonce(), origins);
    note(visit, end);
    co_return refused_page(visit.language, end.passing ? 502 : 403, end.reason, origins);
}

asio::awaitable<void> Installer::take_behind(Visit visit, AppEvent event, [[maybe_unused]] Slot slot) {
    const End end = co_await take(visit, std::move(event));
    if (!end.reason.empty()) note(visit, end);
}

/// What the event says is nobody's word: the configured portal is asked whose token it is.
asio::awaitable<Installer::End> Installer::take(Visit& visit, AppEvent event) {
    Verified verified = co_await verify(visit, event.grant->pair.access);
    if (!verified.profile) co_return std::move(verified.end);
    // Meanwhile somebody else may have put tokens there.
    const Known now = co_await known(visit);
    if (!now.fault.empty()) co_return End{"store", true};
    const EventVerdict verdict = decide(event, now.facts);
    if (verdict.kind == EventVerdict::Kind::refuse) co_return End{std::string(verdict.reason)};
    if (verdict.kind == EventVerdict::Kind::keep) {
        done(visit, "kept");
        co_return End{};
    }
    if (const std::string_view reason = may_take(now.facts, *verified.profile, false); !reason.empty())
        co_return End{std::string(reason)};
    tokens::Grant grant = *std::move(event.grant);
    grant.user_id = verified.profile->user_id;
    // Not where the event says that the portal is, but where it has just been found.
    grant.client_endpoint = url_of(visit.runtime().portal->location().target) + "/rest/";
    End end = co_await store(visit, std::move(grant));
    if (end.reason.empty()) done(visit, "stored", verified.profile->user_id);
    co_return std::move(end);
}

asio::awaitable<Installer::End> Installer::mark(Visit& visit, std::int64_t version) {
    constexpr const char* reason = "uninstalled";
    const core::Deadline deadline{Clock::now() + store_patience};
    const auto marked = co_await store_.mark_needs_reauth(visit.portal, visit.credential, version, reason, deadline);
    if (!marked) co_return End{"store", true};
    if (const auto live = keeper_.find(visit.portal, visit.credential)) keeper_.refused(live, version, reason);
    done(visit, "marked");
    co_return End{};
}

asio::awaitable<Installer::Verified> Installer::verify(Visit& visit, core::Secret access) {
    std::string form = "auth=";
    bitrix::append_form_encoded(form, access.reveal());
    const core::Secret body(std::move(form));
    constexpr std::string_view form_type = "application/x-www-form-urlencoded";
    bitrix::RawCall raw;
    raw.verb = "POST";
    raw.target = "/rest/profile";
    raw.content_type = form_type;
    raw.body = body.reveal();
    raw.passthrough = true;  // the token is the caller's own, as it were
    Verified verified;
    const auto call = bitrix::parse_call(raw);
    if (!call) {
        verified.end.reason = "token_refused";
        co_return std::move(verified);
    }
    NoCaller nobody;
    const config::Client client = own_client();
    Request request;
    request.id = server::request_id({});
    request.fields.push_back({"Content-Type", form_type});
    const PortalRuntime& runtime = visit.runtime();
    const CallOrder order{visit.worker,
                          *visit.snapshot,
                          log_,
                          request,
                          nobody,
                          *call,
                          client,
                          runtime,
                          nullptr,
                          config::Priority::bulk,
                          core::Deadline{Clock::now() + verification_limit}};
    CallRun run(order);
    const CallReport report = co_await run.run();
    auto& counted = metrics_.requests(observe::no_name, visit.portal);
    for (unsigned i = 0; i < report.hits; ++i) counted.hit();
    if (report.outcome.ok()) verified.profile = read_profile(report.body());
    if (!verified.profile) {
        const bool refused = report.outcome.ok() || is_refusal(report.outcome);
        verified.end.reason = refused ? "token_refused" : "portal_unavailable";
        verified.end.passing = !refused;
    }
    co_return std::move(verified);
}

}  // namespace b24gate::gateway
