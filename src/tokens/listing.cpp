#include <b24gate/tokens/listing.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <iterator>

#include <b24gate/core/json_scan.hpp>
#include <b24gate/tokens/refresh_policy.hpp>

namespace b24gate::tokens {
namespace {

constexpr std::size_t columns = 6;
using Row = std::array<std::string, columns>;

std::string span(std::int64_t seconds) {
    const std::int64_t size = seconds < 0 ? -seconds : seconds;
    std::string text = size < 120      ? fmt::format("{} s", size)
                       : size < 7200   ? fmt::format("{} min", size / 60)
                       : size < 172800 ? fmt::format("{} h", size / 3600)
                                       : fmt::format("{} days", size / 86400);
    return seconds < 0 ? text + " ago" : "in " + text;
}

}  // namespace

Listed listed(std::string portal, std::string credential, const storage::CredentialRecord* record,
              storage::UnixMs now) {
    Listed row;
    row.portal = std::move(portal);
    row.credential = std::move(credential);
    row.state = "no_tokens";
    if (record == nullptr) return row;
    row.has_tokens = true;
    const bool reauth = record->state == storage::CredentialRecord::State::needs_reauth;
    row.state = reauth ? "needs_reauth" : record->expires_at <= now ? "expired" : "active";
    row.reason = record->reason;
    row.expires_in_s = (record->expires_at - now) / 1000;
    row.refreshed_at = record->refreshed_at;
    const RefreshTokenAge age = refresh_token_age(*record, now);
    row.refresh_token_age_days = age.age_days;
    row.refresh_token_days_left = age.days_left;
    row.member_id = record->member_id;
    row.key_id = record->key_id;
    return row;
}

std::string table(const std::vector<Listed>& rows) {
    std::vector<Row> cells{{"PORTAL", "CREDENTIAL", "STATE", "ACCESS TOKEN", "LAST REFRESH", "REFRESH TOKEN"}};
    for (const Listed& row : rows) {
        Row cell{row.portal, row.credential, row.state, "-", "-", "-"};
        if (row.has_tokens) {
            cell[3] = "ends " + span(row.expires_in_s);
            if (row.expires_in_s < 0) cell[3].replace(0, 4, "ended");
            cell[4] = row.refreshed_at == 0 ? "never" : date(row.refreshed_at);
            cell[5] = fmt::format("{} days old, {} left", row.refresh_token_age_days, row.refresh_token_days_left);
        }
        if (!row.reason.empty()) cell[2] += " (" + row.reason + ")";
        cells.push_back(std::move(cell));
    }
    std::array<std::size_t, columns> widths{};
    for (const Row& row : cells)
        for (std::size_t i = 0; i < columns; ++i) widths[i] = std::max(widths[i], row[i].size());
    std::string out;
    for (const Row& row : cells) {
        for (std::size_t i = 0; i < columns; ++i) {
            if (i + 1 < columns)
                fmt::format_to(std::back_inserter(out), "{:<{}}  ", row[i], widths[i]);
            else
                out += row[i];
        }
        out += '\n';
    }
    return out;
}

std::string to_json(const Listed& row) {
    using core::json::quoted;
    std::string out = fmt::format(R"({{"portal":{},"credential":{},"state":{})", quoted(row.portal),
                                  quoted(row.credential), quoted(row.state));
    if (!row.reason.empty()) out += R"(,"reason":)" + quoted(row.reason);
    if (row.has_tokens) {
        out += fmt::format(R"(,"expires_in_s":{})", row.expires_in_s);
        if (row.refreshed_at != 0) out += R"(,"refreshed_at":)" + quoted(date(row.refreshed_at));
        out += fmt::format(R"(,"refresh_token_age_days":{},"refresh_token_days_left":{})", row.refresh_token_age_days,
                           row.refresh_token_days_left);
        if (!row.member_id.empty()) out += R"(,"member_id":)" + quoted(row.member_id);
        out += R"(,"key_id":)" + quoted(row.key_id);
    }
    return out + "}";
}

std::string date(storage::UnixMs moment) {
    if (moment == 0) return {};
    const std::time_t seconds = moment / 1000;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char text[32];
    return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

}  // namespace b24gate::tokens
