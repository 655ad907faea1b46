// The sender against a store of its own and receivers on the loopback: what is sent, what is done with the answers, and
// that nobody has to wait for somebody else.
#include <doctest/doctest.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <sstream>
#include <thread>

#include <b24gate/core/base64.hpp>
#include <b24gate/core/hmac.hpp>
#include <b24gate/gateway/callback_sender.hpp>
#include <b24gate/storage/store.hpp>

using namespace b24gate;
using namespace std::chrono_literals;
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr auto patience = 30s;

bool becomes(const std::function<bool()>& so) {
    for (const auto end = core::Clock::now() + patience; core::Clock::now() < end; std::this_thread::sleep_for(5ms))
        if (so()) return true;
    return so();
}

struct Received {
    std::string head, body;
    [[nodiscard]] std::string field(const std::string& name) const {
        const std::size_t at = head.find("\r\n" + name + ": ");
        if (at == std::string::npos) return "";
        const std::size_t begin = at + name.size() + 4;
        return head.substr(begin, head.find("\r\n", begin) - begin);
    }
};

/// Reads requests, one a connection, and answers each with what `script` says of its number; "" never answers.
class Receiver {
public:
    using Script = std::function<std::string(std::size_t)>;
    explicit Receiver(Script script) : script_(std::move(script)) {
        accepting_ = std::thread([this] {
            for (;;) {
                auto socket = std::make_shared<tcp::socket>(io_);
                boost::system::error_code error;
                acceptor_.accept(*socket, error);
                if (error) return;
                const std::lock_guard lock(mutex_);
                sockets_.push_back(socket);
                serving_.emplace_back([this, socket] { serve(*socket); });
            }
        });
    }
    ~Receiver() {
        ::shutdown(acceptor_.native_handle(), SHUT_RDWR);
        accepting_.join();
        for (const auto& socket : sockets_) ::shutdown(socket->native_handle(), SHUT_RDWR);
        for (auto& thread : serving_) thread.join();
    }

    [[nodiscard]] std::string url(const std::string& host = "127.0.0.1", const std::string& path = "/hook") {
        return "http://" + host + ":" + std::to_string(acceptor_.local_endpoint().port()) + path;
    }
    [[nodiscard]] std::vector<Received> received() {
        const std::lock_guard lock(mutex_);
        return received_;
    }
    [[nodiscard]] std::size_t count() { return received().size(); }

private:
    void serve(tcp::socket& socket) {
        boost::system::error_code error;
        Received one;
        std::string all;
        const std::size_t head = asio::read_until(socket, asio::dynamic_buffer(all), "\r\n\r\n", error);
        if (error) return;
        one.head = all.substr(0, head);
        one.body = all.substr(head);
        const std::size_t length = std::stoul(one.field("Content-Length"));
        while (one.body.size() < length) {
            char piece[4096];
            const std::size_t got = socket.read_some(asio::buffer(piece), error);
            if (error) return;
            one.body.append(piece, got);
        }
        std::size_t number = 0;
        {
            const std::lock_guard lock(mutex_);
            number = received_.size();
            received_.push_back(std::move(one));
        }
        const std::string answer = script_(number);
        if (answer.empty()) return;
        asio::write(socket, asio::buffer(answer), error);
        socket.shutdown(tcp::socket::shutdown_both, error);
    }

