#include <b24gate/bitrix/batch_command.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include <b24gate/core/json_scan.hpp>
#include <b24gate/core/text.hpp>

namespace b24gate::bitrix {
namespace {

namespace json = core::json;

constexpr std::array<std::string_view, kept_out_count> names{
    "v3",
    "not_a_method",
    "batch_itself",
    "not_batchable",
    "depends_on_webhook",
    "multipart",
    "xml_suffix",
    "write",
    "reserved_name",
    "positional",
    "dollar",
    "null_value",
    "boolean",
    "float_number",
    "empty_array",
    "empty_object",
    "duplicate_key",
    "bad_text",
    "security_filter",
    "too_many_variables",
    "too_deep",
    "too_long",
    "encoding_differs",
};

/// A portal hands the commands of a batch an application's id, but not a webhook's.
constexpr auto webhook_methods = std::to_array<std::string_view>({
    "app.info",
    "crm.documentgenerator.document.add",
    "crm.documentgenerator.document.upload",
    "documentgenerator.document.add",
    "documentgenerator.document.upload",
});

/// What a portal takes from a request and not from a command, or the other way round: who calls, the wish for a
/// signature, and what its framework obeys before any method runs.
constexpr auto reserved_names = std::to_array<std::string_view>({
    "AUTH_FORM",
    "access_token",
    "ap",
    "aplogin",
    "auth",
    "auth_connector",
    "bx_hit_hash",
    "clear_cache",
    "clear_cache_session",
    "logout",
    "method",
    "sessid",
    "show_page_exec_time",
    "show_sql_stat",
    "state",
    "token",
});
static_assert(std::ranges::is_sorted(reserved_names));

bool is_ascii(std::string_view text) noexcept {
    return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

bool is_utf8(std::string_view text) {
    if (is_ascii(text)) return true;
    // Invalid bytes come back as another character.
    return json::decode_string(json::quoted(text)) == text;
}

/// '$', also as %24, %2524, ...: nobody knows how often something on the way decodes.
bool holds_dollar(std::string_view text) noexcept {
    for (std::size_t at = text.find_first_of("$%"); at != std::string_view::npos; at = text.find_first_of("$%", at)) {
        if (text[at] == '$') return true;
        ++at;
        std::string_view rest = text.substr(at);
        while (rest.starts_with("25")) rest.remove_prefix(2);
        if (rest.starts_with("24")) return true;
    }
    return false;
}

// --- the portal's proactive filter ---
// A portal that has it on changes text in which it sees scripts, SQL or paths. It looks at the fields of a single call,
// but at a command twice: in the body as text, then decoded. What it could change travels alone.

/// The filter itself lets these pass unseen.
constexpr bool is_harmless(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == ',' || c == '-';
}

bool follows(std::string_view text, std::string_view first, std::initializer_list<std::string_view> second) {
    const std::size_t at = text.find(first);
    if (at == std::string_view::npos) return false;
    const std::string_view rest = text.substr(at + first.size());
    return std::ranges::any_of(second, [rest](std::string_view word) { return rest.find(word) != rest.npos; });
}

bool looks_like_sql(std::string_view text) {
    const auto things = {std::string_view("database"),  std::string_view("table"),  std::string_view("function"),
                         std::string_view("procedure"), std::string_view("server"), std::string_view("event"),
                         std::string_view("view"),      std::string_view("index")};
    return follows(text, "union", {"select"}) || follows(text, "select", {"from"}) ||
           follows(text, "from", {"where", "limit"}) || follows(text, "alter", things) ||
           follows(text, "create", things) || follows(text, "drop", things) || follows(text, "update", {"set"}) ||
           follows(text, "insert", {"value", "set", "select", "into"}) ||
           follows(text, "into", {"outfile", "dumpfile"}) || text.find("load_file") != text.npos;
}

/// A decoded key or value. More than the filter would change, never less: it sees through white space and backslashes.
bool may_be_filtered(std::string_view text) {
    if (std::ranges::all_of(text, is_harmless)) return false;
    std::string folded;
    folded.reserve(text.size());
    bool entity = false, escaped = false, ampersand = false, equals = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = core::to_lower(text[i]);
        const char next = i + 1 < text.size() ? core::to_lower(text[i + 1]) : '\0';
        if (c == '<') return true;
        ampersand = ampersand || c == '&';
        equals = equals || (c == '=' && !folded.empty() && folded.back() >= 'a' && folded.back() <= 'z');
        entity = entity || (ampersand && c == ';');
        if (c == '%' && i + 2 < text.size() && core::hex_digit(text[i + 2]) >= 0)
            escaped = escaped || (next >= '2' && next <= '7');
        if (c == '\\') escaped = escaped || next == 'x' || (next >= '0' && next <= '9');
        if (static_cast<unsigned char>(c) > ' ' && c != '\\') folded += c;
    }
    if (entity || escaped) return true;
    static constexpr auto marks = std::to_array<std::string_view>(
        {"script", "behavior", "expression", "/*", "data:", "urn:", "-moz-", "/..", "../", "\xE2\x80\xA9"});
    static constexpr auto handlers = std::to_array<std::string_view>({"on", "srcdoc", "fscommand", "seeksegment"});
    const auto has = [&folded](std::string_view mark) { return folded.find(mark) != std::string::npos; };
    if (text.find('\\') != text.npos && (has("..") || text.find("\\.") != text.npos)) return true;
    return std::ranges::any_of(marks, has) || (equals && std::ranges::any_of(handlers, has)) || looks_like_sql(folded);
}

/// The command as text, where the filter can see words that no field holds by itself.
bool text_may_be_filtered(std::string_view text) {
    const std::string lower = core::to_lower(text);
    static constexpr auto marks = std::to_array<std::string_view>({"script", "behavior", "expression"});
    for (const std::string_view mark : marks)
        if (lower.find(mark) != std::string::npos) return true;
    static constexpr auto verbs = std::to_array<std::string_view>(
        {"alter", "create", "drop", "from", "insert", "into", "select", "union", "update"});
    // The filter wants no letter or digit before the verb, so in this text it begins a name or a value.
    for (std::size_t i = 0; i < lower.size(); ++i) {
        if (lower[i] != '?' && lower[i] != '&' && lower[i] != '=') continue;
        const std::string_view rest = std::string_view(lower).substr(i + 1);
        for (const std::string_view verb : verbs)
            if (rest.starts_with(verb) && rest.size() > verb.size() &&
                std::string_view(".-0123456789d").find(rest[verb.size()]) != std::string_view::npos)
                return true;
    }
    return false;
}

// --- JSON as PHP's json_decode reads it ---

/// Builds the tree of a JSON object or array in one pass. Bounded in depth; on text that is no JSON it says so by
/// encoding_differs, for the gateway has refused such a body long before.
class JsonTree {
public:
    explicit JsonTree(std::string_view text) : text_(text) {}

