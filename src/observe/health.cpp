#include <b24gate/observe/health.hpp>

#include <b24gate/core/json_scan.hpp>

namespace b24gate::observe {

std::string_view to_string(PortalState state) noexcept {
    switch (state) {
        case PortalState::ok: return "ok";
        case PortalState::overload: return "overload";
        case PortalState::needs_reauth: return "needs_reauth";
        case PortalState::unreachable: return "unreachable";
        case PortalState::gone: return "gone";
        case PortalState::paused: return "paused";
    }
    return "unknown";
}

void Health::portals(const std::vector<std::string>& names) {
    const std::lock_guard lock(mutex_);
    std::map<std::string, std::shared_ptr<PortalHealth>, std::less<>> next;
    for (const std::string& name : names) {
        const auto known = portals_.find(name);
        next.emplace(name, known != portals_.end() ? known->second : std::make_shared<PortalHealth>());
    }
    portals_ = std::move(next);
}

std::shared_ptr<PortalHealth> Health::portal(std::string_view name) const {
    const std::lock_guard lock(mutex_);
    const auto found = portals_.find(name);
    return found == portals_.end() ? nullptr : found->second;
}

bool Health::ready() const noexcept {
    return started_.load(std::memory_order_acquire) && !draining() && store_usable_.load(std::memory_order_acquire);
}

HealthAnswer Health::live() const { return {200, R"({"status":"ok"})"}; }

HealthAnswer Health::readiness() const {
    // Each state is read once: what the status says and what the reasons say must agree.
    std::vector<std::string_view> reasons;
    if (!started_.load(std::memory_order_acquire)) reasons.push_back("starting");
    if (draining()) reasons.push_back("draining");
    if (!store_usable_.load(std::memory_order_acquire)) reasons.push_back("store");

    HealthAnswer answer;
    answer.status = reasons.empty() ? 200 : 503;
    std::string& body = answer.body;
    body = reasons.empty() ? R"({"status":"ready","reasons":[)" : R"({"status":"not_ready","reasons":[)";
    for (std::size_t i = 0; i < reasons.size(); ++i) {
        if (i != 0) body += ',';
        core::json::append_quoted(body, reasons[i]);
    }
    body += R"(],"portals":{)";
    const std::lock_guard lock(mutex_);
    bool first = true;
    for (const auto& [name, portal] : portals_) {
        if (!first) body += ',';
        first = false;
        core::json::append_quoted(body, name);
        body += ':';
        core::json::append_quoted(body, to_string(portal->state()));
    }
    body += "}}";
    return answer;
}

}  // namespace b24gate::observe
