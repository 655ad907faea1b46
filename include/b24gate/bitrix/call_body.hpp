// The fields of a query or a body that say who is calling: found by the name that the portal would see, taken out
// without touching another byte. Pure; any thread; never throws on any bytes; linear.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/system/result.hpp>

#include <b24gate/bitrix/call.hpp>
#include <b24gate/bitrix/multipart.hpp>

namespace b24gate::bitrix {

/// What to do with the fields auth, access_token, ap, aplogin, sessid and token.
struct Stripping {
    bool keep_all = false;    ///< passthrough: the key is read, nothing goes
    bool keep_token = false;  ///< signed links: `token` is their signature
};

struct Stripped {
    std::optional<std::string> text;  ///< set when a field was taken out
    core::Secret key;                 ///< of `auth`, else of `access_token`; empty: there is none
};

/// Urlencoded text. `where` names it in messages.
[[nodiscard]] boost::system::result<Stripped, Refusal> strip_form(std::string_view text, Stripping how,
                                                                  std::string_view where);

/// A valid JSON document; only the members of a root object count.
[[nodiscard]] Stripped strip_json(std::string_view text, Stripping how);

[[nodiscard]] boost::system::result<Stripped, Refusal> strip_multipart(std::string_view text,
                                                                       const std::vector<MultipartField>& fields,
                                                                       Stripping how);

/// The kind of a body that is not empty, by its Content-Type and a look at its bytes; refuses what the portal would
/// read as something else than the client meant.
[[nodiscard]] boost::system::result<BodyKind, Refusal> body_kind(std::string_view content_type,
                                                                 std::string_view content_encoding,
                                                                 std::string_view body);

/// PHP's json_decode gives up at 512 levels, and the portal would then see an empty body.
inline constexpr std::size_t max_json_depth = 511;

}  // namespace b24gate::bitrix
