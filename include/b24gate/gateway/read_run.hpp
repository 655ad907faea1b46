// A call on its way past what other calls have asked: a read may get a kept answer, or that of the same read under way;
// a write says so to both. Everything else is a CallRun and nothing more. Belongs to the worker of its session.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <string>
#include <string_view>

#include <b24gate/gateway/call_run.hpp>
#include <b24gate/gateway/portal_reads.hpp>
#include <b24gate/gateway/read_key.hpp>
#include <b24gate/gateway/shared_answer.hpp>

namespace b24gate::gateway {

class ReadRun {
public:
    explicit ReadRun(const CallOrder& order);
    ~ReadRun();
    ReadRun(const ReadRun&) = delete;
    ReadRun& operator=(const ReadRun&) = delete;

    /// Once. The report may hold views into this object.
    boost::asio::awaitable<CallReport> run();

    enum class Source {
        call,    ///< one of its own
        shared,  ///< another one's
        cache,
    };
    [[nodiscard]] Source source() const noexcept { return source_; }
    [[nodiscard]] core::Duration age() const noexcept { return age_; }  ///< of a kept answer

private:
    class WriteDeparture;
    enum class Role { plain, write, read };

    [[nodiscard]] Role role_of() const;
    void watch_write();
    [[nodiscard]] bool kept(CallReport& report);
    boost::asio::awaitable<bool> follow(CallReport& report);
    boost::asio::awaitable<PortalReads::Told> wait();
    [[nodiscard]] CallReport empty_report() const;
    void take(CallReport& report, std::shared_ptr<const SharedAnswer> answer);
    void read_ended(const CallReport& report);
    void write_ended(const CallReport& report);

    CallOrder order_;
    const std::shared_ptr<PortalReads> reads_;
    const core::TimePoint began_ = core::Clock::now();
    const config::CacheRule* rule_ = nullptr;  ///< under which the answer would be kept
    std::size_t rule_number_ = 0;
    std::string key_;
    std::shared_ptr<PortalReads::Flight> flight_;  ///< while this call leads it
    std::shared_ptr<PortalReads::Follower> follower_;
    std::shared_ptr<WriteDeparture> write_;
    std::shared_ptr<const SharedAnswer> answer_;
    std::int64_t token_version_ = 0;
    bool fresh_ = false;   ///< the caller wants no answer that is there already
    bool shares_ = false;  ///< it may follow, and be followed
    Source source_ = Source::call;
    core::Duration age_{0};
};

}  // namespace b24gate::gateway
