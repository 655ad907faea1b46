#include <b24gate/bitrix/php_form.hpp>

#include <charconv>
#include <optional>

#include <b24gate/core/text.hpp>

namespace b24gate::bitrix {
namespace {

/// isspace() of the C locale.
constexpr bool is_c_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// PHP keeps "12" and "-3" as integers: no leading zero, no "-0", inside the range of 64 bits.
std::optional<std::int64_t> integer_key(std::string_view key) noexcept {
    std::string_view digits = key;
    if (!digits.empty() && digits.front() == '-') digits.remove_prefix(1);
    if (!core::is_digits(digits) || (digits.front() == '0' && key.size() > 1)) return std::nullopt;
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), value);
    if (error != std::errc{} || end != key.data() + key.size()) return std::nullopt;
    return value;
}

/// A key must not pose as a prefixed cookie unless the whole name begins so.
bool forbidden(std::string_view key, std::string_view name) noexcept {
    for (const std::string_view prefix : {std::string_view("__Host-"), std::string_view("__Secure-")})
        if (key.starts_with(prefix) && !name.starts_with(prefix)) return true;
    return false;
}

std::string_view without_leading_spaces(std::string_view name) noexcept {
    name = name.substr(0, name.find('\0'));
    while (!name.empty() && name.front() == ' ') name.remove_prefix(1);
    return name;
}

void mangle(std::string& name, std::size_t from, bool brackets) {
    for (std::size_t i = from; i < name.size(); ++i)
        if (name[i] == ' ' || name[i] == '.' || (brackets && name[i] == '[')) name[i] = '_';
}

/// `name` is without leading spaces. The part before the first '[', or all of it when that bracket is never closed.
std::string mangled_top(std::string_view name, bool& nested) {
    const std::size_t bracket = name.find('[');
    nested = bracket != std::string_view::npos && bracket != 0 && name.find(']', bracket) != std::string_view::npos;
    std::string top(nested ? name.substr(0, bracket) : name);
    if (bracket == 0) top.clear();
    mangle(top, 0, !nested);
    return top;
}

}  // namespace

const FormNode* FormNode::find(std::string_view name) const noexcept {
    for (const FormNode& item : items)
        if (item.key == name) return &item;
    return nullptr;
}

FormBuilder::FormBuilder(std::size_t max_depth) : max_depth_(max_depth), arrays_(1) {}

std::uint32_t FormBuilder::insert(std::uint32_t array, std::string key) {
    const auto slot = static_cast<std::uint32_t>(slots_.size());
    slots_.push_back({std::move(key), {}, none, none, false});
    index_.emplace(std::pair(array, std::string_view(slots_.back().key)), slot);
    Array& home = arrays_[array];
    if (home.last == none)
        home.first = slot;
    else
        slots_[home.last].next = slot;
    home.last = slot;
    return slot;
}

std::uint32_t FormBuilder::slot_for(std::uint32_t array, std::string_view key) {
    const auto found = index_.find({array, key});
    if (found != index_.end()) return found->second;
    const std::uint32_t slot = insert(array, std::string(key));
    if (const auto number = integer_key(key)) {
        Array& home = arrays_[array];
        if (*number == INT64_MAX)
            home.full = true;
        else if (*number >= home.next_index)
            home.next_index = *number + 1;
    }
    return slot;
}

std::uint32_t FormBuilder::slot_behind(std::uint32_t array) {
    const Array& home = arrays_[array];
    if (home.full) return none;
    return slot_for(array, std::to_string(home.next_index == INT64_MIN ? 0 : home.next_index));
}

/// Without a key: behind the last one.
FormPlace FormBuilder::set(std::uint32_t array, const std::string_view* key, std::string_view value,
                           std::size_t depth) {
    const std::uint32_t slot = key ? slot_for(array, *key) : slot_behind(array);
    if (slot == none) return {};
    slots_[slot].array = none;
    slots_[slot].value = value;
    return {depth, slots_[slot].key};
}

