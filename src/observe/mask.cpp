#include <b24gate/observe/mask.hpp>

#include <algorithm>
#include <array>
#include <cstring>

#include <b24gate/core/text.hpp>

namespace b24gate::observe {
namespace {

using core::iequals;

constexpr unsigned filter_bits = 16;
constexpr std::size_t max_name = 64;

std::uint32_t head_of(const char* bytes) noexcept {
    std::uint32_t head = 0;
    std::memcpy(&head, bytes, sizeof head);
    return head;
}

std::uint32_t hash_of(std::uint32_t head) noexcept { return (head * 2654435761u) >> (32 - filter_bits); }

constexpr bool is_word(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

bool starts_icase(std::string_view text, std::size_t at, std::string_view what) noexcept {
    return text.size() >= what.size() && at <= text.size() - what.size() && iequals(text.substr(at, what.size()), what);
}

/// What ends a value that stands without quotes.
constexpr bool ends_value(char c) noexcept {
    switch (c) {
        case '&':
        case ';':
        case ',':
        case '"':
        case '\'':
        case '<':
        case '>':
        case '}':
        case ']':
        case ')':
        case '\\': return true;
        default: return static_cast<unsigned char>(c) <= ' ';
    }
}

constexpr bool ends_path(char c) noexcept { return c == '?' || c == '#' || ends_value(c); }

/// The length of a slash in any of its spellings at `at`: / or \/ or %2F; 0: none stands there.
std::size_t slash_at(std::string_view text, std::size_t at) noexcept {
    if (at >= text.size()) return 0;
    if (text[at] == '/') return 1;
    if (text[at] == '\\' && at + 1 < text.size() && text[at + 1] == '/') return 2;
    return starts_icase(text, at, "%2f") ? 3 : 0;
}

std::size_t skip_slashes(std::string_view text, std::size_t at) noexcept {
    while (const std::size_t length = slash_at(text, at)) at += length;
    return at;
}

std::size_t skip_segment(std::string_view text, std::size_t at) noexcept {
    while (at < text.size() && slash_at(text, at) == 0 && !ends_path(text[at])) ++at;
    return at;
}

/// Names of credentials; what ends in token, secret or password is one too.
bool is_credential(std::string_view name) noexcept {
    static constexpr std::array<std::string_view, 14> names{
        "auth",          "ap",         "aplogin", "sessid",     "phpsessid", "auth_id", "refresh_id",
        "authorization", "set-cookie", "cookie",  "x-auth-key", "passwd",    "pwd",     "apikey"};
    static constexpr std::array<std::string_view, 3> endings{"token", "secret", "password"};
    return std::any_of(names.begin(), names.end(), [&](std::string_view n) { return iequals(name, n); }) ||
           std::any_of(endings.begin(), endings.end(), [&](std::string_view e) {
               return name.size() >= e.size() && iequals(name.substr(name.size() - e.size()), e);
           });
}

/// The name that ends in front of a separator: name=, "name":, [name]=, %5Bname%5D%3D.
std::string_view name_before(std::string_view text, std::size_t separator) noexcept {
    std::size_t end = separator;
    for (int i = 0; i < 4 && end > 0; ++i) {
        const char c = text[end - 1];
        if (c == ' ' || c == '"' || c == '\'' || c == '\\' || c == ']') {
            --end;
        } else if (end >= 3 && (starts_icase(text, end - 3, "%5d") || starts_icase(text, end - 3, "%22"))) {
            end -= 3;
        } else {
            break;
        }
    }
    std::size_t begin = end;
    while (begin > 0 && end - begin < max_name && is_word(text[begin - 1])) --begin;
    // The two digits of a percent escape in front are none of the name.
    if (begin > 0 && text[begin - 1] == '%' && end - begin > 2) begin += 2;
    return text.substr(begin, end - begin);
}

std::string base64(std::string_view bytes, bool url_alphabet) {
    const char* digits = url_alphabet ? "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
                                      : "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    std::uint32_t bits = 0;
    unsigned count = 0;
    for (const char c : bytes) {
        bits = (bits << 8) | static_cast<unsigned char>(c);
        count += 8;
        while (count >= 6) {
            count -= 6;
            out += digits[(bits >> count) & 63];
        }
    }
    return out;  // a rest of 2 or 4 bits depends on what follows
}

std::string percent_encoded(std::string_view text, bool upper) {
    const char* digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    std::string out;
    for (const char c : text) {
        if (is_word(c) || c == '.' || c == '~') {
            out += c;
        } else {
            out += '%';
            out += digits[static_cast<unsigned char>(c) >> 4];
            out += digits[static_cast<unsigned char>(c) & 15];
        }
    }
    return out;
}

std::string json_escaped(std::string_view text, bool slashes) {
    std::string out;
    for (const char c : text) {
        if (c == '"' || c == '\\' || (c == '/' && slashes)) out += '\\';
        out += c;
    }
    return out;
}

/// The length of a client key's prefix at `at`; 0: none.
std::size_t client_key_prefix(std::string_view text, std::size_t at) noexcept {
    if (text.compare(at, 4, "b24g") != 0) return 0;
    if (at + 4 < text.size() && text[at + 4] == '_') return 5;
    return starts_icase(text, at + 4, "%5f") ? 7 : 0;
}

}  // namespace

Masker::Masker(MaskRules rules) : max_output_(std::max<std::size_t>(rules.max_output, 64)) {
    for (const std::string& field : rules.fields) fields_.push_back(core::to_lower(field));
    std::sort(fields_.begin(), fields_.end());
    for (const core::Secret& secret : rules.secrets) add_secret(secret.reveal());

    std::sort(patterns_.begin(), patterns_.end(), [](const core::Secret& a, const core::Secret& b) {
        const std::uint32_t x = head_of(a.reveal().data()), y = head_of(b.reveal().data());
        return x != y ? x < y : a.reveal() < b.reveal();
    });
    patterns_.erase(std::unique(patterns_.begin(), patterns_.end(),
                                [](const core::Secret& a, const core::Secret& b) { return a.reveal() == b.reveal(); }),
                    patterns_.end());
    filter_.assign((1u << filter_bits) / 64, 0);
    heads_.reserve(patterns_.size());
    for (const core::Secret& pattern : patterns_) {
        const std::uint32_t head = head_of(pattern.reveal().data());
        heads_.push_back(head);
        filter_[hash_of(head) / 64] |= std::uint64_t{1} << (hash_of(head) % 64);
        longest_ = std::max(longest_, pattern.reveal().size());
    }
}

void Masker::add_secret(std::string_view secret) {
    if (secret.size() < min_secret) return;
    const auto add = [this](std::string text) {
        if (text.size() >= min_secret) patterns_.emplace_back(std::move(text));
    };
    add(std::string(secret));
    add(percent_encoded(secret, true));
    add(percent_encoded(secret, false));
    add(json_escaped(secret, true));
    add(json_escaped(secret, false));
    // Inside a longer text in base64 ("user:secret") it starts at one of three offsets; the digits that share bits with
    // what stands before it are left out.
    static constexpr std::array<std::size_t, 3> shared{0, 2, 3};
    for (std::size_t offset = 0; offset < 3; ++offset) {
        std::string shifted(offset, '\0');
        shifted += secret;
        for (const bool url_alphabet : {false, true}) {
            const std::string digits = base64(shifted, url_alphabet);
            // What is shorter could stand in any text.
            if (digits.size() >= shared[offset] + 6) add(digits.substr(shared[offset]));
        }
        core::wipe(shifted.data(), shifted.size());
    }
}

std::size_t Masker::secret_at(std::string_view text, std::size_t at) const noexcept {
    const std::uint32_t head = head_of(text.data() + at);
    const std::uint32_t hash = hash_of(head);
    if ((filter_[hash / 64] >> (hash % 64) & 1) == 0) return 0;
    std::size_t best = 0;
    for (auto it = std::lower_bound(heads_.begin(), heads_.end(), head); it != heads_.end() && *it == head; ++it) {
        const std::string& pattern = patterns_[static_cast<std::size_t>(it - heads_.begin())].reveal();
        if (pattern.size() > best && text.compare(at, pattern.size(), pattern) == 0) best = pattern.size();
    }
    return best;
}

bool Masker::contains_secret(std::string_view text) const noexcept {
    for (std::size_t i = 0; i + min_secret <= text.size(); ++i)
        if ((text[i] == 'b' && client_key_prefix(text, i) != 0) || secret_at(text, i) != 0) return true;
    return false;
}

bool Masker::is_masked_name(std::string_view name) const {
    while (!name.empty() && !is_word(name.front())) name.remove_prefix(1);
    return is_credential(name) || std::binary_search(fields_.begin(), fields_.end(), core::to_lower(name));
}

std::vector<Masker::Span> Masker::scan(std::string_view text) const {
    std::vector<Span> spans;
    Span value{0, 0};  // the last one that a rule found: inside of it no rule starts, so each byte is walked over once
    const auto found = [&](std::size_t begin, std::size_t end) {
        if (begin >= end) return;
        value = {begin, end};
        spans.push_back(value);
    };
    const auto plain_end = [&](std::size_t at) {
        while (at < text.size() && !ends_value(text[at])) ++at;
        return at;
    };

    const auto credential_value = [&](std::size_t separator, std::size_t length, bool colon) {
        const std::string_view name = name_before(text, separator);
        if (!is_credential(name)) return;
        std::size_t at = separator + length;
        while (colon && at < text.size() && (text[at] == ' ' || text[at] == '\t')) ++at;
        bool escaped = false;
        std::size_t quote = at;
        while (quote < text.size() && text[quote] == '\\') {
            ++quote;
            escaped = true;
        }
        if (quote < text.size() && (text[quote] == '"' || text[quote] == '\'')) {
            const char mark = text[quote];
            std::size_t end = quote + 1;
            for (; end < text.size() && text[end] != mark; ++end)
                if (text[end] == '\\' && !escaped && end + 1 < text.size()) ++end;
            end = std::min(end, text.size());
            while (escaped && end > quote + 1 && text[end - 1] == '\\') --end;  // they belong to the closing quote
            found(quote + 1, end);
        } else if (colon && at < text.size() && text[at] == '[') {
            found(at + 1, std::min(text.find(']', at), text.size()));
        } else if (colon &&
                   (iequals(name, "authorization") || iequals(name, "cookie") || iequals(name, "set-cookie"))) {
            found(at, std::min(text.find_first_of("\r\n\"'", at), text.size()));  // a header: several words
        } else if (!(colon && at < text.size() && text[at] == '{')) {
            found(at, plain_end(at));
        }
    };

    const auto path_key = [&](std::size_t slash) {
        std::size_t at = skip_slashes(text, slash);
        if (!starts_icase(text, at, "rest") || slash_at(text, at + 4) == 0) return;
        at = skip_slashes(text, at + 4);
        if (starts_icase(text, at, "api") && slash_at(text, at + 3) != 0) at = skip_slashes(text, at + 3);
        const std::size_t user_end = skip_segment(text, at);
        const std::size_t key = skip_slashes(text, user_end);
        if (user_end == at || key == user_end) return;
        found(key, skip_segment(text, key));
    };

    const auto url_password = [&](std::size_t colon) {
        if (text.compare(colon, 3, "://") != 0) return;
        std::size_t password = 0;
        for (std::size_t at = colon + 3; at < text.size() && text[at] != '/' && !ends_path(text[at]); ++at) {
            if (text[at] == ':' && password == 0) password = at + 1;
            if (text[at] == '@' && password != 0) return found(password, at);
        }
    };

    for (std::size_t i = 0; i < text.size(); ++i) {
        if (i + min_secret <= text.size())
            if (const std::size_t length = secret_at(text, i)) spans.push_back({i, i + length});
        if (i >= value.begin && i < value.end) continue;
        switch (text[i]) {
            case 'b':
            case 'B':
                if (const std::size_t prefix = client_key_prefix(text, i)) {
                    std::size_t end = i + prefix;
                    while (end < text.size() && (is_word(text[end]) || text[end] == '%')) ++end;
                    found(i + prefix, end);
                } else if (starts_icase(text, i, "bearer") && (i == 0 || !is_word(text[i - 1]))) {
                    std::size_t at = i + 6;
                    while (at < text.size() && (text[at] == ' ' || text[at] == '+' || text[at] == '\t')) ++at;
                    while (starts_icase(text, at, "%20")) at += 3;
                    if (at > i + 6) found(at, plain_end(at));
                }
                break;
            case '=': credential_value(i, 1, false); break;
            case ':':
                credential_value(i, 1, true);
                url_password(i);
                break;
            case '/': path_key(i); break;
            case '%':
                if (starts_icase(text, i, "%3d")) credential_value(i, 3, false);
                if (starts_icase(text, i, "%3a")) credential_value(i, 3, true);
                if (starts_icase(text, i, "%2f")) path_key(i);
                break;
            default: break;
        }
    }
    return spans;
}

std::string Masker::apply(std::string_view text) const {
    std::vector<Span> spans = scan(text);
    if (spans.empty()) return std::string(text);
    std::sort(spans.begin(), spans.end(), [](const Span& a, const Span& b) { return a.begin < b.begin; });
    std::string out;
    out.reserve(text.size());
    std::size_t at = 0;
    for (std::size_t i = 0; i < spans.size();) {
        const std::size_t begin = spans[i].begin;
        std::size_t end = begin;
        for (; i < spans.size() && spans[i].begin <= end; ++i) end = std::max(end, spans[i].end);
        out.append(text, at, begin - at);
        out += mask;
        at = end;
    }
    out.append(text, at);
    return out;
}

std::size_t Masker::cut_point(std::string_view text) const {
    if (text.size() <= max_output_) return text.size();
    // A secret that lies across the cut would no longer be recognised by its beginning.
    std::size_t cut = max_output_;
    for (std::size_t i = cut > longest_ ? cut - longest_ : 0; i < cut && i + min_secret <= text.size(); ++i)
        if (i + secret_at(text, i) > cut) cut = i;
    while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80 && max_output_ - cut < 3) --cut;
    return cut;
}

std::string Masker::finish(std::string out, std::size_t cut) const {
    if (out.size() > max_output_) {
        cut += out.size() - max_output_;
        out.resize(max_output_);
    }
    if (cut != 0) out += "...[+" + std::to_string(cut) + " bytes]";
    return out;
}

std::string Masker::mask_text(std::string_view text) const {
    const std::size_t cut = cut_point(text);
    return finish(apply(text.substr(0, cut)), text.size() - cut);
}

std::string Masker::mask_params(ParamsEncoding encoding, std::string_view text) const {
    if (encoding == ParamsEncoding::multipart) return "[multipart, " + std::to_string(text.size()) + " bytes]";
    const std::size_t cut = cut_point(text);
    const std::string_view head = text.substr(0, cut);
    std::string out;
    switch (encoding) {
        case ParamsEncoding::json: out = apply_json(head, 0); break;
        case ParamsEncoding::form: out = apply_form(head, 0); break;
        default: out = apply_value(head, 0);
    }
    // Once more over the whole, for what stands between the parts.
    return finish(apply(out), text.size() - cut);
}

namespace {
std::atomic<std::uint64_t> last_version{0};
}  // namespace

SharedMasker::SharedMasker(std::shared_ptr<const Masker> masker)
    : masker_(std::move(masker)), version_(++last_version) {}

void SharedMasker::set(std::shared_ptr<const Masker> masker) {
    const std::lock_guard lock(mutex_);
    masker_ = std::move(masker);
    version_.store(++last_version, std::memory_order_release);
}

const Masker& SharedMasker::current() const {
    thread_local std::shared_ptr<const Masker> held;
    thread_local std::uint64_t held_version = 0;
    if (held_version != version_.load(std::memory_order_acquire)) {
        const std::lock_guard lock(mutex_);
        held = masker_;
        held_version = version_.load(std::memory_order_relaxed);
    }
    return *held;
}

}  // namespace b24gate::observe
