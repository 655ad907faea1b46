#include <b24gate/admin/admin_handler.hpp>

#include <boost/json/array.hpp>

#include <fmt/format.h>

#include <b24gate/admin/answers.hpp>
#include <b24gate/admin/sealed_texts.hpp>
#include <b24gate/admin/static_files.hpp>
#include <b24gate/bitrix/call_target.hpp>
#include <b24gate/server/health_response.hpp>

namespace b24gate::admin {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using server::Request;
using server::Response;

/// Nothing that this API takes is larger.
constexpr std::size_t max_body = 64 * 1024;

/// With the keys of the newest configuration.
class TextsOf {
public:
    explicit TextsOf(const gateway::WorkerState& worker) : worker_(worker) {}

    const SealedTexts& now() {
        const auto& config = worker_.snapshot()->config;
        if (config_ != config) {
            texts_.emplace(config->store);
            config_ = config;
        }
        return *texts_;
    }

private:
    const gateway::WorkerState& worker_;
    std::shared_ptr<const config::Config> config_;
    std::optional<SealedTexts> texts_;
};

OperationServices operation_services(gateway::WorkerState& worker, AdminShared& shared) {
    OperationServices out{shared.store.operations(), shared.jobs, worker.worker.io.get_executor(),
                          [&worker] { return operations::rules_of(worker.snapshot()->config->operations); }};
    out.pace = [&worker](std::string_view portal) -> std::optional<Pace> {
        const auto found = worker.snapshot()->portals.find(portal);
        if (found == worker.snapshot()->portals.end()) return std::nullopt;
        const admission::Snapshot now = found->second.portal->snapshot();
        return Pace{now.unlimited, now.capacity - now.level - static_cast<double>(now.queue), now.rate};
    };
    const auto texts = std::make_shared<TextsOf>(worker);
    out.answer = [texts, &shared](const std::string& id, const storage::KeptAnswer& kept) {
        return texts->now().answer(id, kept.status, kept.answer, shared.log.masker());
    };
    out.excerpt = [texts, &shared](const std::string& id, const storage::AttemptRecord& attempt) {
        return texts->now().excerpt(id, attempt.number, attempt.excerpt, shared.log.masker());
    };
    out.changed = [&shared](const std::string& portal) { shared.operations_changed(portal); };
    return out;
}

}  // namespace

AdminHandler::AdminHandler(gateway::WorkerState& worker, AdminShared& shared)
    : shared_(shared),
      access_(worker, shared),
      operations_(operation_services(worker, shared)),
      portals_(worker, shared),
      insight_(worker, shared),
      alerts_(worker, shared),
      events_(worker, shared, access_, insight_) {
    router_.add("GET", "/api/v1", Role::read, [this](Visit&) { return routes(); });
    access_.add_routes(router_);
    insight_.add_routes(router_);
    alerts_.add_routes(router_);
    portals_.add_routes(router_);
    operations_.add_routes(router_);
    events_.add_routes(router_);
}

std::optional<Response> AdminHandler::refuse_early(const Request& head) {
    if (head.field("Content-Length").size() <= 5 && head.field("Transfer-Encoding").empty()) return std::nullopt;
    return error_answer(413, "GATEWAY_BODY_TOO_LARGE", "bodies of the admin port have 64 KiB at most");
}

asio::awaitable<Response> AdminHandler::handle(Request& request, server::Connection&) {
    if (!access_.knows_host(request.host))
        co_return error_answer(421, "GATEWAY_FORBIDDEN",
                               "this Host is not one of the admin port's; add it to admin.hosts");
    if (const std::string_view fault = bitrix::path_fault(request.target); !fault.empty())
        co_return bad_request(fmt::format("the path holds {}; no path of this port does", fault));
    if (auto health = server::health_response(request, shared_.health)) co_return std::move(*health);
    const std::string_view path = path_of(request.target);
    if (path == "/metrics") co_return text_answer(200, observe::metrics_content_type, shared_.registry.render());
    if (auto file = static_answer(request)) co_return std::move(*file);
    co_return co_await answer(request);
}

asio::awaitable<Response> AdminHandler::answer(const Request& request) {
    Visit visit(request);
    visit.actor = access_.actor(request);
    auto found = router_.find(request.method, path_of(request.target));
    // Who is not known does not learn which paths there are.
    const Role needed = found.route == nullptr ? Role::read : found.route->role;
    if (auto refusal = co_await access_.refusal(request, visit.actor, needed)) co_return std::move(*refusal);
    if (found.route == nullptr) {
        if (found.allowed.empty()) co_return not_found("there is nothing at this path");
        Response response = error_answer(405, "GATEWAY_BAD_REQUEST", "use " + found.allowed);
        response.fields.add("Allow", found.allowed);
        co_return response;
    }
    visit.parts = std::move(found.parts);
    auto query = Query::parse(request.target);
    if (!query) co_return bad_request(query.error());
    visit.query = *std::move(query);
    if (request.method == "POST") {
        if (request.body.size() > max_body)
            co_return error_answer(413, "GATEWAY_BODY_TOO_LARGE", "bodies of the admin port have 64 KiB at most");
        auto body = body_object(request.body);
        if (!body) co_return bad_request(body.error());
        visit.body = *std::move(body);
    }
    co_return co_await found.route->handler(visit);
}

asio::awaitable<Response> AdminHandler::routes() const {
    json::array all;
    for (const Route& route : router_.routes()) {
        json::object one;
        one["method"] = route.method;
        one["path"] = route.pattern;
        one["role"] = to_string(route.role);
        all.push_back(std::move(one));
    }
    json::object out;
    out["routes"] = std::move(all);
    co_return json_answer(200, out);
}

Response AdminHandler::refusal(unsigned status, std::string_view reason, const std::string&) {
    Response response = error_answer(status, "GATEWAY_BAD_REQUEST", fmt::format("the request was refused: {}", reason));
    if (status == 405) response.fields.add("Allow", "GET, POST, HEAD");
    return response;
}

}  // namespace b24gate::admin
