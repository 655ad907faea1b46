// What became of a message, as its receiver's answer says, and when a channel is tried again. Pure; any thread; answers
// are any bytes.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <b24gate/alerts/facts.hpp>
#include <b24gate/core/clock.hpp>

namespace b24gate::alerts {

struct Delivery {
    enum class Kind {
        sent,
        again,      ///< it may work later
        permanent,  ///< only a person helps
    };
    Kind kind = Kind::again;
    std::optional<std::chrono::seconds> retry_after;  ///< as the receiver wishes
    std::string error;                                ///< one line for people; empty when sent
    std::string reference;                            ///< the receiver's own name of the message
    std::string moved_to;                             ///< Telegram: the chat has this id from now on
    std::string answer;  ///< what the receiver said, shortened, for whoever tests a channel
};

/// "sent", "failed", "refused": as metrics and answers say it.
[[nodiscard]] std::string_view to_string(Delivery::Kind) noexcept;

/// `status` 0: there was no answer, `trouble` says why.
[[nodiscard]] Delivery judge_webhook(unsigned status, std::string_view retry_after, std::string_view body,
                                     std::string_view trouble);
[[nodiscard]] Delivery judge_telegram(unsigned status, std::string_view body, std::string_view trouble);
/// `code`: the last answer of the mail server, 0: none.
[[nodiscard]] Delivery judge_mail(bool sent, unsigned code, std::string_view trouble);

/// How a channel is doing.
class ChannelHealth {
public:
    [[nodiscard]] bool may_send(core::TimePoint now) const noexcept { return now >= next_; }
    void note(const Delivery& delivery, core::TimePoint now, UnixMs wall);
    /// A new configuration: tried again at once.
    void forgive() noexcept { next_ = {}; }

    [[nodiscard]] ChannelFacts facts(const std::string& name) const;
    [[nodiscard]] core::TimePoint next() const noexcept { return next_; }

private:
    unsigned failures_ = 0;
    core::TimePoint next_{};
    std::string error_;
    UnixMs last_sent_ = 0, last_error_ = 0;
};

}  // namespace b24gate::alerts