    std::optional<KeptOut> read(FormNode& root) {
        root.is_array = true;
        skip_space();
        if (!at_container()) return KeptOut::encoding_differs;
        if (const auto why = container(root, 0)) return why;
        skip_space();
        if (at_ != text_.size()) return KeptOut::encoding_differs;
        return std::nullopt;
    }

private:
    [[nodiscard]] char here() const noexcept { return at_ < text_.size() ? text_[at_] : '\0'; }
    [[nodiscard]] bool at_container() const noexcept { return here() == '{' || here() == '['; }
    void skip_space() noexcept {
        while (here() == ' ' || here() == '\t' || here() == '\n' || here() == '\r') ++at_;
    }
    bool take(char c) noexcept {
        skip_space();
        if (here() != c) return false;
        ++at_;
        return true;
    }

    bool string(std::string& out) {
        skip_space();
        if (here() != '"') return false;
        const std::size_t begin = at_++;
        bool plain = true;
        for (;; ++at_) {
            if (at_ >= text_.size()) return false;
            if (text_[at_] == '"') break;
            if (text_[at_] == '\\') {
                plain = false;
                ++at_;
            }
        }
        ++at_;
        if (plain) {
            out.assign(text_, begin + 1, at_ - begin - 2);
            return true;
        }
        auto decoded = json::decode_string(text_.substr(begin, at_ - begin));
        if (!decoded) return false;
        out = *std::move(decoded);
        return true;
    }

