// What PHP does to parameters and values, as far as a Bitrix24 portal shows it to the outside: query strings,
// parse_url, array shapes, casts and json_encode. Total on any bytes: nothing here throws. Pure; any thread.
//
// A PHP array is kept as a json::value in the shape json_encode would give it: keys 0..n-1 in order are a json::array
// (so the empty array is one too), anything else is a json::object.
#pragma once

#include <boost/json.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace b24gate::simulator {
namespace json = boost::json;
}

namespace b24gate::simulator::php {

/// urldecode(): `%XX` and `+`; broken escapes stay as they are.
[[nodiscard]] std::string url_decode(std::string_view text);
/// rawurlencode().
[[nodiscard]] std::string url_encode(std::string_view text);

struct ParseLimits {
    std::size_t max_vars = 10000;  ///< `max_input_vars`: later variables are dropped without a word
    std::size_t max_depth = 64;    ///< `max_input_nesting_level`: deeper variables are dropped
};

/// parse_str(): every scalar is a string, dots and spaces in top-level names become underscores.
[[nodiscard]] json::value parse_str(std::string_view query, ParseLimits limits = {});

/// A name and value to be registered the way a multipart form does it.
struct FormField {
    std::string name, value;
};
/// The parameters of several already decoded fields, nested by their brackets.
[[nodiscard]] json::value register_fields(const std::vector<FormField>& fields, ParseLimits limits = {});

struct Url {
    std::string path;
    std::string query;
};
/// parse_url() of a relative URL such as a batch command: the fragment goes, control characters become underscores.
[[nodiscard]] Url parse_url(std::string_view text);

/// Brings a decoded JSON tree into the shapes of PHP arrays: `{}` becomes `[]`, `{"0":a,"1":b}` becomes `[a,b]`.
[[nodiscard]] json::value normalize(json::value tree);
/// json_decode($text, true). nullopt: PHP would have given null for a syntax error.
[[nodiscard]] std::optional<json::value> json_decode(std::string_view text);

struct EncodeOptions {
    bool escape_slashes = true;   ///< `/` as `\/`
    bool escape_unicode = false;  ///< beyond ASCII as \uXXXX
};
/// json_encode(): floats without exponent and in their shortest form, whole floats as integers.
void json_encode(std::string& out, const json::value& value, EncodeOptions options = {});
[[nodiscard]] std::string json_encode(const json::value& value, EncodeOptions options = {});

/// (bool), (string), (int) casts; an array is never a string ("Array" in PHP, here empty).
[[nodiscard]] bool truthy(const json::value& value);
[[nodiscard]] std::string to_string(const json::value& value);
[[nodiscard]] long long to_int(const json::value& value);
/// The number that a numeric string or number stands for; nullopt for everything else.
[[nodiscard]] std::optional<double> to_number(const json::value& value);

/// array_key_exists on either shape; nullptr when the key is missing or `array` is none.
[[nodiscard]] const json::value* get(const json::value& array, std::string_view key);
/// The same with the key compared without case: what methods that upper-case their parameters see.
[[nodiscard]] const json::value* get_any_case(const json::value& array, std::string_view key);
/// Takes a key out; nullopt when it was not there. A list from which something is taken becomes a map where needed.
std::optional<json::value> take(json::value& array, std::string_view key);
/// $array[$key] = $value, the key a string.
void put(json::value& array, std::string_view key, json::value value);
[[nodiscard]] bool is_array(const json::value& value) noexcept;

}  // namespace b24gate::simulator::php
