#include <b24gate/gateway/shared_answer.hpp>

#include <b24gate/bitrix/links.hpp>

namespace b24gate::gateway {

using bitrix::ErrorClass;

std::shared_ptr<const SharedAnswer> SharedAnswer::of(const CallReport& report) {
    auto shared = std::make_shared<SharedAnswer>();
    shared->outcome = report.outcome;
    shared->status = report.exchange.status;
    shared->head = report.exchange.head;
    shared->fields = report.exchange.fields;
    net::rebase(shared->fields, report.exchange.head.data(), shared->head.data());
    shared->body = report.exchange.body;
    shared->plain_body = report.plain_body;
    shared->unpacked = report.unpacked;
    shared->attempts = report.attempts;
    shared->waited = report.waited;
    shared->token = report.token;
    shared->target = report.target;
    return shared;
}

void SharedAnswer::put_into(CallReport& report) const {
    report.outcome = outcome;
    report.exchange.transport = bitrix::Transport::replied;
    report.exchange.status = status;
    report.exchange.fields = fields;
    report.exchange.body = body;
    report.plain_body = plain_body;
    report.unpacked = unpacked;
    report.token = token;
    report.target = target;
}

std::size_t SharedAnswer::bytes() const noexcept {
    return sizeof *this + head.capacity() + fields.capacity() * sizeof(net::Field) + body.capacity() +
           plain_body.capacity();
}

bool can_be_shared(const CallReport& report) noexcept {
    if (report.exchange.transport != bitrix::Transport::replied || report.exchange.rest || report.hung_up) return false;
    if (report.outcome.origin != bitrix::Origin::portal) return false;
    switch (report.outcome.error_class) {
        case ErrorClass::ok:
        case ErrorClass::permission:
        case ErrorClass::plan:
        case ErrorClass::validation:
        case ErrorClass::not_found:
        case ErrorClass::method_unknown:
        case ErrorClass::business: return true;
        case ErrorClass::rate_limit:
        case ErrorClass::overload:
        case ErrorClass::operating_limit:
        case ErrorClass::auth_expired:
        case ErrorClass::auth_invalid:
        case ErrorClass::server:
        case ErrorClass::network:
        case ErrorClass::timeout:
        case ErrorClass::portal_gone:
        case ErrorClass::gateway: return false;
    }
    return false;
}

bool can_be_kept(const CallReport& report) {
    return report.outcome.ok() && report.exchange.status == 200 && can_be_shared(report) &&
           !(report.token && bitrix::holds_secret(report.body(), report.token->access));
}

}  // namespace b24gate::gateway
