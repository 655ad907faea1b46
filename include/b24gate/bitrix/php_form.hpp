// PHP's reading of urlencoded text (parse_str, $_GET, $_POST; measured with PHP 8.2): brackets nest, names are mangled,
// the last of two equal names wins. The portal sees a query, a form body and every command of a batch through it. Pure;
// any thread; never throws on any bytes (but for std::bad_alloc).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace b24gate::bitrix {

/// A PHP array of arrays and strings. Order counts, as it does in PHP.
struct FormNode {
    std::string key;
    std::string value;            ///< of a string
    std::vector<FormNode> items;  ///< of an array
    bool is_array = false;

    /// The item of that key; nullptr when there is none. Linear.
    [[nodiscard]] const FormNode* find(std::string_view name) const noexcept;
    bool operator==(const FormNode&) const = default;
};

/// php.ini's max_input_nesting_level: a name with more brackets is dropped and takes its top-level variable with it.
inline constexpr std::size_t php_nesting_limit = 64;

struct FormLimits {
    std::size_t max_depth = php_nesting_limit;
    std::size_t max_variables = 0;  ///< 0: none; PHP drops those behind max_input_vars without an error
};

/// `a=1&b[]=2` -> an array without a key. O(n log n) in the number of parameters.
[[nodiscard]] FormNode parse_form(std::string_view text, FormLimits limits = {});

/// Where a parameter came to stand.
struct FormPlace {
    std::size_t depth = 0;  ///< 1: top level, 2: inside one array, ...; 0: PHP dropped the parameter
    std::string_view key;   ///< of the value itself; valid as long as the builder
};

/// parse_form for parameters that come one by one, decoded already (multipart).
class FormBuilder {
public:
    explicit FormBuilder(std::size_t max_depth = php_nesting_limit);
    FormBuilder(const FormBuilder&) = delete;
    FormBuilder& operator=(const FormBuilder&) = delete;

    FormPlace add(std::string_view name, std::string_view value);
    [[nodiscard]] FormNode tree() const;

private:
    static constexpr std::uint32_t none = UINT32_MAX;
    struct Slot {
        std::string key;
        std::string value;
        std::uint32_t array = none;  ///< the array it holds; none: a string
        std::uint32_t next = none;   ///< the slot behind it in the same array
        bool dead = false;
    };
    struct Array {
        std::uint32_t first = none, last = none;
        std::int64_t next_index = INT64_MIN;  ///< what `[]` gets; INT64_MIN: nothing numeric stood here yet
        bool full = false;                    ///< the greatest index is taken: `[]` fails from now on
    };

    std::uint32_t slot_for(std::uint32_t array, std::string_view key);
    std::uint32_t slot_behind(std::uint32_t array);
    std::uint32_t insert(std::uint32_t array, std::string key);
    FormPlace set(std::uint32_t array, const std::string_view* key, std::string_view value, std::size_t depth);

    std::size_t max_depth_;
    std::deque<Slot> slots_;  // a deque: the index below holds views of the keys
    std::vector<Array> arrays_;
    // A tree, not a hash table: names come from clients, who could choose them to collide.
    std::map<std::pair<std::uint32_t, std::string_view>, std::uint32_t> index_;
};

/// The top-level variable that PHP makes of a decoded name: leading spaces dropped, ' ', '.' and an unclosed '[' turned
/// into '_', cut at a NUL. Empty: PHP drops the parameter.
[[nodiscard]] std::string top_level_name(std::string_view decoded_name);

/// '+' is a space, %XX a byte; a '%' without two hex digits stays.
[[nodiscard]] std::string form_decode(std::string_view text);
/// The same into a string that is reused.
void form_decode(std::string_view text, std::string& out);

/// Everything but letters, digits and `-_.` as %XX.
void append_form_encoded(std::string& out, std::string_view text);

/// The tree as urlencoded text, brackets encoded, indices written out: what PHP reads back as the same tree, unless the
/// tree holds what the text cannot say (empty arrays, keys that PHP mangles): compare with parse_form.
[[nodiscard]] std::string encode_form(const FormNode& tree);

}  // namespace b24gate::bitrix
