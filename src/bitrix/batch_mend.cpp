#include <b24gate/bitrix/batch_mend.hpp>

#include <algorithm>
#include <set>
#include <utility>

#include <b24gate/bitrix/batch_command.hpp>
#include <b24gate/bitrix/classify.hpp>
#include <b24gate/bitrix/php_form.hpp>
#include <b24gate/core/json_scan.hpp>
#include <b24gate/core/text.hpp>

namespace b24gate::bitrix {
namespace {

namespace json = core::json;

enum Map { result, error, total, next, time };
constexpr std::string_view maps[] = {"result", "result_error", "result_total", "result_next", "result_time"};

using Commands = std::vector<std::pair<std::string, std::string>>;

/// Key and text of each command; nullopt when one is no text.
std::optional<Commands> commands_of(const Call& call) {
    Commands out;
    if (call.body_kind == BodyKind::json) {
        const auto cmd = json::find_last(call.body(), "cmd");
        if (!cmd) return std::nullopt;
        json::Reader reader(*cmd);
        while (reader.next()) {
            auto text = json::decode_string(reader.value());
            if (!text) return std::nullopt;
            out.emplace_back(reader.is_object() ? reader.key() : std::to_string(reader.index()), std::move(*text));
        }
        if (!reader.complete()) return std::nullopt;
        return out;
    }
    if (call.body_kind == BodyKind::multipart) return std::nullopt;
    const FormNode form = parse_form(call.body_kind == BodyKind::form ? call.body() : call.query);
    const FormNode* cmd = form.find("cmd");
    if (cmd == nullptr || !cmd->is_array) return std::nullopt;
    for (const FormNode& item : cmd->items) {
        if (item.is_array) return std::nullopt;
        out.emplace_back(item.key, item.value);
    }
    return out;
}

/// A portal replaces `$result[...]` after it has decoded the command, perhaps more than once.
bool may_refer(std::string_view text) noexcept {
    return text.find('$') != text.npos || text.find("%24") != text.npos || text.find("%25") != text.npos;
}

bool is_for_want_of_budget(std::string_view entry) {
    const ErrorClass error_class = classify_batch_error(entry, true).error_class;
    return error_class == ErrorClass::rate_limit || error_class == ErrorClass::operating_limit;
}

}  // namespace

std::optional<BatchMend> BatchMend::look(const Call& call, std::string_view answer) {
    if (!call.is_batch || call.api != Api::v2 || call.batch_halt || call.commands.size() > max_batched)
        return std::nullopt;
    // One look at what nearly every answer holds: no such error at all.
    if (answer.find("_LIMIT") == answer.npos) return std::nullopt;
    const auto commands = commands_of(call);
    if (!commands || commands->empty()) return std::nullopt;
    BatchMend mend;
    mend.answer_ = std::string(answer);
    std::set<std::string_view> keys;
    for (const auto& [key, text] : *commands) {
        if (may_refer(text) || !keys.insert(key).second) return std::nullopt;
        Entry entry;
        entry.key = key;
        entry.command = text;
        entry.method = text.substr(0, text.find('?'));
        mend.entries_.push_back(std::move(entry));
    }
    std::vector<Entry*> all;
    for (Entry& entry : mend.entries_) all.push_back(&entry);
    if (!mend.read(answer, all, true) || mend.done()) return std::nullopt;
    return mend;
}

bool BatchMend::done() const noexcept {
    return std::none_of(entries_.begin(), entries_.end(), [](const Entry& entry) { return entry.refused; });
}

Call BatchMend::rest() const {
    std::vector<Command> commands;
    Call call;
    for (const Entry& entry : entries_) {
        if (!entry.refused) continue;
        call.commands.push_back({"c" + std::to_string(commands.size()), entry.method});
        commands.push_back({entry.method, entry.command, true});
    }
    std::string body = R"({"halt":0,"cmd":{)";
    for (std::size_t i = 0; i < commands.size(); ++i)
        body += (i == 0 ? "\"c" : ",\"c") + std::to_string(i) + "\":" + json::quoted(commands[i].text);
    call.method = call.method_lower = "batch";
    call.body_kind = BodyKind::json;
    call.rewritten_body = body + "}}";
    call.send_as_post = true;
    call.is_batch = true;
    return call;
}

bool BatchMend::merge(std::string_view answer) {
    std::vector<Entry*> left;
    for (Entry& entry : entries_)
        if (entry.refused) left.push_back(&entry);
    return read(answer, left, false);
}

void BatchMend::lose() {
    for (Entry& entry : entries_) {
        if (!entry.refused) continue;
        entry.refused = false;
        entry.values[error] =
            R"({"error":"GATEWAY_OUTCOME_UNKNOWN","error_description":"the command was sent again and no answer came"})";
    }
}

/// All of it or nothing. `own_keys`: the client's, else c0, c1, ... in the order of `commands`.
bool BatchMend::read(std::string_view answer, const std::vector<Entry*>& commands, bool own_keys) {
    const auto whole = json::find_last(answer, "result");
    if (!whole || json::type_of(*whole) != json::Type::object) return false;
    struct Found {
        Entry* entry;
        Map map;
        std::string value;
    };
    std::vector<Found> found;
    for (const Map map : {result, error, total, next, time}) {
        const auto values = json::find_last(*whole, maps[map]);
        if (!values) continue;
        json::Reader reader(*values);
        while (reader.next()) {
            const std::string key = reader.is_object() ? reader.key() : std::to_string(reader.index());
            Entry* entry = nullptr;
            for (std::size_t i = 0; i < commands.size() && entry == nullptr; ++i)
                if (own_keys ? commands[i]->key == key : key == "c" + std::to_string(i)) entry = commands[i];
            if (entry == nullptr) return false;
            found.push_back({entry, map, std::string(reader.value())});
        }
        if (!reader.complete()) return false;
    }
    for (Entry* entry : commands) {
        entry->refused = false;
        for (auto& value : entry->values) value.reset();
    }
    for (Found& one : found) {
        if (one.map == error) one.entry->refused = is_for_want_of_budget(one.value);
        one.entry->values[one.map] = std::move(one.value);
    }
    return true;
}

std::string BatchMend::body() const {
    const auto map_of = [this](Map map) {
        // As PHP writes it: a list when the keys are 0, 1, 2, ..., an empty map is a list, too.
        std::size_t count = 0;
        bool list = true;
        for (const Entry& entry : entries_)
            if (entry.values[map]) list = entry.key == std::to_string(count++) && list;
        std::string out(1, list ? '[' : '{');
        for (const Entry& entry : entries_) {
            if (!entry.values[map]) continue;
            if (out.size() > 1) out += ',';
            if (!list) out += json::quoted(entry.key) + ":";
            out += *entry.values[map];
        }
        return out + (list ? ']' : '}');
    };
    // Everything that is none of the five maps stays as it stands.
    const auto whole = json::find_last(answer_, "result");
    std::string inner;
    std::size_t copied = 0;
    json::Reader reader(*whole);
    while (reader.next())
        for (const Map map : {result, error, total, next, time}) {
            if (!reader.key_is(maps[map])) continue;
            const auto begin = static_cast<std::size_t>(reader.value().data() - whole->data());
            inner += whole->substr(copied, begin - copied);
            inner += map_of(map);
            copied = begin + reader.value().size();
        }
    inner += whole->substr(copied);
    const auto at = static_cast<std::size_t>(whole->data() - answer_.data());
    return answer_.substr(0, at) + inner + answer_.substr(at + whole->size());
}

}  // namespace b24gate::bitrix
