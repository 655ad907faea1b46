// The commands inside a client's batch: everything that some portal could read as a command, so that policy can judge
// each of them. Pure; any thread; never throws on any bytes; linear.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <b24gate/bitrix/call.hpp>
#include <b24gate/bitrix/multipart.hpp>
#include <b24gate/bitrix/php_form.hpp>

namespace b24gate::bitrix {

/// Far above the portal's 50, so that the refusal of number 51 stays the portal's; a bound for memory all the same.
inline constexpr std::size_t max_batch_commands = 10'000;

class BatchReader {
public:
    void read_form(std::string_view text);
    void read_multipart(const std::vector<MultipartField>& fields);
    void read_json(std::string_view text, Api api);

    [[nodiscard]] bool too_many() const noexcept { return too_many_; }
    [[nodiscard]] std::vector<BatchCommand> take() { return std::move(commands_); }
    /// Of what was read last: a body goes over a query, as in the portal.
    [[nodiscard]] bool halt() const noexcept { return halt_; }

private:
    void add(std::string key, std::string_view text);
    void add_field(FormBuilder& builder, std::string_view name, std::string_view value, std::optional<bool>& halt);
    void read_cmd(std::string_view value);
    void read_element(std::string_view object, const std::string& key);

    std::vector<BatchCommand> commands_;
    std::size_t fields_ = 0;
    bool halt_ = false;
    bool too_many_ = false;
};

/// The method that PHP's parse_url would find in a command, when that is a plain name; the text itself otherwise.
[[nodiscard]] std::string_view command_method(std::string_view command) noexcept;

}  // namespace b24gate::bitrix