    /// An integer as it stands: what PHP makes of it and writes again is the same text.
    std::optional<KeptOut> number(std::string& out) {
        const std::size_t begin = at_;
        while (at_ < text_.size() && (core::is_digits(text_.substr(at_, 1)) ||
                                      std::string_view("+-.eE").find(text_[at_]) != std::string_view::npos))
            ++at_;
        const std::string_view literal = text_.substr(begin, at_ - begin);
        std::int64_t value = 0;
        const auto [end, error] = std::from_chars(literal.data(), literal.data() + literal.size(), value);
        if (error != std::errc{} || end != literal.data() + literal.size()) return KeptOut::float_number;
        out = std::to_string(value);
        if (out != literal) return KeptOut::float_number;  // -0, and what is no JSON
        return std::nullopt;
    }

    std::optional<KeptOut> value(FormNode& node, std::size_t depth) {
        skip_space();
        switch (here()) {
            case '{':
            case '[': node.is_array = true; return container(node, depth + 1);
            case '"':
                if (!string(node.value)) return KeptOut::encoding_differs;
                return std::nullopt;
            case 't':
            case 'f': return KeptOut::boolean;
            case 'n': return KeptOut::null_value;
            default: return number(node.value);
        }
    }

    std::optional<KeptOut> container(FormNode& node, std::size_t depth) {
        if (depth > php_nesting_limit) return KeptOut::too_deep;
        const bool object = here() == '{';
        const char close = object ? '}' : ']';
        ++at_;
        if (take(close)) {
            if (depth == 0) return std::nullopt;
            return object ? KeptOut::empty_object : KeptOut::empty_array;
        }
        do {
            if (++variables_ > max_command_variables + php_nesting_limit) return KeptOut::too_many_variables;
            FormNode& item = node.items.emplace_back();
            if (object) {
                if (!string(item.key) || !take(':')) return KeptOut::encoding_differs;
            } else {
                item.key = std::to_string(node.items.size() - 1);
            }
            if (const auto why = value(item, depth)) return why;
        } while (take(','));
        if (!take(close)) return KeptOut::encoding_differs;
        if (object && has_duplicates(node)) return KeptOut::duplicate_key;
        return std::nullopt;
    }

