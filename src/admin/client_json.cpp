#include "client_json.hpp"

#include <boost/json/array.hpp>

#include <algorithm>
#include <map>
#include <string>

#include <b24gate/admin/json_text.hpp>

namespace b24gate::admin {
namespace {

namespace json = boost::json;

constexpr const char* priorities[] = {"interactive", "normal", "bulk"};
/// Of the key's hash: enough to tell keys apart, and nothing to guess with.
constexpr std::size_t shown_hash = 8;

json::array texts(const std::vector<std::string>& all) {
    json::array out;
    for (const std::string& text : all) out.emplace_back(text);
    return out;
}

/// Who has mixed up a key and a method has called a method that is a key.
json::array methods(const observe::Spending& spending, const observe::Masker& masker) {
    json::array out;
    for (const observe::Spending::Row& row : spending.rows()) {
        json::object one;
        one["method"] = masker.mask_text(row.method);
        one["hits"] = row.hits;
        one["seconds"] = row.seconds;
        out.push_back(std::move(one));
    }
    return out;
}

/// What waits now, by client and portal.
using Queues = std::map<std::string, std::map<std::string, std::size_t>>;

Queues queues(const gateway::Snapshot& snapshot, const std::string* only) {
    Queues out;
    for (const auto& [name, runtime] : snapshot.portals) {
        if (only != nullptr && name != *only) continue;
        for (const auto& flow : runtime.portal->snapshot().queue_by_client)
            if (flow.size != 0) out[flow.client][name] += flow.size;
    }
    return out;
}

void add_calls(json::object& out, const gateway::Snapshot& snapshot, const std::string& client,
               const observe::Masker& masker, const std::string* only) {
    std::array<std::uint64_t, bitrix::error_class_count> sums{};
    json::array portals;
    for (const auto& [key, metrics] : snapshot.requests) {
        if (key.first != client || (only != nullptr && key.second != *only)) continue;
        const auto by_class = metrics->by_class();
        json::object one;
        std::uint64_t all = 0;
        for (std::size_t i = 0; i < sums.size(); ++i) {
            sums[i] += by_class[i];
            all += by_class[i];
        }
        // Of many clients and portals most have nothing to do with each other.
        if (all == 0 && metrics->hits() == 0) continue;
        one["portal"] = key.second;
        one["calls"] = all;
        one["errors"] = all - by_class[0];
        one["hits"] = metrics->hits();
        if (only != nullptr) one["methods"] = methods(metrics->spending(), masker);
        portals.push_back(std::move(one));
    }
    std::uint64_t calls = 0;
    json::object by_class;
    for (std::size_t i = 0; i < sums.size(); ++i) {
        calls += sums[i];
        if (i != 0 && sums[i] != 0) by_class[to_string(static_cast<bitrix::ErrorClass>(i))] = sums[i];
    }
    out["calls"] = calls;
    out["errors"] = calls - sums[0];
    out["errors_by_class"] = std::move(by_class);
    out["by_portal"] = std::move(portals);
}

}  // namespace

json::object clients_json(const gateway::Snapshot& snapshot, const std::vector<storage::OperationCount>* counts,
                          const observe::Masker& masker, const std::string* only) {
    const Queues waiting = queues(snapshot, only);
    json::array clients;
    for (const auto& [name, client] : snapshot.config->clients) {
        json::object out;
        out["name"] = name;
        out["key_sha256"] = client.key_sha256.substr(0, shown_hash);
        out["passthrough"] = client.passthrough;
        out["priority"] = priorities[static_cast<std::size_t>(client.priority)];
        out["weight"] = client.weight;
        out["timeout_ms"] = client.timeout.count();
        json::array portals = texts(client.portals);
        if (only != nullptr)
            portals.erase(std::remove_if(portals.begin(), portals.end(),
                                         [&](const json::value& one) { return one.as_string() != *only; }),
                          portals.end());
        out["portals"] = std::move(portals);
        out["allow"] = texts(client.allow);
        out["deny"] = texts(client.deny);
        out["addresses"] = texts(client.addresses);
        out["responsible_user"] = client.responsible_user ? json::value(*client.responsible_user) : json::value();
        add_calls(out, snapshot, name, masker, only);
        json::object queue;
        if (const auto found = waiting.find(name); found != waiting.end())
            for (const auto& [portal, size] : found->second) queue[portal] = size;
        out["queue"] = std::move(queue);
        json::value operations;
        if (counts != nullptr) {
            json::object& by_state = operations.emplace_object();
            for (const storage::OperationCount& count : *counts) {
                if (count.client != name || (only != nullptr && count.portal != *only)) continue;
                json::value& sum = by_state[to_string(count.state)];
                sum = (sum.is_null() ? 0 : sum.to_number<std::int64_t>()) + count.count;
            }
        }
        out["operations"] = std::move(operations);
        clients.push_back(std::move(out));
    }
    json::object out;
    out["clients"] = std::move(clients);
    return out;
}

}  // namespace b24gate::admin
