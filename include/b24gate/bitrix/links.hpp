// Keeps a portal's credential out of what a client reads: links that carry it are turned to the gateway and the
// client's key, any other occurrence is masked. Works chunk by chunk. Pure; one stream each; one thread at a time.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <b24gate/core/secret.hpp>

namespace b24gate::bitrix {

struct LinkRule {
    std::vector<std::string> portal_bases;  ///< scheme://host[:port][/prefix], also of renamed hosts; no '/' at the end
    core::Secret secret;                    ///< webhook secret or access token; empty: everything passes
    std::string gateway_base;               ///< scheme://host[:port][/portals/{portal}]
    std::string gateway_user;               ///< stands before the key in a path
    core::Secret key;                       ///< the client's
};

/// Whether a whole text holds the secret in any spelling that a rewriter knows: one search, for most answers enough.
[[nodiscard]] bool holds_secret(std::string_view text, const core::Secret& secret);

/// `{base}/rest/{user}/{secret}/...` becomes `{gateway_base}/rest/{gateway_user}/{key}/...` (and /rest/api/ likewise);
/// a URL below a base with `auth={secret}` or `access_token={secret}` gets the gateway's base and the key. Plain, with
/// JSON's escaped slashes, and percent-encoded inside another URL. The output never holds the secret, and does not
/// depend on how the input was cut.
class LinkRewriter {
public:
    explicit LinkRewriter(const LinkRule& rule);

    /// What can be passed on: a view of `chunk` when there was nothing to change and nothing held back, else of a
    /// buffer of the rewriter; valid until the next call. Held back is at most the beginning of a secret or of a base,
    /// or a portal's URL that has not ended (bounded by `max_url`).
    [[nodiscard]] std::string_view push(std::string_view chunk);
    /// The rest, at the end of the body.
    [[nodiscard]] std::string_view finish();

    /// A credential farther than this behind the beginning of its URL is masked, not rewritten.
    static constexpr std::size_t max_url = 8192;

private:
    struct Style {
        std::string slash, equals;
        std::string gateway_base;
        std::string webhook;      ///< gateway_user, slash and key
        std::string encoded_key;  ///< in a query
    };
    struct Base {
        std::string text;
        std::size_t style;
    };
    struct Hit {
        std::size_t begin, end;
    };

    std::string_view run(std::string_view text, bool last);
    bool next_hit(std::string_view text, std::size_t from, Hit& hit);
    [[nodiscard]] std::size_t unfinished_secret(std::string_view text, std::size_t from) const;
    [[nodiscard]] std::size_t unfinished_url(std::string_view text, std::size_t from) const;
    [[nodiscard]] const Base* last_base(std::string_view text, std::size_t from, std::size_t& at) const;
    bool rewrite(std::string_view text, std::size_t from, Hit hit, std::size_t& copied);
    [[nodiscard]] bool can_rewrite(std::string_view secret) const;

    std::vector<core::Secret> secrets_;  ///< the secret in its spellings
    std::size_t longest_secret_ = 0;
    std::vector<Style> styles_;
    std::vector<Base> bases_;  ///< each base in each style
    std::string common_;       ///< what all of them begin with
    bool rewrites_ = false;
    std::string mask_;

    std::vector<std::size_t> next_;  ///< by spelling: where it stands next in the text at hand
    std::string held_, joined_, out_;
    char before_ = '\0';  ///< the last byte that was passed on
};

}  // namespace b24gate::bitrix
