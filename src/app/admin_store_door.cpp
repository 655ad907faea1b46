#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/json/parse.hpp>

#include <fmt/format.h>

#include <cstdlib>
#include <exception>
#include <optional>

#include <b24gate/admin/operations_api.hpp>
#include <b24gate/admin/sealed_texts.hpp>
#include <b24gate/storage/store.hpp>

#include "admin_door.hpp"
#include "run_blocking.hpp"

namespace b24gate::app {
namespace {

namespace asio = boost::asio;

constexpr auto store_limit = std::chrono::seconds(10);

/// Who works at this shell, as the audit names it.
std::string shell_user() {
    const char* const name = std::getenv("SUDO_USER");
    const char* const own = name == nullptr ? std::getenv("USER") : name;
    return fmt::format("shell:{}", own == nullptr || *own == '\0' ? std::to_string(::getuid()) : std::string(own));
}

class StoreDoor final : public AdminDoor {
public:
    StoreDoor(const config::Config& config, std::unique_ptr<storage::Store> store)
        : io_(blocking_loop()), store_(std::move(store)), texts_(config.store), api_(services(config)) {
        observe::MaskRules rules;
        rules.fields = config.log.mask;
        masker_ = std::make_unique<observe::Masker>(std::move(rules));
        api_.add_routes(router_);
    }
    ~StoreDoor() override {
        jobs_->close();
        store_.reset();  // its thread may still be leaving the loop
        io_.restart();
        io_.poll();
    }

    boost::system::result<Answer, std::string> ask(std::string_view path, const boost::json::object* body) override {
        using Result = boost::system::result<Answer, std::string>;
        server::Request request;
        request.method = body == nullptr ? "GET" : "POST";
        request.target = path;
        admin::Visit visit(request);
        visit.actor.name = shell_user();
        visit.actor.role = admin::Role::full;
        if (body != nullptr) visit.body = *body;
        auto query = admin::Query::parse(path);
        if (!query) return Result(boost::system::in_place_error, query.error());
        visit.query = *std::move(query);
        auto found = router_.find(request.method, admin::path_of(path));
        if (found.route == nullptr)
            return Result(boost::system::in_place_error, "that needs a gateway that runs: none answers");
        visit.parts = std::move(found.parts);
        const server::Response response = run(found.route->handler(visit));
        Answer out;
        out.status = response.status;
        out.body = boost::json::parse(response.body).as_object();
        return Result(std::move(out));
    }

    void pause(std::chrono::milliseconds time) override {
        io_.restart();
        io_.run_for(time);
    }

private:
    admin::OperationServices services(const config::Config& config) {
        const operations::Rules rules = operations::rules_of(config.operations);
        admin::OperationServices out{store_->operations(), jobs_, io_.get_executor(), [rules] { return rules; }};
        out.answer = [this](const std::string& id, const storage::KeptAnswer& kept) {
            return texts_.answer(id, kept.status, kept.answer, *masker_);
        };
        out.excerpt = [this](const std::string& id, const storage::AttemptRecord& attempt) {
            return texts_.excerpt(id, attempt.number, attempt.excerpt, *masker_);
        };
        return out;
    }

    server::Response run(asio::awaitable<server::Response> work) {
        std::optional<server::Response> out;
        std::exception_ptr failure;
        asio::co_spawn(io_, std::move(work), [&](std::exception_ptr error, server::Response response) {
            failure = error;
            out.emplace(std::move(response));
        });
        io_.restart();
        const auto busy = asio::make_work_guard(io_);
        while (!out) io_.run_one();
        if (failure) std::rethrow_exception(failure);
        return *std::move(out);
    }

    asio::io_context& io_;
    std::unique_ptr<storage::Store> store_;
    std::shared_ptr<admin::OperationJobs> jobs_ = std::make_shared<admin::OperationJobs>();
    admin::SealedTexts texts_;
    std::unique_ptr<observe::Masker> masker_;
    admin::OperationsApi api_;
    admin::Router router_;
};

}  // namespace

boost::system::result<std::unique_ptr<AdminDoor>, std::string> open_store_door(const config::Config& config) {
    auto store = storage::open_store(config.store.url, store_limit);
    if (!store) return store.error();
    return std::unique_ptr<AdminDoor>(std::make_unique<StoreDoor>(config, std::move(*store)));
}

}  // namespace b24gate::app
