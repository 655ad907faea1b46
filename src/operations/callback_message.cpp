#include <b24gate/operations/callback_message.hpp>

#include <chrono>

#include <b24gate/core/json_scan.hpp>
#include <b24gate/observe/call_record.hpp>
#include <b24gate/operations/webhook.hpp>

namespace b24gate::operations {
namespace {

/// Members of an object, those without a value left out.
class Members {
public:
    explicit Members(std::string& out) : out_(out) { out_ += '{'; }

    void text(std::string_view name, std::string_view value) {
        if (value.empty()) return;
        key(name);
        core::json::append_quoted(out_, value);
    }
    void number(std::string_view name, std::int64_t value) {
        key(name);
        out_ += std::to_string(value);
    }
    void time(std::string_view name, storage::UnixMs value) {
        if (value == 0) return;
        key(name);
        out_ += '"';
        observe::append_time(out_, observe::WallTime(std::chrono::milliseconds(value)));
        out_ += '"';
    }
    void key(std::string_view name) {
        if (out_.back() != '{') out_ += ',';
        core::json::append_quoted(out_, name);
        out_ += ':';
    }

private:
    std::string& out_;
};

void append_field(std::string& out, std::string_view name, std::string_view value) {
    out += name;
    out += ": ";
    out += value;
    out += "\r\n";
}

}  // namespace

std::string callback_body(const storage::DueCallback& callback) {
    const storage::OperationRecord& operation = callback.operation;
    std::string out;
    Members message(out);
    message.text("type", "operation." + callback.event);
    message.time("timestamp", callback.created);
    message.key("data");
    Members data(out);
    data.text("id", operation.id);
    data.text("state", to_string(operation.state));
    data.text("why", operation.why);
    data.text("class", operation.error_class);
    data.text("code", operation.code);
    data.text("executed", operation.executed);
    if (operation.status != 0) data.number("status", operation.status);
    data.number("attempts", operation.tried);
    data.text("method", operation.method);
    data.text("portal", operation.portal);
    data.text("client", operation.client);
    data.time("created", operation.created);
    data.time("finished", operation.finished);
    out += "}}";
    return out;
}

std::string callback_head(const CallbackUrl& url, const storage::DueCallback& callback, const std::string& body,
                          std::int64_t now, const std::vector<core::Secret>& secrets) {
    std::string out = "POST " + url.target.reveal() + " HTTP/1.1\r\n";
    append_field(out, "Host", url.host_header);
    append_field(out, "User-Agent", "b24gate/" B24GATE_VERSION);
    append_field(out, "Content-Type", "application/json");
    append_field(out, "Content-Length", std::to_string(body.size()));
    append_field(out, "webhook-id", callback.webhook_id);
    append_field(out, "webhook-timestamp", std::to_string(now));
    append_field(out, "webhook-signature", webhook_signature(callback.webhook_id, now, body, secrets));
    append_field(out, "Connection", "close");
    out += "\r\n";
    return out;
}

}  // namespace b24gate::operations
