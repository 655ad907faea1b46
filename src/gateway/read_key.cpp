#include <b24gate/gateway/read_key.hpp>

#include <algorithm>

#include <b24gate/core/text.hpp>
#include <b24gate/gateway/outgoing.hpp>

namespace b24gate::gateway {
namespace {

void append(std::string& key, std::uint64_t number) {
    key.append(reinterpret_cast<const char*>(&number), sizeof number);
}

/// With its length in front: no two lists of texts give the same bytes.
void append(std::string& key, std::string_view text) {
    append(key, std::uint64_t{text.size()});
    key += text;
}

}  // namespace

std::string read_key(const ReadKeyFacts& facts) {
    const bitrix::Call& call = facts.call;
    const std::string_view language = net::find_field(facts.fields, "Accept-Language");
    const bool v3 = call.api == bitrix::Api::v3;
    const bool gzip = accepts_gzip(net::find_field(facts.fields, "Accept-Encoding"));
    std::string key;
    key.reserve(96 + facts.portal.size() + facts.credential.size() + call.method_lower.size() + call.query.size() +
                language.size() + call.body().size());
    append(key, facts.generation);
    append(key, static_cast<std::uint64_t>(facts.token_version));
    key += static_cast<char>(call.api);
    key += static_cast<char>(call.suffix == bitrix::Suffix::xml);
    key += static_cast<char>(call.body_kind);
    key += static_cast<char>(gzip);
    key += static_cast<char>(v3 && call.send_as_post);  // to v2 the verb means nothing
    append(key, facts.portal);
    append(key, facts.credential);
    append(key, call.method_lower);
    append(key, call.query);
    append(key, language);
    key += call.body();
    return key;
}

CacheWish cache_wish(const std::vector<net::Field>& fields) {
    CacheWish wish;
    bool told = false;
    for (const net::Field& field : fields) {
        if (!core::iequals(field.name, "Cache-Control")) continue;
        told = true;
        for (std::string_view rest = field.value; !rest.empty();) {
            const std::size_t comma = std::min(rest.find(','), rest.size());
            const std::string_view directive = core::trim(rest.substr(0, comma));
            if (core::iequals(directive, "no-cache") || core::iequals(directive, "max-age=0")) wish.fresh = true;
            if (core::iequals(directive, "no-store")) {
                wish.fresh = true;
                wish.keep = false;
            }
            rest.remove_prefix(std::min(comma + 1, rest.size()));
        }
    }
    if (!told && core::iequals(core::trim(net::find_field(fields, "Pragma")), "no-cache")) wish.fresh = true;
    return wish;
}

}  // namespace b24gate::gateway
