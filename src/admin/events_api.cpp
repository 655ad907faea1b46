#include <b24gate/admin/events_api.hpp>

#include <fmt/format.h>

#include <b24gate/admin/answers.hpp>
#include <b24gate/admin/overview_news.hpp>
#include <b24gate/net/sleep.hpp>

namespace b24gate::admin {
namespace {

namespace asio = boost::asio;
using core::Clock;
using core::TimePoint;

constexpr core::Duration tick = std::chrono::seconds(2);
/// How soon a stop is noticed.
constexpr core::Duration glance = std::chrono::milliseconds(200);

/// One who listens. Ends when the process stops, or when he may no longer see what he sees.
class Ticker final : public server::BodySource {
public:
    Ticker(gateway::WorkerState& worker, AdminShared& shared, const Access& access, const InsightApi& insight,
           Actor actor)
        : worker_(worker), shared_(shared), access_(access), insight_(insight), actor_(std::move(actor)) {}
    ~Ticker() override { --shared_.listeners; }

    asio::awaitable<core::Result<std::string_view>> read() override {
        while (Clock::now() < next_ && !shared_.stopping) {
            net::Sleep sleep(worker_.worker, std::min(next_, Clock::now() + glance));
            static_cast<void>(co_await sleep.wait());
        }
        if (shared_.stopping || !access_.still(actor_)) co_return core::Result<std::string_view>(std::string_view());
        next_ = Clock::now() + tick;
        const OverviewNews::Event event = news_.next(co_await insight_.overview());
        text_ = fmt::format("{}id: {}-{}\nevent: {}\ndata: {}\n\n", number_ == 0 ? "retry: 3000\n" : "",
                            shared_.started, number_, event.name, event.data);
        ++number_;
        co_return core::Result<std::string_view>(std::string_view(text_));
    }

private:
    gateway::WorkerState& worker_;
    AdminShared& shared_;
    const Access& access_;
    const InsightApi& insight_;
    const Actor actor_;
    TimePoint next_{};
    OverviewNews news_;
    std::uint64_t number_ = 0;
    std::string text_;
};

}  // namespace

void EventsApi::add_routes(Router& router) {
    router.add("GET", "/api/v1/events", Role::read, [this](Visit& visit) { return listen(visit); });
}

asio::awaitable<server::Response> EventsApi::listen(Visit& visit) {
    if (shared_.listeners.fetch_add(1) >= most_listeners) {
        --shared_.listeners;
        co_return error_answer(503, "GATEWAY_QUEUE_FULL", "enough pages listen already; ask for the overview instead");
    }
    auto ticker = std::make_unique<Ticker>(worker_, shared_, access_, insight_, visit.actor);
    server::Response response = text_answer(200, "text/event-stream; charset=utf-8", {});
    response.fields.add("X-Accel-Buffering", "no");  // nginx would else keep them back
    response.stream = std::move(ticker);
    co_return response;
}

}  // namespace b24gate::admin
