#include <b24gate/observe/call_record.hpp>

#include <algorithm>
#include <charconv>

#include <b24gate/core/json_scan.hpp>

namespace b24gate::observe {
namespace {

using std::chrono::microseconds;

constexpr std::size_t max_field = 256;  ///< bytes of one short field

/// Neither quotes nor escapes nor anything but ASCII: may stand in a JSON string as it is.
bool is_plain(std::string_view text) noexcept {
    return std::none_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte < 0x20 || byte >= 0x7F || c == '"' || c == '\\';
    });
}

void append_string(std::string& out, std::string_view text) {
    if (is_plain(text)) {
        out += '"';
        out += text;
        out += '"';
    } else {
        core::json::append_quoted(out, text);
    }
}

/// ,"name":"text" for text of our own making.
void field(std::string& out, std::string_view name_with_colon, std::string_view text) {
    out += name_with_colon;
    append_string(out, text);
}

/// The same for text that a client or a portal chose.
void foreign_field(std::string& out, std::string_view name_with_colon, std::string_view text, const Masker& masker) {
    // A secret is looked for before the cut, which could leave half of one.
    if (masker.contains_secret(text.substr(0, 4 * max_field))) {
        field(out, name_with_colon, masker.mask_text(text).substr(0, max_field));
    } else {
        field(out, name_with_colon, text.substr(0, max_field));
    }
}

void field(std::string& out, std::string_view name_with_colon, std::uint64_t number) {
    char digits[20];
    out += name_with_colon;
    out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

/// Error texts repeat what was sent: besides secrets the personal fields in them are masked.
std::string masked_message(std::string_view text, const Masker& masker) {
    const std::string masked = masker.mask_text(text);
    return text.find('=') == std::string_view::npos ? masked : masker.mask_params(ParamsEncoding::form, masked);
}

/// Milliseconds with three decimals.
void field(std::string& out, std::string_view name_with_colon, microseconds time) {
    const auto us = static_cast<std::uint64_t>(std::max<microseconds::rep>(time.count(), 0));
    field(out, name_with_colon, us / 1000);
    const auto rest = static_cast<unsigned>(us % 1000);
    const char decimals[4] = {'.', static_cast<char>('0' + rest / 100), static_cast<char>('0' + rest / 10 % 10),
                              static_cast<char>('0' + rest % 10)};
    out.append(decimals, 4);
}

void put_digits(char* to, unsigned value, int width) noexcept {
    for (int i = width - 1; i >= 0; --i, value /= 10) to[i] = static_cast<char>('0' + value % 10);
}

void head(std::string& out, WallTime time, Level level, std::string_view event) {
    out += "{\"time\":\"";
    append_time(out, time);
    field(out, "\",\"level\":", to_string(level));
    field(out, ",\"event\":", event);
}

std::string_view to_string(AttemptRecord::Next next) noexcept {
    switch (next) {
        case AttemptRecord::Next::stop: return "stop";
        case AttemptRecord::Next::requeue: return "requeue";
        case AttemptRecord::Next::refresh: return "refresh";
        case AttemptRecord::Next::retry: return "retry";
    }
    return "stop";
}

}  // namespace

std::string_view to_string(Level level) noexcept {
    switch (level) {
        case Level::trace: return "trace";
        case Level::debug: return "debug";
        case Level::info: return "info";
        case Level::warn: return "warn";
        case Level::error: return "error";
        case Level::off: break;
    }
    return "off";
}

Level level_of(bitrix::Fault fault) noexcept {
    switch (fault) {
        case bitrix::Fault::none:
        case bitrix::Fault::refused: return Level::info;
        case bitrix::Fault::limit: return Level::warn;
        case bitrix::Fault::system: return Level::error;
    }
    return Level::error;
}

