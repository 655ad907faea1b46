// The pages that people see at /oauth/: short, without a script but for the one that a portal waits for, in English or
// Russian. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <b24gate/server/message.hpp>

namespace b24gate::gateway {

struct PageLanguage {
    bool russian = false;
};

/// The authorization is done. `until`: when the access token ends, in words; user 0: not known.
[[nodiscard]] server::Response done_page(PageLanguage language, std::string_view portal, std::int64_t user_id,
                                         std::string_view until);

/// Nothing was stored. `reason`: a code of install_rules and its kind; what no sentence is known for is not named.
/// `origins`: portals that may show the page in a frame.
[[nodiscard]] server::Response refused_page(PageLanguage language, unsigned status, std::string_view reason,
                                            const std::vector<std::string>& origins = {});

/// The application's own page inside of the portal at the end of its installation: it tells the portal so, which takes
/// a script of Bitrix24's. `nonce` lets the one inline script run and no other.
[[nodiscard]] server::Response installed_page(PageLanguage language, std::string_view nonce,
                                              const std::vector<std::string>& origins);

/// Everything that is not here, whoever asks for it.
[[nodiscard]] server::Response not_found_page(PageLanguage language);

[[nodiscard]] server::Response plain_answer(unsigned status, std::string_view text);

}  // namespace b24gate::gateway
