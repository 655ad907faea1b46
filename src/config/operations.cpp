// [operations]: calls that must not be lost.
#include <b24gate/config/units.hpp>
#include <b24gate/core/base64.hpp>

#include "reader.hpp"

namespace b24gate::config {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kib = 1024, mib = 1024 * kib, gib = 1024 * mib;
constexpr Milliseconds day = 24h;
/// What the Standard Webhooks specification asks of a key.
constexpr std::size_t shortest_secret = 24;

bool read_callback_secret(Reader& reader, const Node& node, core::Secret& out) {
    if (!reader.secret(node, out)) return false;
    constexpr std::string_view prefix = "whsec_";
    const std::string& text = out.reveal();
    if (text.starts_with(prefix)) {
        const auto key = core::from_base64(std::string_view(text).substr(prefix.size()));
        if (key && key->size() >= shortest_secret) return true;
        reader.error(node.at, node.key + " begins with whsec_ but not 24 bytes or more in base64 follow");
        return false;
    }
    if (text.size() >= shortest_secret) return true;
    reader.error(node.at, node.key + " is shorter than 24 characters and may be guessed; take a longer one");
    return false;
}

constexpr Choice<Operations::OnFailure> on_failure[] = {{"continue", Operations::OnFailure::go_on},
                                                        {"block", Operations::OnFailure::block}};

constexpr Key<Operations::Retry> retry_keys[] = {
    {"attempts", [](Reader& r, const Node& n, Operations::Retry& o) { r.number(n, 0, 100, o.attempts); }},
    {"base", [](Reader& r, const Node& n, Operations::Retry& o) { r.duration(n, 1ms, 24h, o.base); }},
    {"max", [](Reader& r, const Node& n, Operations::Retry& o) { r.duration(n, 1ms, 7 * day, o.max); }},
    {"not_found", [](Reader& r, const Node& n, Operations::Retry& o) { r.number(n, 0, 100, o.not_found); }},
    {"limit_age", [](Reader& r, const Node& n, Operations::Retry& o) { r.duration(n, 1s, 365 * day, o.limit_age); }},
};

constexpr Key<Operations> keys[] = {
    {"keep_succeeded", [](Reader& r, const Node& n, Operations& o) { r.duration(n, 1s, 365 * day, o.keep_succeeded); }},
    {"keep_failed", [](Reader& r, const Node& n, Operations& o) { r.duration(n, 1s, 3650 * day, o.keep_failed); }},
    {"max_queued", [](Reader& r, const Node& n, Operations& o) { r.number(n, 1, 100'000'000, o.max_queued); }},
    {"max_queued_per_client",
     [](Reader& r, const Node& n, Operations& o) { r.number(n, 1, 100'000'000, o.max_queued_per_client); }},
    {"max_body", [](Reader& r, const Node& n, Operations& o) { r.size(n, kib, 256 * mib, o.max_body); }},
    {"min_free_disk", [](Reader& r, const Node& n, Operations& o) { r.size(n, 0, 1024 * gib, o.min_free_disk); }},
    {"settle", [](Reader& r, const Node& n, Operations& o) { r.duration(n, 0s, 1h, o.settle); }},
    {"key_window", [](Reader& r, const Node& n, Operations& o) { r.duration(n, 0s, 24h, o.key_window); }},
    {"order_on_failure", [](Reader& r, const Node& n,
                            Operations& o) { r.choice<Operations::OnFailure>(n, on_failure, o.order_on_failure); }},
    {"callback_hosts", [](Reader& r, const Node& n, Operations& o) { r.host_names(n, true, o.callback_hosts); }},
    {"callback_secret", [](Reader& r, const Node& n, Operations& o) { read_callback_secret(r, n, o.callback_secret); }},
    {"old_callback_secret",
     [](Reader& r, const Node& n, Operations& o) { read_callback_secret(r, n, o.old_callback_secret); }},
    {"callback_timeout",
     [](Reader& r, const Node& n, Operations& o) { r.duration(n, 10ms, 5min, o.callback_timeout); }},
    {"allow_private_callbacks", [](Reader& r, const Node& n, Operations& o) { r.flag(n, o.allow_private_callbacks); }},
    {"retry", [](Reader& r, const Node& n,
                 Operations& o) { r.table<Operations::Retry>(n, o.retry, "[operations.retry]", {retry_keys}); }},
};

}  // namespace

void read_operations(Reader& reader, const Node& node, Config& config) {
    Operations& out = config.operations;
    reader.table<Operations>(node, out, "[operations]", {keys});
    const Node* retry = node.find("retry");
    if (retry && out.retry.base > out.retry.max) {
        const Node* named = retry->find("base") ? retry->find("base") : retry->find("max");
        reader.error(named ? named->at : retry->at, "base is " + format_duration(out.retry.base) + " and max " +
                                                        format_duration(out.retry.max) +
                                                        "; base must not be above max");
    }
    if (out.max_queued_per_client > out.max_queued) {
        const Node* per_client = node.find("max_queued_per_client");
        // Left out it is at most what all together may have.
        if (per_client) reader.error(per_client->at, "max_queued_per_client is above max_queued; lower it");
        out.max_queued_per_client = out.max_queued;
    }
    const Node* hosts = node.find("callback_hosts");
    if (hosts && !out.callback_hosts.empty() && !node.find("callback_secret"))
        reader.error(hosts->key_at,
                     "callback_hosts needs callback_secret beside it, so that receivers can tell that a callback is "
                     "yours");
}

std::vector<SectionKeys> operations_keys() {
    SectionKeys all{"operations", {}}, retry{"operations.retry", {}};
    append_names<Operations>(all.keys, keys);
    append_names<Operations::Retry>(retry.keys, retry_keys);
    return {all, retry};
}

}  // namespace b24gate::config
