// Misbehaviour on request: which calls it strikes and what then happens to them. Pure but for its own random numbers.
#pragma once

#include <b24gate/simulator/http.hpp>
#include <b24gate/simulator/moment.hpp>
#include <b24gate/simulator/php.hpp>

#include <cstdint>
#include <list>
#include <optional>
#include <random>
#include <string>
#include <string_view>

namespace b24gate::simulator {

struct Fault {
    enum class Effect {
        latency,   ///< only the delays
        answer,    ///< this answer instead of the portal's
        error,     ///< a portal's error by its code, in the shape of the call's generation
        modify,    ///< the portal's answer with another status, headers or body
        reset,     ///< RST instead of an answer
        close,     ///< FIN instead of an answer
        hang,      ///< no answer, the connection stays open
        cut,       ///< the answer ends after `bytes`, head included
        truncate,  ///< the body ends after `bytes`; Content-Length says more
        drip,      ///< `bytes` at a time, `interval` apart
        raw,       ///< exactly these bytes
        redirect,  ///< to the same path under `location`
    };
    long long id = 0;
    std::string portal = "*", method = "*";  ///< globs; the method in lower case
    long long skip = 0;                      ///< matching calls let pass first
    std::optional<long long> times;          ///< strikes left; nullopt: no end
    double probability = 1;
    std::uint64_t struck = 0;

    Effect effect = Effect::answer;
    bool execute = false;  ///< whether the portal carries the call out first
    Micros delay_before{0}, delay_after{0};
    std::optional<int> status;
    std::string reason, code, location;
    Headers headers;
    std::optional<std::string> body;
    std::string prefix, suffix;  ///< raw bytes around an answer
    std::string raw;
    bool keep = false;  ///< after raw bytes the connection stays
    bool rst = false;   ///< cut and truncate end with RST instead of FIN
    std::optional<std::size_t> bytes;
    Micros interval = std::chrono::milliseconds(100);
};

class Faults {
public:
    explicit Faults(std::uint64_t seed) : random_(seed) {}

    /// Adds what a JSON object says. The answer is an error in words, or the fault's id.
    struct Added {
        long long id = 0;
        std::string error;
    };
    Added add(const json::value& spec);
    /// By id; without one all go.
    std::size_t remove(std::optional<long long> id);
    /// The first fault that strikes this call; its count goes down.
    [[nodiscard]] std::optional<Fault> strike(std::string_view portal, std::string_view method);
    [[nodiscard]] json::value describe() const;

private:
    std::list<Fault> faults_;
    long long last_id_ = 0;
    std::mt19937_64 random_;
};

/// The page nginx shows for a status.
[[nodiscard]] Response nginx_page(int status);

}  // namespace b24gate::simulator