FormPlace FormBuilder::add(std::string_view full_name, std::string_view value) {
    const std::string_view name = without_leading_spaces(full_name);
    bool nested = false;
    const std::string top = mangled_top(name, nested);
    if (top.empty()) return {};

    std::string_view key = top;
    bool append = false;  // the key is `[]`
    std::uint32_t array = 0;
    std::size_t depth = 1;
    // `at` stands on the '[' of the level that is opened.
    for (std::size_t at = nested ? top.size() : name.size(); at < name.size() && name[at] == '['; ++depth) {
        if (depth > max_depth_) {
            const auto found = index_.find({0, top});
            if (found != index_.end()) {
                slots_[found->second].dead = true;
                index_.erase(found);
            }
            return {};
        }
        const std::size_t begin = at + 1;
        const bool space = begin < name.size() && is_c_space(name[begin]);
        const std::size_t close = name.find(']', begin);
        if (close == std::string_view::npos) break;
        if (!append && forbidden(key, name)) return {};
        const std::uint32_t slot = append ? slot_behind(array) : slot_for(array, key);
        if (slot == none) return {};
        if (slots_[slot].array == none) {
            slots_[slot].array = static_cast<std::uint32_t>(arrays_.size());
            slots_[slot].value.clear();
            arrays_.emplace_back();
        }
        array = slots_[slot].array;
        append = close == begin + (space ? 1 : 0);
        key = name.substr(begin, close - begin);
        at = close + 1;
    }
    if (!append && forbidden(key, name)) return {};
    return set(array, append ? nullptr : &key, value, depth);
}

FormNode FormBuilder::tree() const {
    FormNode root;
    root.is_array = true;
    std::vector<std::pair<std::uint32_t, FormNode*>> open{{0, &root}};
    while (!open.empty()) {
        const auto [array, node] = open.back();
        open.pop_back();
        std::size_t count = 0;
        for (std::uint32_t s = arrays_[array].first; s != none; s = slots_[s].next) count += slots_[s].dead ? 0 : 1;
        node->items.reserve(count);  // pointers into it must stay
        for (std::uint32_t s = arrays_[array].first; s != none; s = slots_[s].next) {
            const Slot& slot = slots_[s];
            if (slot.dead) continue;
            FormNode& item = node->items.emplace_back();
            item.key = slot.key;
            item.value = slot.value;
            item.is_array = slot.array != none;
            if (item.is_array) open.emplace_back(slot.array, &item);
        }
    }
    return root;
}

FormNode parse_form(std::string_view text, FormLimits limits) {
    FormBuilder builder(limits.max_depth);
    std::string name, value;
    std::size_t count = 0;
    while (!text.empty()) {
        const std::size_t end = text.find('&');
        const std::string_view piece = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (piece.empty()) continue;
        if (limits.max_variables != 0 && ++count > limits.max_variables) break;
        const std::size_t equals = piece.find('=');
        form_decode(piece.substr(0, equals), name);
        value.clear();
        if (equals != std::string_view::npos) form_decode(piece.substr(equals + 1), value);
        builder.add(name, value);
    }
    return builder.tree();
}

std::string top_level_name(std::string_view decoded_name) {
    bool nested = false;
    return mangled_top(without_leading_spaces(decoded_name), nested);
}

void form_decode(std::string_view text, std::string& out) {
    out.clear();
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '+') {
            out += ' ';
        } else if (c == '%' && i + 2 < text.size() && core::hex_digit(text[i + 1]) >= 0 &&
                   core::hex_digit(text[i + 2]) >= 0) {
            out += static_cast<char>(core::hex_digit(text[i + 1]) * 16 + core::hex_digit(text[i + 2]));
            i += 2;
        } else {
            out += c;
        }
    }
}

std::string form_decode(std::string_view text) {
    std::string out;
    form_decode(text, out);
    return out;
}

void append_form_encoded(std::string& out, std::string_view text) {
    static constexpr char hex[] = "0123456789ABCDEF";
    for (const char c : text) {
        const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
                           c == '_' || c == '.';
        if (plain) {
            out += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            out += '%';
            out += hex[byte >> 4];
            out += hex[byte & 0xF];
        }
    }
}

std::string encode_form(const FormNode& tree) {
    struct Level {
        const FormNode* node;
        std::size_t next;
        std::size_t name;  ///< the length of the encoded name of `node`
    };
    std::string out, name;
    std::vector<Level> open{{&tree, 0, 0}};
    while (!open.empty()) {
        Level& level = open.back();
        if (level.next == level.node->items.size()) {
            open.pop_back();
            continue;
        }
        const FormNode& item = level.node->items[level.next++];
        name.resize(level.name);
        const bool top = open.size() == 1;
        if (!top) name += "%5B";
        append_form_encoded(name, item.key);
        if (!top) name += "%5D";
        if (item.is_array) {
            open.push_back({&item, 0, name.size()});
            continue;
        }
        if (!out.empty()) out += '&';
        out += name;
        out += '=';
        append_form_encoded(out, item.value);
    }
    return out;
}

}  // namespace b24gate::bitrix
