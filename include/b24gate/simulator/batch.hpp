// The five maps of a classic batch, and the references commands may hold into them. Pure.
#pragma once

#include <b24gate/simulator/php.hpp>

#include <string>
#include <string_view>

namespace b24gate::simulator {

struct BatchMaps {
    json::object result, error, total, next, time;

    /// Replaces `$result[key][path]`, `$next[..]`, `$total[..]`, `$time[..]` and `$error[..]` in every value. A value
    /// that is one reference becomes what it points at, of any type; inside of text only strings and numbers are put
    /// in. A path that leads nowhere stops where it ended: at worst the whole map comes in, without any error.
    [[nodiscard]] json::value substitute(json::value params) const;

    /// The `result` of the batch's answer: every map as a PHP array, an empty one is `[]`.
    [[nodiscard]] json::value answer() const;

private:
    [[nodiscard]] json::value substitute_text(std::string text) const;
    [[nodiscard]] const json::object* map(std::string_view name) const;
};

}  // namespace b24gate::simulator
