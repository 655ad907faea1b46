#include "operations_text.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

namespace b24gate::app {
namespace {

namespace json = boost::json;

constexpr std::size_t widest = 40;

std::string clipped(std::string text) {
    if (text.size() > widest) text = text.substr(0, widest - 2) + "..";
    return text;
}

std::string english(const json::object& object, std::string_view name) {
    const json::value* const found = object.if_contains(name);
    if (found == nullptr || !found->is_object()) return "-";
    return member(found->get_object(), "en");
}

/// Seconds are enough for people.
std::string moment(const json::object& object, std::string_view name) {
    std::string text = member(object, name);
    if (text.size() == 24 && text.ends_with('Z')) text = text.substr(0, 19) + "Z";
    return text;
}

std::string counted(const json::object& object, std::string_view name) {
    const json::value* const found = object.if_contains(name);
    if (found == nullptr || !found->is_object() || found->get_object().empty()) return "-";
    std::string out;
    for (const auto& one : found->get_object()) {
        if (!out.empty()) out += ", ";
        out += fmt::format("{} {}", printable(one.key()), json::serialize(one.value()));
    }
    return out;
}

void append_answer(std::string& out, const json::object& of, std::string_view indent) {
    const json::value* const answer = of.if_contains("answer");
    if (answer == nullptr || !answer->is_object()) return;
    const json::value* const text = answer->get_object().if_contains("text");
    if (text == nullptr || !text->is_string()) return;
    out += fmt::format("{}{}\n", indent, printable(text->get_string()));
}

}  // namespace

std::string printable(std::string_view text) {
    std::string out(text);
    for (std::size_t i = 0; i < out.size(); ++i) {
        const auto byte = static_cast<unsigned char>(out[i]);
        // C1 controls are two bytes in UTF-8.
        const bool c1 = byte == 0xC2 && i + 1 < out.size() && static_cast<unsigned char>(out[i + 1]) < 0xA0;
        if (byte < 0x20 || byte == 0x7F) out[i] = '?';
        if (c1) out[i] = out[i + 1] = '?';
    }
    return out;
}

std::string member(const json::object& object, std::string_view name) {
    const json::value* const found = object.if_contains(name);
    if (found == nullptr || found->is_null()) return "-";
    if (found->is_string()) return printable(found->get_string());
    return json::serialize(*found);
}

std::string operations_table(const json::object& page) {
    constexpr std::array<std::string_view, 8> heads{"ID",     "STATE", "PORTAL",  "CLIENT",
                                                    "METHOD", "TRIES", "CREATED", "WHY"};
    const json::value* const list = page.if_contains("operations");
    if (list == nullptr || !list->is_array() || list->get_array().empty())
        return page.if_contains("next") != nullptr && page.at("next").is_string()
                   ? fmt::format("nothing up to here; the search goes on with --next {}\n", member(page, "next"))
                   : "there are no such operations\n";
    std::vector<std::array<std::string, 8>> rows;
    for (const json::value& each : list->get_array()) {
        const json::object& one = each.as_object();
        const std::string why = member(one, "why") != "-" ? member(one, "why") : member(one, "class");
        rows.push_back({member(one, "id"), member(one, "state"), clipped(member(one, "portal")),
                        clipped(member(one, "client")), clipped(member(one, "method")), member(one, "tried"),
                        moment(one, "created"), why});
    }
    std::array<std::size_t, 8> widths{};
    for (std::size_t i = 0; i < heads.size(); ++i) widths[i] = heads[i].size();
    for (const auto& row : rows)
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    std::string out;
    const auto line = [&](const auto& cells) {
        std::string text;
        for (std::size_t i = 0; i < cells.size(); ++i) text += fmt::format("{:<{}}  ", cells[i], widths[i]);
        text.erase(text.find_last_not_of(' ') + 1);
        out += text + "\n";
    };
    line(heads);
    for (const auto& row : rows) line(row);
    if (const json::value* const next = page.if_contains("next"); next != nullptr && next->is_string())
        out += fmt::format("there are more: --next {}\n", member(page, "next"));
    return out;
}

std::string operation_text(const json::object& operation) {
    std::string out;
    const auto line = [&](std::string_view name, const std::string& value) {
        if (value != "-") out += fmt::format("{:<12}{}\n", name, value);
    };
    line("id", member(operation, "id"));
    line("state", member(operation, "state"));
    line("standing", english(operation, "standing"));
    line("method", member(operation, "method") + " (" + member(operation, "api") +
                       ", repeat: " + member(operation, "repeat") + ")");
    line("portal", member(operation, "portal") + "/" + member(operation, "credential"));
    line("client", member(operation, "client"));
    line("created", moment(operation, "created"));
    line("due", moment(operation, "due"));
    line("finished", moment(operation, "finished"));
    line("class", member(operation, "class"));
    line("code", member(operation, "code"));
    line("executed", member(operation, "executed"));
    if (const json::value* const explained = operation.if_contains("explanation");
        explained != nullptr && explained->is_object()) {
        const json::object& words = explained->get_object().at("en").as_object();
        line("meaning", member(words, "meaning"));
        line("advice", member(words, "advice"));
    }
    if (const json::value* const history = operation.if_contains("history");
        history != nullptr && history->is_array()) {
        for (const json::value& each : history->get_array()) {
            const json::object& attempt = each.as_object();
            out += fmt::format(
                "attempt {}: {} {} by {}: {}, status {}, class {}, code {}, executed {}, {} ms, request {}\n",
                member(attempt, "number"), moment(attempt, "begun"), member(attempt, "kind"),
                member(attempt, "gateway"), member(attempt, "mark"), member(attempt, "status"),
                member(attempt, "class"), member(attempt, "code"), member(attempt, "executed"),
                member(attempt, "duration_ms"), member(attempt, "request_id"));
            append_answer(out, attempt, "    ");
        }
    }
    std::string answer;
    append_answer(answer, operation, "");
    if (!answer.empty()) out += "answer\n" + answer;
    return out;
}

std::string plan_text(const json::object& plan) {
    std::string out = fmt::format("{} {} operations{}\n", member(plan, "action"), member(plan, "count"),
                                  member(plan, "complete") == "false" ? ", and there are more" : "");
    const auto line = [&](std::string_view name, const std::string& value) {
        if (value != "-") out += fmt::format("  {:<10}{}\n", name, value);
    };
    line("filter", member(plan, "filter"));
    line("states", counted(plan, "by_state"));
    line("classes", counted(plan, "by_class"));
    line("methods", counted(plan, "by_method"));
    line("portals", counted(plan, "by_portal"));
    line("created", moment(plan, "oldest") + " to " + moment(plan, "newest"));
    const std::string held = member(plan, "held"), left_out = member(plan, "held_left_out");
    if (held != "0") line("held", held + ": nobody knows whether they were carried out; a repeat may do them twice");
    if (left_out != "0") line("held", left_out + " more fit and stay as they are; name them with --state held");
    if (const std::string seconds = member(plan, "estimate_s"); seconds != "-")
        line("takes", "about " + seconds + " s");
    return out;
}

std::string job_text(const json::object& job) {
    std::string out = fmt::format("{} {}: {} of {} done", member(job, "action"), member(job, "state"),
                                  member(job, "done"), member(job, "total"));
    if (const std::string skipped = member(job, "skipped"); skipped != "0")
        out += fmt::format(", {} had changed meanwhile and were left alone", skipped);
    if (const std::string error = member(job, "error"); error != "-") out += ": " + error;
    return out + "\n";
}

}  // namespace b24gate::app
