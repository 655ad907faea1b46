#include <b24gate/app/application.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <fmt/format.h>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <functional>
#include <iostream>
#include <mutex>
#include <utility>

#include <b24gate/config/load.hpp>
#include <b24gate/config/reload.hpp>
#include <b24gate/gateway/callback_sender.hpp>
#include <b24gate/gateway/operation_janitor.hpp>
#include <b24gate/gateway/operation_worker.hpp>
#include <b24gate/notify/notifier.hpp>
#include <b24gate/observe/process.hpp>
#include <b24gate/server/listener.hpp>
#include <b24gate/tokens/lease_owner.hpp>

#include "bucket_levels.hpp"
#include "run_blocking.hpp"
#include "scrape.hpp"
#include "workers.hpp"

namespace b24gate::app {
namespace {

namespace asio = boost::asio;
using core::Clock;
using core::TimePoint;
using observe::Level;

/// What a stop waits for after everything has been cancelled.
constexpr auto cancel_grace = std::chrono::seconds(2);
/// So long before the end of the grace the calls that still wait for budget are given back to their callers.
constexpr auto refuse_before_end = std::chrono::seconds(2);
constexpr auto drain_poll = std::chrono::milliseconds(20);
/// How long the start waits for a store that does not answer.
constexpr auto store_start_limit = std::chrono::seconds(10);
/// How often the calls so far are looked at, to tell minutes apart.
constexpr auto minutes_interval = std::chrono::seconds(5);

/// Secrets live in this process: its memory is nobody's to read.
void protect_memory() {
    const rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
}

/// Connections are file descriptors: the soft limit is a default, not a wish.
void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

class Application {
public:
    explicit Application(std::string config_path) : config_path_(std::move(config_path)) {}
    ~Application();

    int run() {
        if (!load() || !open_store() || !build() || !listen()) return 2;
        start();
        io_.run();
        return finish();
    }

private:
    // Start, in order. Each says on stderr why it cannot.
    bool load();
    bool open_store();
    bool build();
    void build_operations();
    void build_alerts();
    bool listen();
    void start();

    void count_minutes();
    void await_signal();
    void on_signal(int signal);
    [[nodiscard]] admin::ReloadReport reload();
    void reload_on_main(std::function<void(admin::ReloadReport)> done);
    void exchange(std::shared_ptr<gateway::Snapshot> snapshot, std::shared_ptr<net::TlsServerContext> tls);
    void set_masker();

    // Stop, in order.
    void drain();
    void close_listeners();
    void watch_drain(TimePoint end);
    void cancel_all();
    int finish();

    [[nodiscard]] std::int64_t connections() const { return data_stats_.connections; }
    bool fail(const std::string& message) {
        std::cerr << "b24gate: " << message << std::endl;
        return false;
    }
    template <class Work>
    void on_all(Work work) {
        for (auto& worker : workers_) worker->post([&thread = *worker, work] { work(thread); });
    }
    [[nodiscard]] WorkerThread& thread_of(std::string_view portal) {
        return *workers_[std::hash<std::string_view>{}(portal) % workers_.size()];
    }
    [[nodiscard]] net::Worker& owner_of(std::string_view portal) { return thread_of(portal).worker; }

    const std::string config_path_;
    asio::io_context io_{1};
    asio::signal_set signals_{io_, SIGTERM, SIGINT, SIGHUP};
    asio::steady_timer timer_{io_};
    asio::steady_timer minutes_{io_};

