// Any answer, cut anywhere: the rewritten text is one and the same and never holds the secret.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <b24gate/bitrix/links.hpp>

#include "require.hpp"

using namespace b24gate::bitrix;

/// The first byte chooses the secret, the second the size of the pieces.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    static const std::string secrets[] = {"s3cr3t", "aab", "x/y", "httpx"};
    const std::string& secret = secrets[data[0] % 4];
    const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
    const LinkRule rule{{"https://a.b", "http://c/d"},
                        b24gate::core::Secret(secret),
                        "https://gw/portals/p",
                        "7",
                        b24gate::core::Secret("KEY")};
    LinkRewriter one(rule);
    std::string whole(one.push(text));
    whole += one.finish();
    require(whole.find(secret) == std::string::npos);
    if (text.find(secret) == std::string_view::npos && secret != "x/y") require(whole == text);

    LinkRewriter two(rule);
    std::string pieces;
    const std::size_t step = 1 + data[1] % 16;
    for (std::size_t at = 0; at < text.size(); at += step) pieces += two.push(text.substr(at, step));
    pieces += two.finish();
    require(pieces == whole);
    return 0;
}
