// A request in any of Bitrix24's URL and body forms -> Call. The body and the query are kept byte for byte but for the
// fields that could change whom the portal sees. Pure; any thread; never throws on any bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/system/result.hpp>

#include <b24gate/bitrix/envelope.hpp>
#include <b24gate/bitrix/outcome.hpp>
#include <b24gate/core/secret.hpp>

namespace b24gate::bitrix {

enum class UrlForm {
    webhook,      ///< /rest/{user}/{KEY}/{method}
    application,  ///< /rest/{method}, the key elsewhere
};

enum class CallKind { method, download, upload };  ///< the last two: signed links (reference 1.5)

enum class Suffix { none, json, xml };

enum class BodyKind { none, json, form, multipart };

/// Where the client's key stood.
enum class KeyPlace { none, path, query, body, bearer };

/// One command inside a client's batch.
struct BatchCommand {
    std::string key;     ///< v2: the name in `cmd`; v3: the index, or the alias in `as`
    std::string method;  ///< as written; the whole command when it names no plain method (see is_method_name)
};

struct RawCall {
    std::string_view verb = {};    ///< GET, POST, HEAD
    std::string_view target = {};  ///< origin-form as received
    std::string_view content_type = {};
    std::string_view authorization = {};  ///< the header's value
    std::string_view content_encoding = {};
    std::string_view body = {};
    bool passthrough = false;  ///< keep the credential fields: a passthrough client sends the portal's own
};

struct Call {
    std::string portal_prefix;  ///< of /portals/{portal}; empty: none
    Api api = Api::v2;
    UrlForm form = UrlForm::application;
    CallKind kind = CallKind::method;
    Suffix suffix = Suffix::none;
    std::string user;          ///< before the key, percent-decoded; empty in the application form
    std::string method;        ///< as it came, without suffix; empty for signed links
    std::string method_lower;  ///< for tables and policy
    KeyPlace key_place = KeyPlace::none;
    core::Secret key;
    std::string query;  ///< cleaned, without '?'
    BodyKind body_kind = BodyKind::none;
    std::string_view original_body;             ///< a view of the request's body
    std::optional<std::string> rewritten_body;  ///< set when credential fields had to be removed from it
    bool send_as_post = false;  ///< POST, or a GET that carries a body (a portal ignores the body of a GET)
    bool is_batch = false;
    /// Of a batch: all that a portal could read as a command, also more than 50. A key may stand twice: the last one is
    /// what a portal answers under it.
    std::vector<BatchCommand> commands;
    bool batch_halt = false;

    /// What is forwarded.
    [[nodiscard]] std::string_view body() const noexcept { return rewritten_body ? *rewritten_body : original_body; }
};

/// Why a request is refused before it goes anywhere.
struct Refusal {
    GatewayCode code;
    std::string message;  ///< what was wrong and what would be right; no part of the body, no key
};

/// What a path looks like it is meant for; errors on paths that are no Bitrix24 call (not_found) or that are
/// malformed (bad_request).
[[nodiscard]] boost::system::result<Call, Refusal> parse_call(const RawCall& raw);

/// Bitrix24's method names: letters, digits, '.', '_', '-'; at most 128 (reference 1.3).
[[nodiscard]] bool is_method_name(std::string_view name) noexcept;

}  // namespace b24gate::bitrix