    std::shared_ptr<const config::Config> config_;
    std::shared_ptr<const config::Config> started_with_;  ///< what cannot change counts from here
    std::vector<std::string> start_warnings_;
    std::optional<observe::Log> log_;
    observe::Registry registry_;
    std::optional<observe::GateMetrics> metrics_;
    std::shared_ptr<void> process_metrics_;
    std::optional<Scrape> scrape_;
    observe::Health health_;
    server::PortStats data_stats_, admin_stats_;
    server::BodyMemory memory_;
    std::unique_ptr<storage::Store> store_;
    std::optional<tokens::TokenKeeper> keeper_;
    std::optional<gateway::AnswerCache> cache_;
    std::optional<gateway::PortalPlaces> places_;
    std::optional<gateway::PortalPauses> pauses_;
    std::optional<gateway::Installer> installer_;
    std::optional<gateway::CallbackSender> callbacks_;
    std::optional<gateway::OperationJanitor> janitor_;
    observe::RecentErrors errors_;
    std::optional<gateway::OperationDesk> desk_;
    std::optional<gateway::OperationPages> pages_;
    std::optional<gateway::OperationWorker> operations_;
    std::unique_ptr<admin::AdminShared> admin_;
    std::optional<notify::Notifier> notifier_;
    std::mutex masker_mutex_;
    std::shared_ptr<const gateway::Snapshot> snapshot_;
    std::shared_ptr<net::TlsServerContext> tls_;
    std::vector<std::unique_ptr<WorkerThread>> workers_;
    std::unique_ptr<server::Listener> data_listener_, tls_listener_, admin_listener_;
    bool draining_ = false;
    bool cut_short_ = false;
};

Application::~Application() {
    // Portals may live on in what was cut off in the middle, but their timers belong to the workers, which end now.
    if (snapshot_)
        for (const auto& [name, runtime] : snapshot_->portals) runtime.portal->stop();
    if (callbacks_) callbacks_->close();
    if (notifier_) notifier_->close();
    scrape_.reset();
    data_listener_.reset();
    tls_listener_.reset();
    admin_listener_.reset();
    store_.reset();  // before the workers: it hands its answers to them
    // Who sleeps owns itself: woken, it belongs to its worker's loop and goes with it.
    for (auto& worker : workers_) worker->worker.sweeper.sweep(TimePoint::max());
    workers_.clear();
}

bool Application::load() {
    config::Loaded loaded = config::load(config_path_);
    for (const auto& warning : loaded.warnings) start_warnings_.push_back(to_string(warning));
    for (const auto& error : loaded.errors) std::cerr << to_string(error) << "\n";
    if (!loaded) return false;
    config_ = started_with_ = std::make_shared<const config::Config>(*std::move(loaded.config));
    return true;
}

bool Application::open_store() {
    protect_memory();
    auto store = storage::open_store(config_->store.url, store_start_limit);
    if (!store) return fail(store.error());
    store_ = std::move(*store);
    return true;
}

bool Application::build() {
    raise_descriptor_limit();
    std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to the socket itself
    try {
        log_.emplace(config_->log);
    } catch (const std::exception& error) {
        return fail(error.what());
    }
    const observe::BuildInfo build{B24GATE_VERSION, B24GATE_COMMIT};
    metrics_.emplace(registry_, config_->metrics, build, core::unix_seconds());
    process_metrics_ = observe::declare_process_metrics(registry_);
    memory_.limit = config_->server.max_buffered;

    const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
    const unsigned threads = config_->server.threads != 0 ? config_->server.threads : cores;
    for (unsigned i = 0; i < threads; ++i) workers_.push_back(std::make_unique<WorkerThread>(i));

    auto snapshot = gateway::make_snapshot(
        config_, nullptr, [this](std::string_view portal) -> net::Worker& { return owner_of(portal); }, *metrics_);
    if (!snapshot) return fail(snapshot.error());
    tokens::TokenKeeper::Hooks hooks;
    hooks.secrets_changed = [this] { set_masker(); };
    hooks.store_usable = [this](bool usable) {
        health_.store_usable(usable);
        metrics_->store_usable.with({}).set(usable);
    };
    hooks.adopted = [this](const storage::CredentialRecord& record) {
        places_->adopted(record);
        if (operations_) operations_->credential_changed(record.portal, record.credential);
    };
    places_.emplace(workers_.front()->worker, *store_, *log_);
    places_->use(**snapshot);
    if (const auto placed = run_blocking(places_->load()); !placed) return fail(placed.error().message);
    pauses_.emplace(workers_.front()->worker, *store_, *log_);
    pauses_->use(**snapshot);
    if (const auto paused = run_blocking(pauses_->load()); !paused) return fail(paused.error().message);
    keeper_.emplace(workers_.front()->worker, *store_, *log_, *metrics_, std::move(hooks));
    installer_.emplace(*store_, *keeper_, *places_, *log_, *metrics_);
    keeper_->configure(*config_);
    gateway::connect_credentials(**snapshot, *keeper_);
    snapshot_ = *snapshot;
    set_masker();
    if (const auto loaded = run_blocking(keeper_->load()); !loaded) return fail(loaded.error().message);
    if (const auto restored = run_blocking(take_levels(*store_, *snapshot_, config_->server.egress)); !restored)
        return fail(restored.error().message);
    health_.portals(portal_names(*snapshot_));

    admin_ = std::make_unique<admin::AdminShared>(
        *store_, *log_, registry_, health_, *pauses_, errors_,
        [this](std::function<void(admin::ReloadReport)> done) { reload_on_main(std::move(done)); });
    cache_.emplace(metrics_->cache_bytes.with({}));
    cache_->use(snapshot_->reads_generation, config_->cache);
    build_operations();
    const std::shared_ptr<const config::Server> limits(config_, &config_->server);
    for (auto& thread : workers_) {
        WorkerThread& w = *thread;
        w.state.emplace(w.worker, snapshot_, *keeper_, *cache_);
        w.gateway.emplace(*w.state, *installer_, *desk_, *pages_, *log_, *metrics_, errors_, health_);
        w.admin.emplace(*w.state, *admin_);
        w.data_sessions.emplace(w.worker, *w.gateway, data_stats_, memory_, limits);
        w.admin_sessions.emplace(w.worker, *w.admin, admin_stats_, memory_, limits);
    }
    build_alerts();
    scrape_.emplace(registry_, *metrics_, *log_, health_, data_stats_, admin_stats_, workers_);
    scrape_->use(snapshot_);
    return true;
}

void Application::build_operations() {
    net::Worker& first = workers_.front()->worker;
    callbacks_.emplace(first, store_->operations(), *log_, *metrics_);
    callbacks_->use(config_);
    janitor_.emplace(first, store_->operations(), *log_, *metrics_);
    janitor_->use(config_);
    desk_.emplace(*store_, *log_, *metrics_, tokens::to_text(tokens::this_process()));
    desk_->use(config_);
    const auto due = [this](std::string_view portal, storage::UnixMs when) { operations_->due(portal, when); };
    const auto callback_due = [this] { callbacks_->wake(); };
    desk_->when_taken(due);
    pages_.emplace(*desk_, *log_, due, callback_due);
    operations_.emplace(gateway::OperationWorker::Parts{
        first, *desk_, *log_, *metrics_,
        [this](std::string_view portal) -> gateway::WorkerState& { return *thread_of(portal).state; }, callback_due});
    operations_->use(snapshot_);
    admin_->operations_changed = [this](const std::string& portal) {
        operations_->due(portal, core::unix_ms());
        callbacks_->wake();
    };
}

void Application::build_alerts() {
    std::array<char, 256> host{};
    if (gethostname(host.data(), host.size() - 1) != 0 || host[0] == '\0') host = {"gateway"};
    notifier_.emplace(notify::Notifier::Parts{*workers_.front()->state, *store_, *log_, *metrics_,
                                              tokens::to_text(tokens::this_process()), host.data()},
                      *config_);
    notifier_->use(snapshot_);
    errors_.when_added([this](const observe::RecentError& error) { notifier_->failed(error); });
    admin_->own_alerts = [this] { return notifier_->own_alerts(); };
    admin_->test_channel = [this](std::string channel, admin::ChannelTested done) {
        notifier_->test(std::move(channel), std::move(done));
    };
}

bool Application::listen() {
    std::vector<server::SessionContext*> data, admin;
    for (auto& worker : workers_) {
        data.push_back(&*worker->data_sessions);
        admin.push_back(&*worker->admin_sessions);
    }
    const config::Server& server = config_->server;
    net::Worker& first = workers_.front()->worker;
    auto opened = server::Listener::open(first, server.listen, data, server.max_connections, nullptr);
    if (!opened) return fail(opened.error());
    data_listener_ = std::move(*opened);
    if (server.tls_listen) {
        auto tls = net::TlsServerContext::make(server.tls_certificate, server.tls_key);
        if (!tls) return fail(tls.error());
        tls_ = *tls;
        opened = server::Listener::open(first, *server.tls_listen, data, server.max_connections, tls_);
        if (!opened) return fail(opened.error());
        tls_listener_ = std::move(*opened);
    }
    if (config_->admin.listen) {
        opened = server::Listener::open(first, *config_->admin.listen, admin, 256, nullptr);
        if (!opened) return fail(opened.error());
        admin_listener_ = std::move(*opened);
    }
    return true;
}

void Application::start() {
    for (server::Listener* listener : {data_listener_.get(), tls_listener_.get(), admin_listener_.get()})
        if (listener != nullptr) listener->start();
    for (auto& worker : workers_) worker->start();
    keeper_->start();
    pauses_->start();
    count_minutes();
    operations_->start();
    callbacks_->start();
    janitor_->start();
    notifier_->start();
    await_signal();
    health_.started();
    for (const std::string& warning : start_warnings_) log_->event(Level::warn, "config", {{"warning", warning}});
    // One line, whatever the log's level and place: who starts a gateway wants to know where it is.
    std::cout
        << fmt::format(
               R"({{"event":"listening","version":"{}","listen":"{}","tls_listen":"{}","admin":"{}","portals":{},"clients":{},"threads":{}}})",
               B24GATE_VERSION, data_listener_->address(), tls_listener_ ? tls_listener_->address() : "",
               admin_listener_ ? admin_listener_->address() : "", config_->portals.size(), config_->clients.size(),
               workers_.size())
        << std::endl;
    metrics_->config_reload_success.with({}).set(1);
    metrics_->config_reload_timestamp.with({}).set(core::unix_seconds());
}

/// On the main thread, which has the snapshot.
void Application::count_minutes() {
    admin_->sample(*snapshot_);
    minutes_.expires_after(minutes_interval);
    minutes_.async_wait([this](boost::system::error_code error) {
        if (!error) count_minutes();
    });
}

void Application::await_signal() {
    signals_.async_wait([this](boost::system::error_code error, int signal) {
        if (error) return;
        on_signal(signal);
        if (!cut_short_) await_signal();
    });
}

void Application::on_signal(int signal) {
    if (signal == SIGHUP) {
        if (const auto problem = log_->reopen()) log_->event(Level::error, "log_reopen", {{"error", *problem}});
        static_cast<void>(reload());
        return;
    }
    if (!draining_) {
        drain();
        return;
    }
    log_->event(Level::warn, "stop", {{"reason", "a second signal"}});
    cut_short_ = true;
    cancel_all();
    io_.stop();
}

void Application::reload_on_main(std::function<void(admin::ReloadReport)> done) {
    asio::post(io_, [this, done = std::move(done)] { done(reload()); });
}

admin::ReloadReport Application::reload() {
    admin::ReloadReport report;
    config::Loaded loaded = config::load(config_path_);
    for (const auto& warning : loaded.warnings) report.warnings.push_back(to_string(warning));
    for (const auto& error : loaded.errors) report.errors.push_back(to_string(error));
    std::shared_ptr<gateway::Snapshot> next;
    std::shared_ptr<net::TlsServerContext> tls;
    if (loaded) {
        const auto config = std::make_shared<const config::Config>(*std::move(loaded.config));
        for (std::string& fixed : config::reload_diff(*started_with_, *config))
            report.warnings.push_back(std::move(fixed));
        auto made = gateway::make_snapshot(
            config, snapshot_.get(), [this](std::string_view portal) -> net::Worker& { return owner_of(portal); },
            *metrics_);
        if (made)
            next = *made;
        else
            report.errors.push_back(made.error());
        if (tls_listener_ && config->server.tls_listen) {
            auto context = net::TlsServerContext::make(config->server.tls_certificate, config->server.tls_key);
            if (context)
                tls = *context;
            else
                report.errors.push_back(context.error());
        }
    }
    if (report.errors.empty())
        if (const auto problem = log_->reconfigure(next->config->log)) report.errors.push_back(*problem);
    report.ok = report.errors.empty();
    if (report.ok) exchange(std::move(next), std::move(tls));
    metrics_->config_reload_success.with({}).set(report.ok ? 1 : 0);
    if (report.ok) metrics_->config_reload_timestamp.with({}).set(core::unix_seconds());
    for (const std::string& error : report.errors) log_->event(Level::error, "reload_error", {{"error", error}});
    for (const std::string& warning : report.warnings)
        log_->event(Level::warn, "reload_warning", {{"warning", warning}});
    log_->event(report.ok ? Level::info : Level::error, "reload", {{"ok", report.ok}});
    return report;
}

/// Everything at once, and nothing before everything was found good.
void Application::exchange(std::shared_ptr<gateway::Snapshot> snapshot, std::shared_ptr<net::TlsServerContext> tls) {
    keeper_->configure(*snapshot->config);
    gateway::connect_credentials(*snapshot, *keeper_);
    const std::shared_ptr<const gateway::Snapshot> previous = std::exchange(snapshot_, std::move(snapshot));
    {
        const std::lock_guard lock(masker_mutex_);
        config_ = snapshot_->config;
    }
    set_masker();
    memory_.limit = config_->server.max_buffered;
    gateway::apply_snapshot(*snapshot_, *previous);
    cache_->use(snapshot_->reads_generation, config_->cache);
    places_->use(*snapshot_);
    pauses_->use(*snapshot_);
    desk_->use(config_);
    operations_->use(snapshot_);
    callbacks_->use(config_);
    janitor_->use(config_);
    notifier_->use(snapshot_);
    health_.portals(portal_names(*snapshot_));
    scrape_->use(snapshot_);
    const std::shared_ptr<const config::Server> limits(config_, &config_->server);
    on_all([shared = snapshot_, limits](WorkerThread& w) {
        w.state->use(shared);
        w.data_sessions->limits = limits;
        w.admin_sessions->limits = limits;
    });
    if (tls) {
        tls_ = tls;
        workers_.front()->post([this, tls] { tls_listener_->set_tls(tls); });
    }
}

/// From any thread: the keeper has new tokens, or there is a new configuration.
void Application::set_masker() {
    const std::lock_guard lock(masker_mutex_);
    log_->set_masker(gateway::make_masker(*config_, *keeper_));
}

void Application::drain() {
    draining_ = true;
    log_->event(Level::info, "drain", {{"connections", connections()}});
    health_.drain();
    operations_->drain();
    callbacks_->stop();
    janitor_->stop();
    notifier_->stop();
    admin_->stop();
    timer_.expires_after(config_->server.drain_delay);
    timer_.async_wait([this](boost::system::error_code error) {
        if (error) return;
        close_listeners();
        watch_drain(Clock::now() + config_->server.shutdown_grace);
    });
}

void Application::close_listeners() {
    workers_.front()->post([this] {
        data_listener_->close();
        if (tls_listener_) tls_listener_->close();
    });
    on_all([](WorkerThread& w) { w.data_sessions->drain(); });
}

void Application::watch_drain(TimePoint end) {
    const TimePoint now = Clock::now();
    const bool busy = connections() != 0 || installer_->busy() || operations_->busy() || callbacks_->busy() ||
                      notifier_->busy() || admin_->listeners != 0;
    if (!busy || now >= end) {
        if (connections() != 0) log_->event(Level::warn, "drain_cut_off", {{"connections", connections()}});
        cancel_all();
        io_.stop();
        return;
    }
    if (now >= end - std::min<core::Duration>(refuse_before_end, config_->server.shutdown_grace / 2))
        for (const auto& [name, runtime] : snapshot_->portals) {
            runtime.reads->refuse_waiting();
            runtime.portal->refuse_waiting();
        }
    timer_.expires_after(drain_poll);
    timer_.async_wait([this, end](boost::system::error_code error) {
        if (!error) watch_drain(end);
    });
}

void Application::cancel_all() {
    for (const auto& [name, runtime] : snapshot_->portals) {
        runtime.reads->stop();
        runtime.portal->refuse_waiting();
    }
    workers_.front()->post([this] {
        data_listener_->close();
        if (tls_listener_) tls_listener_->close();
        if (admin_listener_) admin_listener_->close();
    });
    on_all([](WorkerThread& w) {
        w.data_sessions->cancel_all();
        w.admin_sessions->cancel_all();
        w.state->close_idle();
    });
}

int Application::finish() {
    const TimePoint end = Clock::now() + (cut_short_ ? core::Duration::zero() : core::Duration(cancel_grace));
    while (Clock::now() < end && (data_stats_.connections != 0 || admin_stats_.connections != 0))
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    for (auto& worker : workers_) worker->worker.io.stop();
    for (auto& worker : workers_) worker->thread.join();
    // Not after a cut: what was sent last is not in the levels then.
    if (!cut_short_)
        if (const auto saved = run_blocking(save_levels(*store_, *snapshot_, config_->server.egress)); !saved)
            log_->event(Level::warn, "levels_not_saved", {{"error", saved.error().message}});
    log_->event(Level::info, "stopped", {{"cut_short", cut_short_}});
    static_cast<void>(log_->flush());
    return cut_short_ ? 1 : 0;
}

}  // namespace

int serve(const std::string& config_path) {
    Application application(config_path);
    return application.run();
}

}  // namespace b24gate::app
