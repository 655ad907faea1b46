#include <b24gate/alerts/delivery.hpp>

#include <algorithm>
#include <charconv>

#include <b24gate/core/json_scan.hpp>
#include <b24gate/core/text.hpp>

namespace b24gate::alerts {
namespace {

using namespace std::chrono_literals;
namespace json = core::json;

constexpr core::Duration first_pause = 5s, longest_pause = 5min;
/// What only a person can mend is looked at again now and then.
constexpr core::Duration permanent_pause = 1h;
constexpr std::chrono::seconds longest_wish = 1h;
constexpr std::size_t longest_answer = 300;

/// One line, printable, not cut inside of a character.
std::string shortened(std::string_view text) {
    std::string out;
    for (const char c : text.substr(0, 4 * longest_answer))
        out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
    if (out.size() > longest_answer) {
        std::size_t most = longest_answer;
        while (most > 0 && (static_cast<unsigned char>(out[most]) & 0xC0) == 0x80) --most;
        out.resize(most);
    }
    return std::string(core::trim(out));
}

std::optional<std::chrono::seconds> seconds_of(std::string_view text) {
    text = core::trim(text);
    if (!core::is_digits(text) || text.size() > 9) return std::nullopt;
    std::int64_t seconds = 0;
    std::from_chars(text.data(), text.data() + text.size(), seconds);
    return std::min(std::chrono::seconds(seconds), longest_wish);
}

Delivery::Kind kind_of(unsigned status) {
    if (status >= 200 && status < 300) return Delivery::Kind::sent;
    if (status == 0 || status == 408 || status == 425 || status == 429 || status >= 500) return Delivery::Kind::again;
    return Delivery::Kind::permanent;
}

std::string error_text(unsigned status, std::string_view said) {
    std::string out = "HTTP " + std::to_string(status);
    if (!said.empty()) out += ": " + std::string(said);
    return out;
}

}  // namespace

std::string_view to_string(Delivery::Kind kind) noexcept {
    switch (kind) {
        case Delivery::Kind::sent: return "sent";
        case Delivery::Kind::again: return "failed";
        case Delivery::Kind::permanent: return "refused";
    }
    return "failed";
}

Delivery judge_webhook(unsigned status, std::string_view retry_after, std::string_view body, std::string_view trouble) {
    Delivery out;
    out.kind = kind_of(status);
    out.answer = status == 0 ? shortened(trouble) : error_text(status, shortened(body));
    if (out.kind == Delivery::Kind::sent) return out;
    out.retry_after = seconds_of(retry_after);
    // Bodies of error pages are long and say little.
    out.error = status == 0 ? shortened(trouble) : error_text(status, {});
    return out;
}

Delivery judge_telegram(unsigned status, std::string_view body, std::string_view trouble) {
    Delivery out;
    out.kind = kind_of(status);
    if (status == 0) {
        out.error = out.answer = shortened(trouble);
        return out;
    }
    const auto text = [](std::optional<std::string_view> value) {
        return value ? json::decode_string(*value).value_or("") : std::string();
    };
    const std::string said = shortened(text(json::find(body, "description")));
    out.answer = error_text(status, said);
    const auto ok = json::find(body, "ok");
    if (out.kind == Delivery::Kind::sent) {
        if (ok != "true") {
            out.kind = Delivery::Kind::again;
            out.error = "what answers there is no Telegram";
        } else if (const auto result = json::find(body, "result")) {
            const auto id = json::find(*result, "message_id");
            if (id && core::is_digits(*id) && id->size() <= 18) out.reference = std::string(*id);
        }
        return out;
    }
    out.error = error_text(status, said);
    const auto parameters = json::find(body, "parameters");
    if (!parameters) return out;
    if (const auto wait = json::find(*parameters, "retry_after")) out.retry_after = seconds_of(*wait);
    if (const auto chat = json::find(*parameters, "migrate_to_chat_id")) {
        const std::string_view digits = chat->starts_with('-') ? chat->substr(1) : *chat;
        if (core::is_digits(digits) && digits.size() <= 18) {
            out.moved_to = std::string(*chat);
            out.kind = Delivery::Kind::again;
        }
    }
    return out;
}

Delivery judge_mail(bool sent, unsigned code, std::string_view trouble) {
    Delivery out;
    out.kind = sent                        ? Delivery::Kind::sent
               : code >= 500 && code < 600 ? Delivery::Kind::permanent
                                           : Delivery::Kind::again;
    // What the server said before the trouble began is no part of it.
    const std::string said = (code < 400 ? std::string() : std::to_string(code) + " ") + shortened(trouble);
    out.answer = sent ? std::to_string(code) : said;
    if (!sent) out.error = said;
    return out;
}

void ChannelHealth::note(const Delivery& delivery, core::TimePoint now, UnixMs wall) {
    if (delivery.kind == Delivery::Kind::sent) {
        failures_ = 0;
        next_ = now;
        last_sent_ = wall;
        return;
    }
    core::Duration pause = first_pause;
    for (unsigned i = 0; i < failures_ && pause < longest_pause; ++i) pause *= 2;
    pause = std::min(pause, longest_pause);
    if (delivery.kind == Delivery::Kind::permanent) pause = permanent_pause;
    if (!delivery.moved_to.empty() && failures_ == 0) pause = core::Duration::zero();
    if (delivery.retry_after) pause = std::max<core::Duration>(pause, *delivery.retry_after);
    ++failures_;
    next_ = now + pause;
    error_ = delivery.error;
    last_error_ = wall;
}

ChannelFacts ChannelHealth::facts(const std::string& name) const {
    ChannelFacts out;
    out.name = name;
    out.failing = failures_ != 0;
    out.error = error_;
    out.last_sent = last_sent_;
    out.last_error = last_error_;
    return out;
}

}  // namespace b24gate::alerts