    static bool has_duplicates(const FormNode& node) {
        if (node.items.size() < 2) return false;
        std::vector<std::string_view> keys;
        keys.reserve(node.items.size());
        for (const FormNode& item : node.items) keys.emplace_back(item.key);
        std::ranges::sort(keys);
        return std::ranges::adjacent_find(keys) != keys.end();
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t variables_ = 0;
};

/// array_replace() of the top level: a name keeps the place where it first stood.
void overlay(FormNode& under, FormNode&& over) {
    if (under.items.empty()) {
        under = std::move(over);
        return;
    }
    std::map<std::string, std::size_t, std::less<>> place;
    for (std::size_t i = 0; i < under.items.size(); ++i) place.emplace(under.items[i].key, i);
    for (FormNode& item : over.items) {
        const auto found = place.find(item.key);
        if (found != place.end())
            under.items[found->second] = std::move(item);
        else
            under.items.push_back(std::move(item));
    }
}

/// PHP drops what comes behind max_input_vars; how many that are differs from portal to portal.
bool too_many_pieces(std::string_view form) noexcept {
    return static_cast<std::size_t>(std::ranges::count(form, '&')) >= max_command_variables;
}

/// What PHP's trim() takes off.
bool is_trimmed(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r') || c == '\0'; }

bool is_number(std::string_view key) noexcept {
    if (key.starts_with('-')) key.remove_prefix(1);
    return core::is_digits(key);
}

std::optional<KeptOut> judge_text(std::string_view text) {
    if (text.find('\0') != std::string_view::npos || !is_utf8(text)) return KeptOut::bad_text;
    if (holds_dollar(text)) return KeptOut::dollar;
    if (may_be_filtered(text)) return KeptOut::security_filter;
    return std::nullopt;
}

std::optional<KeptOut> judge_tree(const FormNode& tree) {
    for (const FormNode& item : tree.items) {
        if (std::ranges::binary_search(reserved_names, std::string_view(item.key))) return KeptOut::reserved_name;
        if (is_number(item.key)) return KeptOut::positional;
    }
    std::size_t variables = 0;
    std::vector<const FormNode*> open{&tree};
    while (!open.empty()) {
        const FormNode& node = *open.back();
        open.pop_back();
        for (const FormNode& item : node.items) {
            if (const auto why = judge_text(item.key)) return why;
            if (item.is_array) {
                open.push_back(&item);
                continue;
            }
            if (++variables > max_command_variables) return KeptOut::too_many_variables;
            if (const auto why = judge_text(item.value)) return why;
        }
    }
    return std::nullopt;
}

std::optional<KeptOut> judge_call(const Call& call, const Methods& methods) {
    if (call.api != Api::v2) return KeptOut::v3;
    if (call.kind != CallKind::method || !is_method_name(call.method)) return KeptOut::not_a_method;
    const std::string lower = core::to_lower(call.method);
    if (call.is_batch || lower == "batch") return KeptOut::batch_itself;
    if (call.suffix == Suffix::xml) return KeptOut::xml_suffix;
    if (call.body_kind == BodyKind::multipart) return KeptOut::multipart;
    if (!methods.batchable(call.method)) return KeptOut::not_batchable;
    if (std::ranges::find(webhook_methods, lower) != webhook_methods.end()) return KeptOut::depends_on_webhook;
    return std::nullopt;
}

constexpr std::string_view body_head = R"({"halt":0,"cmd":{)";
constexpr std::string_view body_tail = "}}";

}  // namespace

std::string_view to_string(KeptOut why) noexcept { return names[static_cast<std::size_t>(why)]; }

boost::system::result<FormNode, KeptOut> call_parameters(const Call& call) {
    const std::string_view body = call.body();
    if (call.query.size() + body.size() > max_call_parameters) return KeptOut::too_long;
    if (too_many_pieces(call.query)) return KeptOut::too_many_variables;
    FormNode tree;
    tree.is_array = true;
    if (!call.query.empty()) tree = parse_form(call.query);
    switch (call.body_kind) {
        case BodyKind::none: break;
        case BodyKind::multipart: return KeptOut::multipart;
        case BodyKind::json: {
            // Nothing is left when all of it were credentials.
            FormNode over;
            if (const auto why = JsonTree(body).read(over)) return *why;
            overlay(tree, std::move(over));
            break;
        }
        case BodyKind::form:
            if (body.empty()) break;
            if (too_many_pieces(body)) return KeptOut::too_many_variables;
            // Without a Content-Type the portal trims the body before it reads it.
            if (is_trimmed(body.front()) || is_trimmed(body.back())) return KeptOut::encoding_differs;
            overlay(tree, parse_form(body));
            break;
    }
    return tree;
}

boost::system::result<Command, KeptOut> encode_command(const Call& call, const Methods& methods, bool with_writes) {
    if (const auto why = judge_call(call, methods)) return *why;
    Command command;
    command.writes = methods.effect(call.method) != Effect::read;
    if (command.writes && !with_writes) return KeptOut::write;
    const auto tree = call_parameters(call);
    if (!tree) return tree.error();
    if (const auto why = judge_tree(*tree)) return *why;
    const std::string query = encode_form(*tree);
    if (call.method.size() + 1 + query.size() > max_command_text) return KeptOut::too_long;
    if (parse_form(query) != *tree) return KeptOut::encoding_differs;
    command.method = call.method;
    command.text = call.method;
    if (!query.empty()) command.text.append(1, '?').append(query);
    if (text_may_be_filtered(command.text)) return KeptOut::security_filter;
    return command;
}

std::size_t batch_body_size(std::span<const Command* const> commands) noexcept {
    std::size_t size = body_head.size() + body_tail.size();
    std::size_t digits = 1, next = 10;
    for (std::size_t i = 0; i < commands.size(); ++i) {
        if (i == next) {
            ++digits;
            next *= 10;
        }
        size += (i == 0 ? 0 : 1) + std::string_view(R"("c":"")").size() + digits + commands[i]->text.size();
    }
    return size;
}

std::string batch_body(std::span<const Command* const> commands) {
    std::string out;
    out.reserve(batch_body_size(commands));
    out += body_head;
    for (std::size_t i = 0; i < commands.size(); ++i) {
        if (i != 0) out += ',';
        out.append(R"("c)").append(std::to_string(i)).append(R"(":")").append(commands[i]->text).append(1, '"');
    }
    out += body_tail;
    return out;
}

}  // namespace b24gate::bitrix