void append_time(std::string& out, WallTime time) {
    namespace chr = std::chrono;
    constexpr auto first = chr::sys_days{chr::year{0} / 1 / 1};
    constexpr auto last = chr::sys_days{chr::year{9999} / 12 / 31} + chr::hours{24} - chr::milliseconds{1};
    const auto ms = std::clamp(chr::floor<chr::milliseconds>(time), chr::time_point_cast<chr::milliseconds>(first),
                               chr::time_point_cast<chr::milliseconds>(last));
    const auto day = chr::floor<chr::days>(ms);
    const chr::year_month_day date{day};
    const auto in_day = static_cast<unsigned>((ms - day).count());
    char text[] = "0000-00-00T00:00:00.000Z";
    put_digits(text, static_cast<unsigned>(static_cast<int>(date.year())), 4);
    put_digits(text + 5, static_cast<unsigned>(date.month()), 2);
    put_digits(text + 8, static_cast<unsigned>(date.day()), 2);
    put_digits(text + 11, in_day / 3'600'000, 2);
    put_digits(text + 14, in_day / 60'000 % 60, 2);
    put_digits(text + 17, in_day / 1000 % 60, 2);
    put_digits(text + 20, in_day % 1000, 3);
    out.append(text, sizeof text - 1);
}

void append_line(std::string& out, const CallRecord& r, const Masker& masker, bool with_params) {
    head(out, r.time, level_of(bitrix::fault_of(r.error_class, r.error)), "call");
    foreign_field(out, ",\"request_id\":", r.request_id, masker);
    if (!r.client.empty()) field(out, ",\"client\":", r.client);
    if (!r.portal.empty()) field(out, ",\"portal\":", r.portal);
    if (!r.method.empty()) foreign_field(out, ",\"method\":", r.method, masker);
    field(out, ",\"api\":", r.api == bitrix::Api::v3 ? std::string_view("v3") : std::string_view("v2"));
    field(out, ",\"attempts\":", r.attempts);
    field(out, ",\"status\":", r.status);
    field(out, ",\"class\":", bitrix::to_string(r.error_class));
    if (!r.error.empty()) foreign_field(out, ",\"error\":", r.error, masker);
    if (!r.message.empty()) field(out, ",\"message\":", masked_message(r.message, masker));
    field(out, ",\"executed\":", bitrix::to_string(r.executed));
    field(out, ",\"wait_ms\":", r.wait);
    field(out, ",\"duration_ms\":", r.duration);
    field(out, ",\"upstream_ms\":", r.upstream);
    if (r.would_wait) {
        field(out, ",\"would_wait_ms\":", *r.would_wait);
        out += r.would_refuse ? ",\"would_refuse\":true" : ",\"would_refuse\":false";
    }
    if (r.shared) out += ",\"shared\":true";
    if (r.cached) out += ",\"cache\":\"hit\"";
    if (r.batch_size != 0) field(out, ",\"batch_size\":", r.batch_size);
    field(out, ",\"bytes_in\":", r.bytes_in);
    field(out, ",\"bytes_out\":", r.bytes_out);
    field(out, ",\"peer\":", r.peer);
    if (!r.path.empty()) field(out, ",\"path\":", r.path);
    if (!r.traceparent.empty()) foreign_field(out, ",\"traceparent\":", r.traceparent, masker);
    if (with_params) {
        if (!r.query.empty()) field(out, ",\"query\":", masker.mask_params(ParamsEncoding::form, r.query));
        if (!r.params.empty()) field(out, ",\"params\":", masker.mask_params(r.params_encoding, r.params));
    }
    out += '}';
}

void append_line(std::string& out, const AttemptRecord& r, const Masker& masker) {
    head(out, r.time, Level::warn, "attempt");
    foreign_field(out, ",\"request_id\":", r.request_id, masker);
    field(out, ",\"client\":", r.client);
    field(out, ",\"portal\":", r.portal);
    foreign_field(out, ",\"method\":", r.method, masker);
    field(out, ",\"attempt\":", r.attempt);
    field(out, ",\"status\":", r.status);
    field(out, ",\"class\":", bitrix::to_string(r.error_class));
    foreign_field(out, ",\"error\":", r.error, masker);
    if (!r.message.empty()) field(out, ",\"message\":", masked_message(r.message, masker));
    field(out, ",\"executed\":", bitrix::to_string(r.executed));
    field(out, ",\"duration_ms\":", r.duration);
    field(out, ",\"next\":", to_string(r.next));
    if (r.next == AttemptRecord::Next::retry)
        field(out, ",\"retry_in_ms\":",
              static_cast<std::uint64_t>(std::max<std::chrono::milliseconds::rep>(r.retry_in.count(), 0)));
    out += '}';
}

}  // namespace b24gate::observe
