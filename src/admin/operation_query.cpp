#include <b24gate/admin/operation_query.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include <b24gate/bitrix/outcome.hpp>
#include <b24gate/config/nearest.hpp>
#include <b24gate/core/text.hpp>

namespace b24gate::admin {
namespace {

using storage::OperationRecord;
using storage::OperationState;

constexpr std::string_view names[] = {"state", "client", "portal", "class", "method",
                                      "text",  "from",   "until",  "limit", "next"};
constexpr std::size_t page_names = 2;
constexpr std::size_t longest = 200;

constexpr std::int64_t start = std::numeric_limits<std::int64_t>::max();

bool needs_person(OperationState state) noexcept {
    return state == OperationState::held || state == OperationState::dead || state == OperationState::failed;
}

std::string unknown(std::string_view what, std::string_view word, const std::vector<std::string_view>& known) {
    const auto meant = config::nearest(word, known);
    return fmt::format(
        "unknown {} \"{}\"; {}", what, word,
        meant ? fmt::format("did you mean \"{}\"?", *meant) : fmt::format("known are {}", fmt::join(known, ", ")));
}

Parsed<std::vector<OperationState>> states_of(std::string_view list) {
    std::vector<OperationState> out;
    while (!list.empty()) {
        const std::string_view word = list.substr(0, list.find(','));
        list.remove_prefix(std::min(list.size(), word.size() + 1));
        const std::string_view name = core::trim(word);
        if (name.empty()) continue;
        const auto state = storage::operation_state(name);
        if (!state) {
            std::vector<std::string_view> known;
            for (int i = 0; i < storage::operation_state_count; ++i)
                known.push_back(to_string(static_cast<OperationState>(i)));
            return unknown("state", name, known);
        }
        if (std::find(out.begin(), out.end(), *state) == out.end()) out.push_back(*state);
    }
    return out;
}

std::optional<std::string> check_class(std::string_view name) {
    std::vector<std::string_view> known;
    for (int i = 1; i < bitrix::error_class_count; ++i) known.push_back(to_string(static_cast<bitrix::ErrorClass>(i)));
    if (std::find(known.begin(), known.end(), name) != known.end()) return std::nullopt;
    return unknown("class", name, known);
}

bool contains(std::string_view text, std::string_view lower) {
    return std::search(text.begin(), text.end(), lower.begin(), lower.end(),
                       [](char a, char b) { return core::to_lower(a) == b; }) != text.end();
}

}  // namespace

bool OperationQuery::wants(OperationState state) const noexcept {
    return states.empty() || std::find(states.begin(), states.end(), state) != states.end();
}

Parsed<OperationQuery> operation_query(const Query& query, bool pages) {
    const std::span<const std::string_view> known(names);
    if (auto wrong = query.check(pages ? known : known.first(known.size() - page_names))) return *std::move(wrong);
    for (const auto& [name, value] : query.all())
        if (value.size() > longest) return fmt::format("{} is longer than {} bytes", name, longest);
    OperationQuery out;
    auto states = states_of(query.value("state"));
    if (!states) return states.error();
    out.states = *std::move(states);
    out.client = query.value("client");
    out.portal = query.value("portal");
    out.error_class = query.value("class");
    if (!out.error_class.empty())
        if (auto wrong = check_class(out.error_class)) return *std::move(wrong);
    out.method = core::to_lower(query.value("method"));
    if (out.method == "*") out.method.clear();
    out.text = core::to_lower(query.value("text"));
    for (auto [name, time] : {std::pair{"from", &out.from}, std::pair{"until", &out.until}}) {
        const std::string_view given = query.value(name);
        if (given.empty()) continue;
        const auto parsed = parse_time(given);
        if (!parsed)
            return fmt::format("{} is \"{}\"; write a time like 2026-01-31T23:59:59Z, or Unix milliseconds", name,
                               given);
        *time = *parsed;
    }
    if (const std::string* limit = query.find("limit")) {
        const auto [end, error] = std::from_chars(limit->data(), limit->data() + limit->size(), out.limit);
        if (error != std::errc{} || end != limit->data() + limit->size() || out.limit < 1 ||
            out.limit > most_operations_a_page)
            return fmt::format("limit is \"{}\"; write a whole number from 1 to {}", *limit, most_operations_a_page);
    }
    const auto before = decode_cursor(query.value("next"));
    if (!before) return std::string("next is not one that this list has given");
    out.before = *before;
    return out;
}

std::string to_query_string(const OperationQuery& query) {
    std::string out;
    const auto add = [&](std::string_view name, std::string_view value) {
        if (value.empty()) return;
        if (!out.empty()) out += '&';
        out += name;
        out += '=';
        out += percent_encoded(value);
    };
    std::string states;
    for (const OperationState state : query.states) {
        if (!states.empty()) states += ',';
        states += to_string(state);
    }
    add("state", states);
    add("client", query.client);
    add("portal", query.portal);
    add("class", query.error_class);
    add("method", query.method);
    add("text", query.text);
    if (query.from > 0) add("from", std::to_string(query.from));
    if (query.until > 0) add("until", std::to_string(query.until));
    return out;
}

storage::OperationFilter store_filter(const OperationQuery& query, std::optional<OperationState> state) {
    storage::OperationFilter out;
    out.state = state;
    out.client = query.client;
    out.portal = query.portal;
    out.error_class = query.error_class;
    // Up to its first star a glob is what the store can look for.
    const std::size_t star = query.method.find('*');
    out.method = query.method.substr(0, star);
    if (star != std::string::npos && !out.method.empty()) out.method += '*';
    out.from = query.from;
    out.until = query.until;
    out.limit = most_operations_a_page;
    return out;
}

bool matches(const OperationQuery& query, const OperationRecord& record) {
    if (!query.wants(record.state)) return false;
    if (!query.method.empty() && !core::glob_match(query.method, core::to_lower(record.method))) return false;
    if (query.text.empty()) return true;
    const std::array<std::string_view, 8> shown{record.id,          record.method, record.client, record.portal,
                                                record.error_class, record.code,   record.why,    record.request_id};
    return std::any_of(shown.begin(), shown.end(), [&](std::string_view text) { return contains(text, query.text); });
}

PageMerge::PageMerge(const OperationQuery& query) : query_(query) {
    const std::int64_t from = query.before > 0 ? query.before : start;
    std::vector<OperationState> others;
    for (const OperationState state : query.states) {
        if (needs_person(state))
            ways_.push_back({state, {}, from});
        else
            others.push_back(state);
    }
    if (others.size() == 1) ways_.push_back({others.front(), {}, from});
    if (others.size() > 1 || query.states.empty()) ways_.push_back({std::nullopt, {}, from});
}

std::int64_t PageMerge::common() const noexcept {
    std::int64_t highest = 0;
    for (const Way& way : ways_) highest = std::max(highest, way.reached);
    return highest;
}

std::optional<std::size_t> PageMerge::wanted() const {
    const std::int64_t down_to = common();
    if (down_to == 0) return std::nullopt;
    std::size_t there = 0;
    for (const Way& way : ways_)
        for (const OperationRecord& record : way.found) there += record.seq >= down_to ? 1 : 0;
    if (there >= query_.limit) return std::nullopt;
    const auto furthest =
        std::max_element(ways_.begin(), ways_.end(), [](const Way& a, const Way& b) { return a.reached < b.reached; });
    return static_cast<std::size_t>(furthest - ways_.begin());
}

storage::OperationFilter PageMerge::filter(std::size_t way) const {
    storage::OperationFilter out = store_filter(query_, ways_[way].state);
    out.before = ways_[way].reached == start ? 0 : ways_[way].reached;
    // A little more than the page where the store does all of the looking; what is left over is read again.
    const bool exact = query_.text.empty() && query_.method.find('*') == std::string::npos && ways_[way].state;
    if (exact || (ways_.size() == 1 && query_.states.empty() && query_.text.empty() && query_.method.empty()))
        out.limit = query_.limit;
    return out;
}

void PageMerge::add(std::size_t way, storage::OperationPage page) {
    Way& to = ways_[way];
    for (OperationRecord& record : page.operations) {
        const bool elsewhere = !to.state && needs_person(record.state) && !query_.states.empty();
        if (!elsewhere && matches(query_, record)) to.found.push_back(std::move(record));
    }
    to.reached = page.next;
}

PageMerge::Page PageMerge::take() {
    const std::int64_t down_to = common();
    Page out;
    for (Way& way : ways_)
        for (OperationRecord& record : way.found)
            if (record.seq >= down_to) out.operations.push_back(std::move(record));
    std::sort(out.operations.begin(), out.operations.end(),
              [](const OperationRecord& a, const OperationRecord& b) { return a.seq > b.seq; });
    // While the ways were gone one after the other, an operation may have changed its state and stand on two of them.
    out.operations.erase(std::unique(out.operations.begin(), out.operations.end(),
                                     [](const auto& a, const auto& b) { return a.seq == b.seq; }),
                         out.operations.end());
    out.next = down_to == start ? 0 : down_to;
    if (out.operations.size() > query_.limit) {
        out.operations.resize(query_.limit);
        out.next = out.operations.back().seq;
    }
    return out;
}

}  // namespace b24gate::admin
