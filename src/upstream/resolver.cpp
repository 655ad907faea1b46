#include <b24gate/upstream/resolver.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <list>

#include <b24gate/net/waiter.hpp>

namespace b24gate::upstream {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using core::Errc;

/// getaddrinfo tells no time to live; this is what resolvers of proxies use by default.
constexpr auto remember_for = std::chrono::seconds(30);

/// One call that waits for the answer, at most until its deadline.
class Wait final : public net::Swept {
public:
    Wait(net::Worker& worker, core::TimePoint deadline) : answer(worker.io.get_executor()) {
        deadline_ = deadline;
        worker.sweeper.add(*this);
    }
    net::Waiter<core::Result<Endpoints>> answer;

private:
    void on_deadline() override { answer.fulfil(make_error_code(Errc::resolve_timeout)); }
};

core::Result<Endpoints> endpoints_of(const boost::system::error_code& error, const tcp::resolver::results_type& found) {
    if (error || found.empty()) return make_error_code(Errc::resolve_failed);
    Endpoints out;
    for (const auto& result : found) out.push_back(result.endpoint());
    std::stable_partition(out.begin(), out.end(), [](const tcp::endpoint& e) { return e.address().is_v4(); });
    return out;
}

}  // namespace

struct Resolver::Entry {
    Endpoints endpoints;
    core::TimePoint fresh_until{};
    bool asking = false;
    std::list<Wait*> waiting;
};

Resolver::~Resolver() = default;

asio::awaitable<core::Result<Endpoints>> Resolver::resolve(std::string host, std::string port,
                                                           core::TimePoint deadline) {
    boost::system::error_code error;
    const auto address = asio::ip::make_address(host, error);
    if (!error) co_return Endpoints{tcp::endpoint(address, static_cast<std::uint16_t>(std::stoul(port)))};
    auto& slot = entries_[host + ":" + port];
    if (!slot) slot = std::make_shared<Entry>();
    const std::shared_ptr<Entry> entry = slot;
    if (core::Clock::now() < entry->fresh_until) co_return entry->endpoints;
    Wait wait(worker_, deadline);
    const auto place = entry->waiting.insert(entry->waiting.end(), &wait);
    if (!entry->asking) {
        entry->asking = true;
        asio::co_spawn(worker_.io, ask(worker_, askers_, entry, std::move(host), std::move(port)), asio::detached);
    }
    auto answer = co_await wait.answer.wait();
    entry->waiting.erase(place);
    co_return answer;
}

asio::awaitable<void> Resolver::ask(net::Worker& worker, asio::thread_pool* askers, std::shared_ptr<Entry> entry,
                                    std::string host, std::string port) {
    core::Result<Endpoints> answer = make_error_code(Errc::resolve_failed);
    if (askers != nullptr) {
        const auto asked = std::make_shared<net::Waiter<core::Result<Endpoints>>>(worker.io.get_executor());
        asio::post(*askers, [asked, executor = askers->get_executor(), host, port] {
            boost::system::error_code error;
            const auto found = tcp::resolver(executor).resolve(host, port, error);
            asked->fulfil(endpoints_of(error, found));
        });
        answer = co_await asked->wait();
    } else {
        tcp::resolver resolver(worker.io);
        auto [error, found] = co_await resolver.async_resolve(host, port, asio::as_tuple(asio::use_awaitable));
        answer = endpoints_of(error, found);
    }
    entry->asking = false;
    if (answer) {
        entry->endpoints = *answer;
        entry->fresh_until = core::Clock::now() + remember_for;
    }
    for (Wait* wait : entry->waiting) wait->answer.fulfil(answer);
}

}  // namespace b24gate::upstream
