// The rules: what all gateways have seen -> for each thing that is watched whether it is in trouble. Pure; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <b24gate/alerts/facts.hpp>
#include <b24gate/config/alerts.hpp>

namespace b24gate::alerts {

using config::AlertRule;

enum class Verdict {
    no,
    yes,
    unknown,  ///< too little was seen to say
};

/// One rule on one thing.
struct Condition {
    AlertRule rule = AlertRule::error_rate;
    std::string subject;  ///< portal, portal/credential, gateway, channel; empty: there is only one such thing
    std::string portal;   ///< that it concerns; empty: none
    Verdict verdict = Verdict::no;
    double value = 0, threshold = 0;
    std::uint64_t part = 0, total = 0;  ///< what the value is made of, where it is made of something
    std::string note;                   ///< a code or a short reason
};

/// How each channel is doing, as whoever has used it last says.
[[nodiscard]] std::map<std::string, ChannelFacts> newest_channels(const std::vector<Facts>& gateways);

struct StoreFacts {
    std::optional<std::int64_t> dead_or_held;  ///< operations; nullopt: not known
};

/// Of everything but the store. `now`: of the clock that the facts are told in.
[[nodiscard]] std::vector<Condition> judge(const config::Alerts& settings, const std::vector<Facts>& gateways,
                                           const StoreFacts& store, UnixMs now);

/// Of the store, as one gateway sees it: `gateway` is its name, `error` empty while it answers.
[[nodiscard]] Condition judge_store(const std::string& gateway, const std::string& error);

}  // namespace b24gate::alerts
