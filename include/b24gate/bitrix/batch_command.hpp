// Single calls as commands of one `batch`: only where the portal provably sees the same parameters and does the same
// with them (reference 2.5, 7.4). Pure; any thread; never throws on any bytes (but for std::bad_alloc); linear but for
// a logarithm.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include <boost/system/result.hpp>

#include <b24gate/bitrix/call.hpp>
#include <b24gate/bitrix/methods.hpp>
#include <b24gate/bitrix/php_form.hpp>

namespace b24gate::bitrix {

/// Why a call travels alone.
enum class KeptOut {
    v3,                  ///< the other generation: its batch is all or nothing
    not_a_method,        ///< a signed link, or a name that is no plain method name
    batch_itself,        ///< a portal refuses a batch in a batch
    not_batchable,       ///< Methods::batchable
    depends_on_webhook,  ///< answers by who calls, which a portal does not tell the commands of a webhook's batch
    multipart,
    xml_suffix,
    write,            ///< not a read, and only reads were asked for
    reserved_name,    ///< a parameter that the portal takes out of a single call for itself: state, auth_connector, ...
    positional,       ///< a number as the name of a parameter: a portal counts those of a single call anew
    dollar,           ///< a '$' could be replaced by the result of another caller's call
    null_value,       ///< of JSON, as the next four: form text has no such value
    boolean,          ///< likewise
    float_number,     ///< likewise; also an integer beyond 64 bits, which is a float in PHP
    empty_array,      ///< likewise
    empty_object,     ///< likewise
    duplicate_key,    ///< in one JSON object
    bad_text,         ///< a NUL, or bytes that are not UTF-8
    security_filter,  ///< text that a portal's proactive filter may change, and not alike in both ways
    too_many_variables,
    too_deep,
    too_long,
    encoding_differs,  ///< what the portal would read back is another tree
};
inline constexpr int kept_out_count = 23;

[[nodiscard]] std::string_view to_string(KeptOut) noexcept;  ///< "v3", "not_a_method", ...: for metric labels

struct Command {
    std::string method;   ///< as it came
    std::string text;     ///< as it stands in `cmd`: "method?query", or "method"; no byte that JSON would escape
    bool writes = false;  ///< not a read
};

inline constexpr std::size_t max_batched = 50;                  ///< commands a portal carries out
inline constexpr std::size_t max_command_text = 32 * 1024;      ///< bytes of Command::text
inline constexpr std::size_t max_command_variables = 1000;      ///< PHP's max_input_vars, which counts for each command
inline constexpr std::size_t max_call_parameters = 128 * 1024;  ///< bytes of query and body that are looked at

/// `with_writes`: also calls that are no reads, where the config says so. Command::writes tells which.
/// A HEAD is not told from a GET here.
[[nodiscard]] boost::system::result<Command, KeptOut> encode_command(const Call& call, const Methods& methods,
                                                                     bool with_writes = false);

/// The parameters that the portal sees for the single call: query, and over it form or JSON body (reference 1.3).
/// Errors where no text can say the same; the tree is not yet compared.
[[nodiscard]] boost::system::result<FormNode, KeptOut> call_parameters(const Call& call);

/// The JSON body of the batch, without a credential: `{"halt":0,"cmd":{"c0":"...","c1":"..."}}`. The keys are no
/// numbers, so that the answer's maps are never lists unless they are empty.
[[nodiscard]] std::string batch_body(std::span<const Command* const> commands);
/// Its size, without making it.
[[nodiscard]] std::size_t batch_body_size(std::span<const Command* const> commands) noexcept;

}  // namespace b24gate::bitrix
