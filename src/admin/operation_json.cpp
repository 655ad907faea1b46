#include <b24gate/admin/operation_json.hpp>

#include <boost/json/array.hpp>

#include <b24gate/admin/json_text.hpp>
#include <b24gate/admin/taxonomy.hpp>

namespace b24gate::admin {
namespace {

namespace json = boost::json;
using storage::OperationState;

constexpr const char* priorities[] = {"interactive", "normal", "bulk"};

json::array actions(OperationState state) {
    json::array out;
    const bool person =
        state == OperationState::held || state == OperationState::dead || state == OperationState::failed;
    if (person) out.emplace_back("retry");
    if (person || state == OperationState::queued || state == OperationState::waiting) out.emplace_back("discard");
    return out;
}

}  // namespace

json::object operation_row(const storage::OperationRecord& record, unsigned most_attempts) {
    json::object out;
    out["id"] = record.id;
    out["state"] = to_string(record.state);
    out["stage"] = to_string(record.stage);
    out["client"] = record.client;
    out["portal"] = record.portal;
    out["credential"] = record.credential;
    out["method"] = record.method;
    out["api"] = record.api == 3 ? "v3" : "v2";
    out["repeat"] = to_string(record.kind);
    out["priority"] = priorities[std::clamp(record.priority, 0, 2)];
    out["why"] = text_or_null(record.why);
    out["standing"] = standing(record, most_attempts);
    out["attempts"] = record.attempts;
    out["max_attempts"] = most_attempts;
    out["tried"] = record.tried;
    out["generation"] = record.generation;
    out["class"] = text_or_null(record.error_class);
    out["code"] = text_or_null(record.code);
    out["status"] = record.status == 0 ? json::value() : json::value(record.status);
    out["executed"] = text_or_null(record.unknown && record.executed.empty() ? "unknown" : record.executed);
    out["inferred"] = record.inferred;
    out["blocked"] = record.blocked;
    out["ordered"] = !record.order.empty();
    out["created"] = time_value(record.created);
    const bool waits = record.state == OperationState::queued || record.state == OperationState::waiting;
    out["due"] = waits ? time_value(record.due) : json::value();
    out["finished"] = time_value(record.finished);
    out["gateway"] = text_or_null(record.owner);
    out["callback"] = record.has_callback;
    out["request_id"] = text_or_null(record.request_id);
    out["actions"] = actions(record.state);
    return out;
}

json::object operations_page(const OperationClerk::Page& page, unsigned most_attempts) {
    json::array rows;
    for (const auto& record : page.page.operations) rows.push_back(operation_row(record, most_attempts));
    json::object out;
    out["operations"] = std::move(rows);
    out["next"] = text_or_null(encode_cursor(page.page.next));
    out["complete"] = !page.hurried;
    out["now"] = time_value(page.now);
    return out;
}

json::value shown_json(const std::optional<Shown>& shown) {
    if (!shown) return {};
    json::object out;
    out["text"] = shown->text;
    out["bytes"] = shown->bytes;
    out["cut"] = shown->cut;
    return out;
}

json::object attempt_json(const storage::AttemptRecord& attempt, const std::optional<Shown>& excerpt) {
    json::object out;
    out["number"] = attempt.number;
    out["kind"] = attempt.lookup ? "lookup" : "send";
    out["gateway"] = attempt.gateway;
    out["credential"] = attempt.credential;
    out["begun"] = time_value(attempt.intent);
    out["ended"] = time_value(attempt.ended);
    out["mark"] = text_or_null(attempt.mark);
    out["status"] = attempt.status == 0 ? json::value() : json::value(attempt.status);
    out["class"] = text_or_null(attempt.error_class);
    out["code"] = text_or_null(attempt.code);
    out["executed"] = text_or_null(attempt.executed);
    out["duration_ms"] = attempt.duration_ms;
    out["request_id"] = attempt.request_id;
    out["batch_id"] = text_or_null(attempt.batch_id);
    out["answer"] = shown_json(excerpt);
    return out;
}

}  // namespace b24gate::admin
