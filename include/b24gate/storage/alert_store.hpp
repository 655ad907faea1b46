// Alerts in the store, so that they outlive a restart and several gateways tell of one once: what each gateway has
// seen, who of them looks after the alerts, how each alert stands, and what is silenced. What a state means is decided
// in alerts/engine; here it is written, while whoever decided is still the one to decide.
//
// As for Store: any thread may call, every member is one transaction, every time is the store's clock in milliseconds.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include <b24gate/core/clock.hpp>
#include <b24gate/storage/store.hpp>

namespace b24gate::storage {

/// What one gateway has seen of late.
struct AlertReport {
    std::string gateway;  ///< the process
    UnixMs at = 0;
    std::string facts;  ///< JSON
};

struct AlertRow {
    std::string id;  ///< stands for rule and subject, for ever
    std::string rule, subject, state;
    std::string more;    ///< JSON: what only alerts/ understands
    UnixMs changed = 0;  ///< when the state became what it is
};

struct Silence {
    std::int64_t id = 0;
    std::string rule, subject;  ///< globs
    std::string actor, reason;
    UnixMs at = 0, until = 0;
};

/// The alerts as they stand, for whoever asks.
struct AlertBoard {
    UnixMs now = 0;
    std::vector<AlertReport> reports;  ///< of the gateways that are there
    std::vector<AlertRow> alerts;
    std::vector<Silence> silences;  ///< that hold
};

struct AlertTurn {
    bool mine = false;       ///< the asker looks after the alerts, for the time it asked for
    std::int64_t fence = 0;  ///< grows whenever somebody else begins to
    AlertBoard board;
};

class AlertStore {
public:
    virtual ~AlertStore() = default;
    template <class T>
    using Awaitable = Store::Awaitable<T>;

    /// Writes down what this gateway has seen, drops what gateways have said that are silent for `report_ms`, and asks
    /// for the right to look after the alerts for `lease_ms`.
    virtual Awaitable<AlertTurn> take_turn(std::string gateway, std::string facts, std::int64_t report_ms,
                                           std::int64_t lease_ms, core::Deadline deadline) = 0;
    /// While the right is still that gateway's under that fence; `gone`: ids. False: it is not, nothing was written.
    virtual Awaitable<bool> save_alerts(std::string gateway, std::int64_t fence, std::vector<AlertRow> changed,
                                        std::vector<std::string> gone, core::Deadline deadline) = 0;
    /// Gives the right back and takes what that gateway has said away: it stops.
    virtual Awaitable<Done> leave(std::string gateway, core::Deadline deadline) = 0;

    virtual Awaitable<AlertBoard> list_alerts(core::Deadline deadline) = 0;
    /// Holds for `length_ms`; answers its id. At most 1,000 hold at once, the oldest go first.
    virtual Awaitable<std::int64_t> put_silence(Silence silence, std::int64_t length_ms, core::Deadline deadline) = 0;
    /// False: there was none.
    virtual Awaitable<bool> end_silence(std::int64_t id, core::Deadline deadline) = 0;
};

}  // namespace b24gate::storage
