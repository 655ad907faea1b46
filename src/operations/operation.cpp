#include <b24gate/operations/operation.hpp>

#include <b24gate/core/text.hpp>

namespace b24gate::operations {
namespace {

bool ends_in(std::string_view method, std::string_view part) noexcept {
    return method.size() > part.size() && core::iequals(method.substr(method.size() - part.size()), part);
}

}  // namespace

bool is_update(std::string_view method) noexcept { return ends_in(method, ".update"); }
bool is_delete(std::string_view method) noexcept { return ends_in(method, ".delete"); }

Facts facts_of(const storage::OperationRecord& record) {
    Facts out;
    out.state = record.state;
    out.stage = record.stage;
    out.kind = record.kind;
    out.updates = is_update(record.method);
    out.deletes = is_delete(record.method);
    out.blocked = record.blocked;
    out.ordered = !record.order.empty();
    out.for_credential = record.state == State::waiting && record.why == storage::waits_for_credential;
    out.unknown = record.unknown;
    out.attempts = record.attempts;
    out.not_found = record.not_found;
    out.due = record.due;
    out.begun = record.begun;
    out.first_intent = record.first_intent;
    out.intent = record.intent;
    return out;
}

}  // namespace b24gate::operations
