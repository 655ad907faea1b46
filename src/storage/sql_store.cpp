#include "sql_store.hpp"

#include <boost/asio/awaitable.hpp>

#include <algorithm>
#include <utility>

#include "alert_sql.hpp"
#include "columns.hpp"
#include "operation_sql.hpp"
#include "statements.hpp"

// g++ 12 inlines how Asio gets the memory of a coroutine, but not how it gives it back, and takes the two for a
// mismatch.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

namespace b24gate::storage {
namespace {

using AllRows = std::vector<Rows>;

CredentialRecord record_of(Columns columns) {
    CredentialRecord out;
    out.portal = columns.text();
    out.credential = columns.text();
    out.version = columns.integer();
    out.state = columns.text() == "active" ? CredentialRecord::State::active : CredentialRecord::State::needs_reauth;
    out.reason = columns.text();
    out.key_id = columns.text();
    out.sealed = columns.bytes();
    out.member_id = columns.text();
    out.client_endpoint = columns.text();
    out.server_endpoint = columns.text();
    out.scope = columns.text();
    out.status = columns.text();
    out.user_id = columns.integer();
    out.expires_at = columns.integer();
    out.obtained_at = columns.integer();
    out.refreshed_at = columns.integer();
    out.failures = static_cast<unsigned>(columns.integer());
    out.retry_at = columns.integer();
    out.lease_owner = columns.text();
    out.lease_until = columns.integer();
    out.fence = columns.integer();
    return out;
}

std::vector<Value> pair_parameters(std::string portal, std::string credential, NewPair pair) {
    return {std::move(portal),
            std::move(credential),
            std::move(pair.key_id),
            Bytes{std::move(pair.sealed)},
            std::move(pair.member_id),
            std::move(pair.client_endpoint),
            std::move(pair.server_endpoint),
            std::move(pair.scope),
            std::move(pair.status),
            pair.user_id,
            pair.expires_in_ms};
}

/// `before`: the clock and the credential as it was. `after`: the credential when the lease was taken.
RefreshLease lease_of(const Store::LeaseRequest& request, const Rows& before, const Rows& after) {
    using Verdict = RefreshLease::Verdict;
    RefreshLease out;
    if (before.empty()) return out;
    Columns columns(before.front());
    out.now = columns.integer();
    CredentialRecord was = record_of(columns);
    if (!after.empty()) {
        out.verdict = Verdict::granted;
        out.abandoned = !was.lease_owner.empty() && was.lease_owner != request.owner;
        out.record = record_of(Columns(after.front()));
        out.now = out.record.lease_until - request.lease_ms;
        return out;
    }
    if (was.version != request.seen_version || was.state != CredentialRecord::State::active) {
        out.verdict = Verdict::changed;
    } else if (!request.ignore_backoff && was.retry_at > out.now) {
        out.verdict = Verdict::backing_off;
    } else {
        out.verdict = Verdict::busy;
    }
    out.record = std::move(was);
    return out;
}

class SqlStore final : public Store {
public:
    explicit SqlStore(std::unique_ptr<Engine> engine)
        : engine_(std::move(engine)),
          operations_(make_operation_store(*engine_)),
          alerts_(make_alert_store(*engine_)) {}

    OperationStore& operations() noexcept override { return *operations_; }
    AlertStore& alerts() noexcept override { return *alerts_; }

    Awaitable<Done> ping(core::Deadline deadline) override {
        Transaction todo{"ping", true, {}};
        add(todo, statements::beat, {});
        return done(std::move(todo), deadline);
    }

    Awaitable<ListedCredentials> list_credentials(core::Deadline deadline) override {
        Transaction todo{"list credentials", false, {}};
        add(todo, statements::now, {});
        add(todo, statements::list_credentials, {});
        auto rows = co_await engine_->run(std::move(todo), deadline);
        if (!rows) co_return std::move(rows).error();
        ListedCredentials out;
        out.now = clock(*rows);
        for (const Row& row : rows->at(1)) out.records.push_back(record_of(Columns(row)));
        co_return out;
    }

    Awaitable<CredentialRecord> put_credential(std::string portal, std::string credential, NewPair pair,
                                               core::Deadline deadline) override {
        Transaction todo{"put credential", true, {}};
        add(todo, statements::put_credential,
            pair_parameters(std::move(portal), std::move(credential), std::move(pair)));
        return last_record(std::move(todo), deadline);
    }