    asio::io_context io_;
    tcp::acceptor acceptor_{io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
    Script script_;
    std::mutex mutex_;
    std::vector<Received> received_;
    std::vector<std::shared_ptr<tcp::socket>> sockets_;
    std::vector<std::thread> serving_;
    std::thread accepting_;
};

std::string status(const std::string& line, const std::string& fields = "") {
    return "HTTP/1.1 " + line + "\r\n" + fields + "Content-Length: 0\r\n\r\n";
}
Receiver::Script always(std::string answer) {
    return [answer = std::move(answer)](std::size_t) { return answer; };
}

constexpr std::string_view secret_text = "a secret that signs callbacks";

std::shared_ptr<config::Config> settings() {
    auto out = std::make_shared<config::Config>();
    out->store.encryption_key = core::Secret("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    out->operations.callback_hosts = {"*"};
    out->operations.callback_secret = core::Secret(std::string(secret_text));
    out->operations.allow_private_callbacks = true;
    out->operations.callback_timeout = 3s;
    return out;
}

/// A store in a folder of its own, and a worker with its thread.
class World {
public:
    World() {
        char name[] = "/tmp/b24gate-callbacks-XXXXXX";
        folder_ = ::mkdtemp(name);
        auto store = storage::open_store("sqlite:" + folder_ + "/gate.db", 10s);
        REQUIRE(store.has_value());
        store_ = std::move(*store);
        config::Log log;
        log.file = folder_ + "/log";
        log.level = "debug";
        log_.emplace(log);
        worker_.start_sweeping();
        thread_ = std::thread([this] { worker_.io.run(); });
    }
    ~World() {
        end_sender();
        store_.reset();
        worker_.io.stop();
        thread_.join();
        worker_.sweeper.sweep(core::TimePoint::max());
        std::filesystem::remove_all(folder_);
    }

    void begin_sender(std::shared_ptr<const config::Config> config) {
        sender_.emplace(worker_, store_->operations(), *log_, metrics_);
        sender_->use(std::move(config));
        sender_->start();
    }
    /// As at a drain: nothing is under way when it has gone.
    void end_sender() {
        if (!sender_) return;
        sender_->stop();
        on_worker([] {});
        CHECK(becomes([&] { return !sender_->busy(); }));
        on_worker([] {});
        // Its loop leaves when its sleep has ended.
        for (int i = 0; i < 5; ++i) on_worker([] {});
        sender_->close();
        sender_.reset();
    }
    void on_worker(const std::function<void()>& work) {
        std::promise<void> done;
        asio::post(worker_.io, [&] {
            work();
            done.set_value();
        });
        done.get_future().wait();
    }

    /// An operation that has just been discarded: that is what its callback tells of.
    void end_one(const std::string& id, const std::string& url) {
        storage::HandOver call;
        call.id = id;
        call.client = "erp";
        call.portal = "acme";
        call.method = "crm.lead.add";
        const operations::OperationVault vault(core::KeyRing(settings()->store.encryption_key, {}));
        call.body = vault.seal_body(id, "{}").value();
        call.callback = vault.seal_callback(id, url).value();
        REQUIRE(get(store_->operations().hand_over(call, soon())).verdict == storage::HandedOver::Verdict::taken);
        storage::Discard discard;
        discard.id = id;
        discard.seen = storage::OperationState::queued;
        discard.actor = "test";
        REQUIRE(get(store_->operations().discard(discard, soon())));
        if (sender_) sender_->wake();
    }
    /// What could be sent now.
    std::vector<storage::DueCallback> due() {
        return get(store_->operations().lease_callbacks("test", 100, 60'000, soon()));
    }

    std::string counted(const std::string& result) {
        const std::string all = registry_.render(), name = "b24gate_callbacks_total{result=\"" + result + "\"} ";
        const std::size_t at = all.find(name);
        if (at == std::string::npos) return "none";
        return all.substr(at + name.size(), all.find('\n', at) - at - name.size());
    }
    std::string log() {
        log_->flush();
        std::ifstream in(folder_ + "/log");
        std::ostringstream out;
        out << in.rdbuf();
        return out.str();
    }

private:
    static core::Deadline soon() { return core::Deadline{core::Clock::now() + patience}; }
    template <class T>
    T get(asio::awaitable<storage::Result<T>> work) {
        auto answer = asio::co_spawn(worker_.io, std::move(work), asio::use_future).get();
        const std::string problem = answer ? std::string() : answer.error().message;
        INFO(problem);
        REQUIRE(answer.has_value());
        return std::move(*answer);
    }

    std::string folder_;
    net::Worker worker_{0};
    asio::executor_work_guard<asio::io_context::executor_type> guard_ = asio::make_work_guard(worker_.io);
    std::unique_ptr<storage::Store> store_;
    std::optional<observe::Log> log_;
    observe::Registry registry_;
    observe::GateMetrics metrics_{registry_, config::Metrics{}, observe::BuildInfo{"1", "x"}, 0};
    std::optional<gateway::CallbackSender> sender_;
    std::thread thread_;
};

std::string expected_signature(const Received& one) {
    const std::string text = one.field("webhook-id") + "." + one.field("webhook-timestamp") + "." + one.body;
    const auto mac = core::hmac_sha256(secret_text, text);
    return "v1," + core::to_base64({reinterpret_cast<const char*>(mac.data()), mac.size()});
}

}  // namespace

TEST_CASE("a callback is delivered once, signed") {
    Receiver receiver(always(status("204 No Content")));
    World world;
    world.begin_sender(settings());
    world.end_one("op1", receiver.url("127.0.0.1", "/s3cr3t-path?key=s3cr3t-query"));
    REQUIRE(becomes([&] { return world.counted("delivered") == "1"; }));
    world.end_sender();
    REQUIRE(receiver.count() == 1);
    const Received one = receiver.received()[0];
    CHECK(one.head.starts_with("POST /s3cr3t-path?key=s3cr3t-query HTTP/1.1\r\n"));
    CHECK(one.field("webhook-signature") == expected_signature(one));
    CHECK(one.field("Content-Type") == "application/json");
    CHECK(one.body.find(R"("type":"operation.discarded")") != std::string::npos);
    CHECK(one.body.find(R"("id":"op1","state":"discarded")") != std::string::npos);
    CHECK(world.due().empty());
    CHECK(world.log().find("\"event\":\"callback\"") != std::string::npos);
    CHECK(world.log().find("s3cr3t") == std::string::npos);
}

TEST_CASE("a receiver that fails gets it again under the same id, one that says 410 does not") {
    Receiver receiver([](std::size_t number) { return status(number == 0 ? "500 Oops" : "200 OK"); });
    Receiver gone(always(status("410 Gone")));
    World world;
    world.begin_sender(settings());
    world.end_one("op1", receiver.url());
    world.end_one("op2", gone.url());
    REQUIRE(becomes([&] { return world.counted("given_up") == "1" && world.counted("refused") == "1"; }));
    REQUIRE(becomes([&] { return world.counted("delivered") == "1"; }));  // after about five seconds
    const auto received = receiver.received();
    REQUIRE(received.size() == 2);
    CHECK(received[0].field("webhook-id") == received[1].field("webhook-id"));
    CHECK(received[0].body == received[1].body);
    for (const Received& one : received) CHECK(one.field("webhook-signature") == expected_signature(one));
    CHECK(gone.count() == 1);
}

TEST_CASE("a redirect is a failure, and nobody follows it") {
    Receiver target(always(status("200 OK")));
    Receiver receiver(always(status("307 Temporary Redirect", "Location: " + target.url() + "\r\n")));
    World world;
    world.begin_sender(settings());
    world.end_one("op1", receiver.url());
    REQUIRE(becomes([&] { return world.counted("refused") == "1"; }));
    CHECK(world.counted("delivered") == "0");
    CHECK(target.count() == 0);
    CHECK(world.log().find("\"status\":307") != std::string::npos);
}

TEST_CASE("nothing is sent to an address inside, whatever name it has") {
    Receiver receiver(always(status("200 OK")));
    World world;
    auto strict = settings();
    strict->operations.allow_private_callbacks = false;
    world.begin_sender(strict);
    // The name means 127.0.0.1 or ::1; the number is an address for those who ask the system alone.
    world.end_one("op1", receiver.url("localhost"));
    world.end_one("op2", receiver.url("2130706433"));
    world.end_one("op3", receiver.url("127.0.0.1"));
    REQUIRE(becomes([&] { return world.counted("forbidden") == "3"; }));
    CHECK(receiver.count() == 0);
    CHECK(world.log().find("is not of the open internet") != std::string::npos);
}

TEST_CASE("hosts that are not allowed any more get nothing") {
    Receiver receiver(always(status("200 OK")));
    World world;
    auto strict = settings();
    strict->operations.callback_hosts = {"*.example"};
    world.begin_sender(strict);
    world.end_one("op1", receiver.url());
    REQUIRE(becomes([&] { return world.counted("forbidden") == "1"; }));
    CHECK(receiver.count() == 0);
}

TEST_CASE("a receiver that never answers holds up no other one") {
    Receiver slow(always(""));
    Receiver quick(always(status("200 OK")));
    World world;
    world.begin_sender(settings());
    for (int i = 0; i < 60; ++i) world.end_one("slow" + std::to_string(i), slow.url());
    REQUIRE(becomes([&] { return slow.count() == operations::CallbackLanes::at_once; }));
    for (int i = 0; i < 20; ++i) world.end_one("quick" + std::to_string(i), quick.url());
    REQUIRE(becomes([&] { return quick.count() == 20; }));
    // More than a few at once were not with the slow one at any time.
    REQUIRE(becomes([&] { return world.counted("unreachable") != "0"; }));
}

TEST_CASE("an answer without an end, or one too large, is no reason to wait or to keep it") {
    Receiver endless(always("HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n" + std::string(100'000, 'x')));
    Receiver garbage(always("SSH-2.0-OpenSSH\r\n\r\n"));
    World world;
    world.begin_sender(settings());
    world.end_one("op1", endless.url());
    world.end_one("op2", garbage.url());
    CHECK(becomes([&] { return world.counted("delivered") == "1"; }));
    CHECK(becomes([&] { return world.counted("unreachable") == "1"; }));
}

TEST_CASE("a stop gives back what has not been sent, and the next sender goes on under the same ids") {
    Receiver receiver([](std::size_t number) {
        return number < operations::CallbackLanes::at_once ? std::string() : status("200 OK");
    });
    World world;
    world.begin_sender(settings());
    for (int i = 0; i < 20; ++i) world.end_one("op" + std::to_string(i), receiver.url());
    REQUIRE(becomes([&] { return receiver.count() == operations::CallbackLanes::at_once; }));
    world.end_sender();
    CHECK(receiver.count() == operations::CallbackLanes::at_once);
    CHECK(world.counted("unreachable") == "8");
    world.begin_sender(settings());
    CHECK(becomes([&] { return world.counted("delivered") == "20"; }));
    std::map<std::string, int> times;
    for (const Received& one : receiver.received()) ++times[one.field("webhook-id")];
    CHECK(times.size() == 20);
    CHECK(std::count_if(times.begin(), times.end(), [](const auto& entry) { return entry.second == 2; }) == 8);
}
