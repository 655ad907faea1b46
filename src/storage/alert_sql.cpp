#include "alert_sql.hpp"

#include <boost/asio/awaitable.hpp>

#include <utility>

#include "alert_statements.hpp"
#include "columns.hpp"
#include "statements.hpp"

// g++ 12 inlines how Asio gets the memory of a coroutine, but not how it gives it back, and takes the two for a
// mismatch.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

namespace b24gate::storage {
namespace {

using AllRows = std::vector<Rows>;

void add(Transaction& todo, const Statement& statement, std::vector<Value> parameters) {
    todo.queries.push_back(Query{&statement, std::move(parameters)});
}

/// The four queries whose rows make a board, behind whatever else is in the transaction.
void add_board(Transaction& todo) {
    add(todo, statements::now, {});
    add(todo, statements::list_reports, {});
    add(todo, statements::list_alerts, {});
    add(todo, statements::list_silences, {});
}

AlertBoard board_of(const AllRows& rows) {
    AlertBoard out;
    const std::size_t first = rows.size() - 4;
    out.now = Columns(rows.at(first).at(0)).integer();
    for (const Row& row : rows.at(first + 1)) {
        Columns columns(row);
        AlertReport report;
        report.gateway = columns.text();
        report.at = columns.integer();
        report.facts = columns.text();
        out.reports.push_back(std::move(report));
    }
    for (const Row& row : rows.at(first + 2)) {
        Columns columns(row);
        AlertRow alert;
        alert.id = columns.text();
        alert.rule = columns.text();
        alert.subject = columns.text();
        alert.state = columns.text();
        alert.changed = columns.integer();
        alert.more = columns.text();
        out.alerts.push_back(std::move(alert));
    }
    for (const Row& row : rows.at(first + 3)) {
        Columns columns(row);
        Silence silence;
        silence.id = columns.integer();
        silence.rule = columns.text();
        silence.subject = columns.text();
        silence.actor = columns.text();
        silence.reason = columns.text();
        silence.at = columns.integer();
        silence.until = columns.integer();
        out.silences.push_back(std::move(silence));
    }
    return out;
}

class SqlAlertStore final : public AlertStore {
public:
    explicit SqlAlertStore(Engine& engine) : engine_(engine) {}

    Awaitable<AlertTurn> take_turn(std::string gateway, std::string facts, std::int64_t report_ms,
                                   std::int64_t lease_ms, core::Deadline deadline) override {
        Transaction todo{"take turn", true, {}};
        add(todo, statements::take_turn, {gateway, lease_ms});
        add(todo, statements::put_report, {std::move(gateway), std::move(facts)});
        add(todo, statements::drop_reports, {report_ms});
        add_board(todo);
        auto rows = co_await engine_.run(std::move(todo), deadline);
        if (!rows) co_return std::move(rows).error();
        AlertTurn out;
        out.mine = !rows->at(0).empty();
        if (out.mine) out.fence = Columns(rows->at(0).front()).integer();
        out.board = board_of(*rows);
        co_return out;
    }

    Awaitable<bool> save_alerts(std::string gateway, std::int64_t fence, std::vector<AlertRow> changed,
                                std::vector<std::string> gone, core::Deadline deadline) override {
        Transaction todo{"save alerts", true, {}};
        // Nobody takes the right away between this statement and the last one.
        add(todo, statements::hold_turn, {gateway, fence});
        for (AlertRow& row : changed)
            add(todo, statements::save_alert,
                {gateway, fence, std::move(row.id), std::move(row.rule), std::move(row.subject), std::move(row.state),
                 row.changed, std::move(row.more)});
        for (std::string& id : gone) add(todo, statements::drop_alert, {gateway, fence, std::move(id)});
        auto rows = co_await engine_.run(std::move(todo), deadline);
        if (!rows) co_return std::move(rows).error();
        co_return !rows->at(0).empty();
    }

    Awaitable<Done> leave(std::string gateway, core::Deadline deadline) override {
        Transaction todo{"leave alerts", true, {}};
        add(todo, statements::leave_turn, {gateway});
        add(todo, statements::drop_report, {std::move(gateway)});
        auto rows = co_await engine_.run(std::move(todo), deadline);
        if (!rows) co_return std::move(rows).error();
        co_return Done{};
    }

    Awaitable<AlertBoard> list_alerts(core::Deadline deadline) override {
        Transaction todo{"list alerts", false, {}};
        add_board(todo);
        auto rows = co_await engine_.run(std::move(todo), deadline);
        if (!rows) co_return std::move(rows).error();
        co_return board_of(*rows);
    }

    Awaitable<std::int64_t> put_silence(Silence silence, std::int64_t length_ms, core::Deadline deadline) override {
        Transaction todo{"put silence", true, {}};
        add(todo, statements::put_silence,
            {std::move(silence.rule), std::move(silence.subject), std::move(silence.actor), std::move(silence.reason),
             length_ms});
        add(todo, statements::drop_old_silences, {});
        auto rows = co_await engine_.run(std::move(todo), deadline);
        if (!rows) co_return std::move(rows).error();
        co_return Columns(rows->at(0).at(0)).integer();
    }

    Awaitable<bool> end_silence(std::int64_t id, core::Deadline deadline) override {
        Transaction todo{"end silence", true, {}};
        add(todo, statements::end_silence, {id});
        auto rows = co_await engine_.run(std::move(todo), deadline);
        if (!rows) co_return std::move(rows).error();
        co_return !rows->at(0).empty();
    }

private:
    Engine& engine_;
};

}  // namespace

std::unique_ptr<AlertStore> make_alert_store(Engine& engine) { return std::make_unique<SqlAlertStore>(engine); }

}  // namespace b24gate::storage