    Awaitable<bool> remove_credential(std::string portal, std::string credential, core::Deadline deadline) override {
        Transaction todo{"remove credential", true, {}};
        add(todo, statements::remove_credential, {std::move(portal), std::move(credential), Bytes{}});
        return any(std::move(todo), deadline);
    }

    Awaitable<bool> mark_needs_reauth(std::string portal, std::string credential, std::int64_t seen_version,
                                      std::string reason, core::Deadline deadline) override {
        Transaction todo{"mark needs_reauth", true, {}};
        add(todo, statements::mark_needs_reauth,
            {std::move(portal), std::move(credential), seen_version, std::move(reason)});
        return any(std::move(todo), deadline);
    }

    Awaitable<RefreshLease> begin_refresh(LeaseRequest request, core::Deadline deadline) override {
        Transaction todo{"begin refresh", true, {}};
        add(todo, statements::lock_credential, {request.portal, request.credential});
        add(todo, statements::take_lease,
            {request.portal, request.credential, request.seen_version, request.owner, request.lease_ms,
             request.dead_owner, std::int64_t{request.ignore_backoff}});
        auto rows = co_await engine_->run(std::move(todo), deadline);
        if (!rows) co_return std::move(rows).error();
        co_return lease_of(request, rows->at(0), rows->at(1));
    }

    Awaitable<CredentialRecord> finish_refresh(std::string portal, std::string credential, std::int64_t seen_version,
                                               NewPair pair, core::Deadline deadline) override {
        Transaction todo{"finish refresh", true, {}};
        auto parameters = pair_parameters(portal, credential, std::move(pair));
        parameters.emplace_back(seen_version);
        add(todo, statements::finish_refresh, std::move(parameters));
        add(todo, statements::get_credential, {std::move(portal), std::move(credential)});
        return last_record(std::move(todo), deadline);
    }

    Awaitable<bool> fail_refresh(RefreshFailure failure, core::Deadline deadline) override {
        Transaction todo{"fail refresh", true, {}};
        add(todo, statements::fail_refresh,
            {std::move(failure.portal), std::move(failure.credential), failure.seen_version, failure.fence,
             std::int64_t{failure.final}, std::move(failure.reason), failure.retry_in_ms});
        return any(std::move(todo), deadline);
    }

    Awaitable<bool> reseal_credential(std::string portal, std::string credential, std::string old_sealed,
                                      std::string key_id, std::string sealed, core::Deadline deadline) override {
        Transaction todo{"reseal credential", true, {}};
        add(todo, statements::reseal_credential,
            {std::move(portal), std::move(credential), Bytes{std::move(old_sealed)}, std::move(key_id),
             Bytes{std::move(sealed)}});
        return any(std::move(todo), deadline);
    }

    Awaitable<Done> put_install(PendingInstall install, std::int64_t lifetime_ms, core::Deadline deadline) override {
        Transaction todo{"put install", true, {}};
        add(todo, statements::drop_old_installs, {});
        add(todo, statements::put_install,
            {std::move(install.state_hash), std::move(install.portal), std::move(install.credential), lifetime_ms});
        add(todo, statements::bound_installs, {});
        return done(std::move(todo), deadline);
    }

    Awaitable<std::optional<PendingInstall>> take_install(std::string state_hash, core::Deadline deadline) override {
        Transaction todo{"take install", true, {}};
        add(todo, statements::take_install, {std::move(state_hash)});
        auto rows = co_await engine_->run(std::move(todo), deadline);
        if (!rows) co_return std::move(rows).error();
        std::optional<PendingInstall> out;
        if (!rows->at(0).empty()) {
            Columns columns(rows->at(0).front());
            PendingInstall install;
            install.state_hash = columns.text();
            install.portal = columns.text();
            install.credential = columns.text();
            if (columns.integer() > 0) out = std::move(install);
        }
        co_return out;
    }

    Awaitable<std::vector<PortalRecord>> list_portals(core::Deadline deadline) override {
        Transaction todo{"list portals", false, {}};
        add(todo, statements::list_portals, {});
        auto rows = co_await engine_->run(std::move(todo), deadline);
        if (!rows) co_return std::move(rows).error();
        std::vector<PortalRecord> out;
        for (const Row& row : rows->at(0)) {
            Columns columns(row);
            PortalRecord record;
            record.portal = columns.text();
            record.member_id = columns.text();
            record.configured_url = columns.text();
            record.url = columns.text();
            record.keeps_keys = columns.flag();
            out.push_back(std::move(record));
        }
        co_return out;
    }

