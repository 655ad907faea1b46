// plain_text() of classify.hpp.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include <b24gate/bitrix/classify.hpp>
#include <b24gate/core/text.hpp>

namespace b24gate::bitrix {
namespace {

/// Where a stack trace or a place in the portal's source begins: the rest says nothing to a caller.
constexpr auto trace_marks = std::to_array<std::string_view>({
    "stack trace:",
    "traceback (most recent call last)",
    "[internal function]",
    "#0 /",
    "#0 {main}",
    "#0 [internal",
    " in /",
    " at /",
    "(/home/",
    "(/var/",
    ".php:",
    ".php on line",
    ".php(",
});

std::string_view without_trace(std::string_view text) {
    const std::string lowered = core::to_lower(text);
    std::size_t cut = text.size();
    for (const std::string_view mark : trace_marks) {
        std::size_t at = lowered.find(mark);
        if (at == std::string::npos) continue;
        // " in /" is a place in the source only when a file follows.
        if (mark.back() == '/' && lowered.find(".php", at) == std::string::npos) continue;
        if (mark.starts_with(".php")) {
            const std::size_t space = lowered.find_last_of(" \n\t(", at);
            at = space == std::string::npos ? 0 : space;
        }
        cut = std::min(cut, at);
    }
    return text.substr(0, cut);
}

constexpr bool opens_tag(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '/' || c == '!' || c == '?';
}

/// The length of the well-formed UTF-8 sequence at `at`, 0 when there is none.
std::size_t sequence_length(std::string_view text, std::size_t at) noexcept {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char c = byte(at);
    if (c < 0x80) return 1;
    const std::size_t length = c >= 0xC2 && c <= 0xDF ? 2 : c >= 0xE0 && c <= 0xEF ? 3 : c >= 0xF0 && c <= 0xF4 ? 4 : 0;
    if (length == 0 || at + length > text.size()) return 0;
    for (std::size_t i = 1; i < length; ++i)
        if ((byte(at + i) & 0xC0) != 0x80) return 0;
    const unsigned char second = byte(at + 1);
    if ((c == 0xE0 && second < 0xA0) || (c == 0xED && second > 0x9F) || (c == 0xF0 && second < 0x90) ||
        (c == 0xF4 && second > 0x8F))
        return 0;
    return length;
}

/// Behind the element whose content is not text, when one starts at `at`.
std::size_t behind_script(std::string_view lowered, std::size_t at) noexcept {
    for (const auto& [open, close] : {std::pair<std::string_view, std::string_view>{"<script", "</script>"},
                                      {"<style", "</style>"},
                                      {"<!--", "-->"}})
        if (lowered.substr(at).starts_with(open)) {
            const std::size_t end = lowered.find(close, at);
            return end == std::string_view::npos ? lowered.size() : end + close.size();
        }
    return at;
}

/// Collects the text that stays: white space in single spaces, none at the ends, no '<' that a tag could begin with.
class Cleaner {
public:
    void space() {
        if (!out_.empty() && out_.back() != ' ') out_ += ' ';
    }
    void append(std::string_view sequence) {
        while (!out_.empty() && out_.back() == '<' && opens_tag(sequence.front())) out_.pop_back();
        out_ += sequence;
    }
    std::string take() {
        while (!out_.empty() && out_.back() == ' ') out_.pop_back();
        return std::move(out_);
    }

private:
    std::string out_;
};

std::string cleaned(std::string_view text) {
    const std::string lowered = core::to_lower(text);
    Cleaner out;
    for (std::size_t i = 0; i < text.size();) {
        const char c = text[i];
        if (c == '<' && i + 1 < text.size() && opens_tag(text[i + 1])) {
            if (const std::size_t end = behind_script(lowered, i); end != i) {
                out.space();
                i = end;
                continue;
            }
            if (const std::size_t end = text.find('>', i); end != std::string_view::npos) {
                out.space();
                i = end + 1;
            } else {
                ++i;
            }
            continue;
        }
        const std::size_t length = sequence_length(text, i);
        const bool c1_control = length == 2 && c == '\xC2' && static_cast<unsigned char>(text[i + 1]) < 0xA0;
        if (length == 0) {
            out.append("\xEF\xBF\xBD");
            ++i;
        } else if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7F || c1_control) {
            out.space();
            i += length;
        } else {
            out.append(text.substr(i, length));
            i += length;
        }
    }
    return out.take();
}

bool is_clean(std::string_view text) noexcept {
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t length = sequence_length(text, i);
        const auto c = static_cast<unsigned char>(text[i]);
        if (length == 0 || c < 0x20 || c == 0x7F) return false;
        if (length == 2 && c == 0xC2 && static_cast<unsigned char>(text[i + 1]) < 0xA0) return false;
        if (c == '<' && i + 1 < text.size() && opens_tag(text[i + 1])) return false;
        i += length;
    }
    return true;
}

/// At most `max_length` bytes, cut between characters, with an ellipsis where there is room for one.
std::string shortened(std::string text, std::size_t max_length) {
    constexpr std::string_view ellipsis = "\xE2\x80\xA6";
    if (text.size() <= max_length) return text;
    std::size_t end = max_length > ellipsis.size() ? max_length - ellipsis.size() : 0;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    text.resize(end);
    while (!text.empty() && text.back() == ' ') text.pop_back();
    if (max_length >= ellipsis.size()) text += ellipsis;
    return text;
}

}  // namespace

std::string plain_text(std::string_view text, std::size_t max_length) {
    // What a page of a megabyte says behind this would be cut off anyway.
    std::string_view kept = text.substr(0, std::max<std::size_t>(max_length, 500) * 16);
    const std::string_view before_trace = without_trace(kept);
    const bool keep_as_it_is = before_trace.size() == kept.size() && is_clean(kept);
    std::string out = keep_as_it_is ? std::string(kept) : cleaned(before_trace);
    // Markup could have hidden a trace from the first look.
    for (std::string_view again = without_trace(out); again.size() < out.size(); again = without_trace(out))
        out = cleaned(again);
    return shortened(std::move(out), max_length);
}

}  // namespace b24gate::bitrix
