// A string that must not be seen: it prints as *** and its memory is wiped when it goes.
#pragma once

#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace b24gate::core {

/// Overwrites the bytes in a way the optimiser may not remove.
void wipe(char* data, std::size_t size) noexcept;

class Secret {
public:
    Secret() = default;
    explicit Secret(std::string value) : value_(std::move(value)) {}
    Secret(const Secret&) = default;
    Secret(Secret&& other) noexcept : value_(std::move(other.value_)) { other.clear(); }
    Secret& operator=(const Secret& other) {
        if (this != &other) {
            clear();
            value_ = other.value_;
        }
        return *this;
    }
    Secret& operator=(Secret&& other) noexcept {
        if (this != &other) {
            clear();
            value_ = std::move(other.value_);
            other.clear();
        }
        return *this;
    }
    ~Secret() { clear(); }

    /// The one way to the text; grep for it to see every place that uses a secret.
    [[nodiscard]] const std::string& reveal() const noexcept { return value_; }
    [[nodiscard]] bool empty() const noexcept { return value_.empty(); }

    friend std::ostream& operator<<(std::ostream& out, const Secret&) { return out << "***"; }

private:
    void clear() noexcept;
    std::string value_;
};

/// Compares in a time that depends on the lengths alone.
[[nodiscard]] bool equal_constant_time(std::string_view a, std::string_view b) noexcept;

}  // namespace b24gate::core