    Awaitable<Done> put_portal(PortalRecord record, core::Deadline deadline) override {
        Transaction todo{"put portal", true, {}};
        add(todo, statements::put_portal,
            {std::move(record.portal), std::move(record.member_id), std::move(record.configured_url),
             std::move(record.url), std::int64_t{record.keeps_keys}});
        return done(std::move(todo), deadline);
    }

    Awaitable<ListedLevels> list_levels(core::Deadline deadline) override {
        Transaction todo{"list levels", false, {}};
        add(todo, statements::now, {});
        add(todo, statements::list_levels, {});
        auto rows = co_await engine_->run(std::move(todo), deadline);
        if (!rows) co_return std::move(rows).error();
        ListedLevels out;
        out.now = clock(*rows);
        for (const Row& row : rows->at(1)) {
            Columns columns(row);
            BucketLevel level;
            level.portal = columns.text();
            level.egress = columns.text();
            level.level = columns.real();
            level.at = columns.integer();
            out.levels.push_back(std::move(level));
        }
        co_return out;
    }

    Awaitable<std::vector<PauseRecord>> list_pauses(core::Deadline deadline) override {
        Transaction todo{"list pauses", false, {}};
        add(todo, statements::list_pauses, {});
        auto rows = co_await engine_->run(std::move(todo), deadline);
        if (!rows) co_return std::move(rows).error();
        std::vector<PauseRecord> out;
        for (const Row& row : rows->at(0)) {
            Columns columns(row);
            PauseRecord record;
            record.portal = columns.text();
            record.actor = columns.text();
            record.reason = columns.text();
            record.at = columns.integer();
            out.push_back(std::move(record));
        }
        co_return out;
    }

    Awaitable<Done> put_pause(PauseRecord record, core::Deadline deadline) override {
        Transaction todo{"put pause", true, {}};
        add(todo, statements::put_pause, {std::move(record.portal), std::move(record.actor), std::move(record.reason)});
        return done(std::move(todo), deadline);
    }

    Awaitable<bool> remove_pause(std::string portal, core::Deadline deadline) override {
        Transaction todo{"remove pause", true, {}};
        add(todo, statements::remove_pause, {std::move(portal)});
        return any(std::move(todo), deadline);
    }

    Awaitable<Done> put_levels(std::vector<BucketLevel> levels, core::Deadline deadline) override {
        // In one order everywhere: two gateways that lock the same rows in two orders wait for each other.
        std::sort(levels.begin(), levels.end(), [](const BucketLevel& a, const BucketLevel& b) {
            return std::tie(a.portal, a.egress) < std::tie(b.portal, b.egress);
        });
        Transaction todo{"put levels", true, {}};
        for (BucketLevel& level : levels) {
            add(todo, statements::put_level, {std::move(level.portal), std::move(level.egress), level.level});
        }
        return done(std::move(todo), deadline);
    }

private:
    static void add(Transaction& todo, const Statement& statement, std::vector<Value> parameters) {
        todo.queries.push_back(Query{&statement, std::move(parameters)});
    }
    static UnixMs clock(const AllRows& rows) { return Columns(rows.at(0).at(0)).integer(); }

    Awaitable<Done> done(Transaction todo, core::Deadline deadline) {
        if (todo.queries.empty()) co_return Done{};
        auto rows = co_await engine_->run(std::move(todo), deadline);
        if (!rows) co_return std::move(rows).error();
        co_return Done{};
    }
    /// What the last statement has found, or an empty one.
    Awaitable<CredentialRecord> last_record(Transaction todo, core::Deadline deadline) {
        auto rows = co_await engine_->run(std::move(todo), deadline);
        if (!rows) co_return std::move(rows).error();
        CredentialRecord out;
        if (!rows->back().empty()) out = record_of(Columns(rows->back().front()));
        co_return out;
    }
    /// Whether the one statement had a row.
    Awaitable<bool> any(Transaction todo, core::Deadline deadline) {
        auto rows = co_await engine_->run(std::move(todo), deadline);
        if (!rows) co_return std::move(rows).error();
        co_return !rows->at(0).empty();
    }

    std::unique_ptr<Engine> engine_;
    std::unique_ptr<OperationStore> operations_;
    std::unique_ptr<AlertStore> alerts_;
};

}  // namespace

std::unique_ptr<Store> make_sql_store(std::unique_ptr<Engine> engine) {
    return std::make_unique<SqlStore>(std::move(engine));
}

}  // namespace b24gate::storage
