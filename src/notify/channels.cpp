#include <b24gate/notify/channels.hpp>

#include <utility>

#include <b24gate/core/json_scan.hpp>
#include <b24gate/core/uuid.hpp>
#include <b24gate/operations/webhook.hpp>

namespace b24gate::notify {
namespace {

namespace asio = boost::asio;
namespace json = core::json;
using alerts::Delivery;
using alerts::Item;
using config::AlertChannel;
using observe::Level;
using namespace std::chrono_literals;

/// Bulk waits long for its turn, and later the notice is of no more use.
constexpr core::Duration portal_patience = 10min;

Level level_of(const alerts::Message& message) {
    if (!message.firing) return Level::info;
    return message.severity >= config::Severity::critical ? Level::error : Level::warn;
}

/// The cut is made before the rendering: half a tag would lose the whole message.
alerts::Message that_fits(const alerts::Notice& notice, const config::Alerts& settings, config::Language language,
                          const std::string& gateway, alerts::UnixMs now) {
    std::size_t lines = alerts::most_lines;
    for (;;) {
        alerts::Message out = message_of(notice, settings, language, gateway, now, lines);
        if (lines == 1 || alerts::utf16_length(telegram_html(out, language)) <= alerts::telegram_limit) return out;
        --lines;
    }
}

}  // namespace

Channels::Channels(net::Worker& worker, gateway::WorkerState& state, observe::Log& log, observe::GateMetrics& metrics,
                   std::string gateway)
    : log_(log), gateway_(std::move(gateway)), notices_(state, log, metrics), hooks_(worker), mail_(worker) {}

void Channels::reconfigured() {
    hooks_.forget_authorities();
    moved_chats_.clear();
}

void Channels::close() {
    mail_.close();
    hooks_.close();
}

Channels::Draft Channels::draft_of(const config::Config& config, const AlertChannel& channel,
                                   const alerts::Notice& notice) const {
    const alerts::UnixMs now = core::unix_ms();
    Draft out;
    out.id = notice.id;
    const alerts::Alert& first = notice.items.front().alert;
    out.root = "alert_" + std::string(to_string(notice.rule)) + "_" + std::to_string(first.fired);
    out.tag = "b24gate:" + std::string(to_string(notice.rule)) + (notice.items.size() == 1 ? ":" + first.subject : "");
    out.message = that_fits(notice, config.alerts, channel.language, gateway_, now);
    if (channel.type == AlertChannel::Type::webhook)
        out.webhook = webhook_json(notice, config.alerts, channel.language, gateway_, now);
    for (const Item& item : notice.items)
        if (const auto told = item.alert.told.find(channel.name);
            told != item.alert.told.end() && item.kind != Item::Kind::fired && out.reply_to.empty())
            out.reply_to = told->second.reference;
    return out;
}

asio::awaitable<Delivery> Channels::send(std::shared_ptr<const config::Config> config, AlertChannel channel,
                                         alerts::Notice notice) {
    Draft draft = draft_of(*config, channel, notice);
    co_return co_await deliver(std::move(config), std::move(channel), std::move(draft), portal_patience);
}

asio::awaitable<Delivery> Channels::test(std::shared_ptr<const config::Config> config, AlertChannel channel) {
    Draft draft;
    draft.id = "alert_test_" + core::uuid_v7(core::unix_ms());
    draft.message = alerts::test_message(channel.name, gateway_, channel.language);
    draft.webhook = webhook_test_json(channel.name, draft.message, core::unix_ms());
    // Somebody waits for it.
    const core::Duration patience = config->alerts.timeout;
    co_return co_await deliver(std::move(config), std::move(channel), std::move(draft), patience);
}

/// What a receiver says may repeat what it was told: from here on it goes into logs, answers, the store and messages.
asio::awaitable<Delivery> Channels::deliver(std::shared_ptr<const config::Config> config, AlertChannel channel,
                                            Draft draft, core::Duration portal_patience) {
    Delivery out = co_await carry(std::move(config), std::move(channel), std::move(draft), portal_patience);
    mask(out);
    co_return out;
}

void Channels::mask(Delivery& delivery) const {
    const observe::Masker& masker = log_.masker();
    for (std::string* text : {&delivery.error, &delivery.answer}) *text = masker.mask_text(*text);
}

asio::awaitable<Delivery> Channels::carry(std::shared_ptr<const config::Config> config, AlertChannel channel,
                                          Draft draft, core::Duration portal_patience) {
    switch (channel.type) {
        case AlertChannel::Type::log: {
            Delivery out;
            out.kind = Delivery::Kind::sent;
            out.answer = "written to the log";
            log_.event(level_of(draft.message), "alert",
                       {{"channel", channel.name},
                        {"firing", draft.message.firing},
                        {"severity", to_string(draft.message.severity)},
                        {"title", draft.message.title},
                        {"text", plain_text(draft.message, channel.language)}});
            co_return out;
        }
        case AlertChannel::Type::webhook: co_return co_await webhook(config->alerts, channel, draft);
        case AlertChannel::Type::telegram: co_return co_await telegram(config->alerts, channel, draft);
        case AlertChannel::Type::email: {
            std::string text =
                mail_text(draft.message, channel.language, channel, draft.id, draft.root, core::unix_ms());
            co_return co_await mail_.send(std::move(channel), std::move(text), config->alerts.timeout);
        }
        case AlertChannel::Type::portal: break;
    }
    PortalNotice notice;
    notice.portal = channel.portal;
    notice.credential = channel.credential;
    notice.user = channel.portal_user;
    notice.text = portal_text(draft.message, channel.language);
    notice.tag = draft.tag;
    co_return co_await notices_.send(std::move(notice), core::Deadline{core::Clock::now() + portal_patience});
}

asio::awaitable<HookAnswer> Channels::ask(HookClient::Request request) {
    HookAnswer out = co_await hooks_.send(std::move(request));
    // Before it is shortened: half a secret would not be known for one.
    if (out.status < 200 || out.status >= 300) out.body = log_.masker().mask_text(out.body);
    co_return out;
}

asio::awaitable<Delivery> Channels::webhook(const config::Alerts& settings, const AlertChannel& channel,
                                            const Draft& draft) {
    const auto now = static_cast<std::int64_t>(core::unix_seconds());
    HookClient::Request request;
    request.url = channel.url;
    request.ca = channel.ca;
    request.timeout = settings.timeout;
    request.body = draft.webhook;
    std::vector<core::Secret> secrets;
    secrets.push_back(channel.secret);
    secrets.push_back(channel.old_secret);
    request.fields.emplace_back("webhook-id", draft.id);
    request.fields.emplace_back("webhook-timestamp", std::to_string(now));
    std::string signature = operations::webhook_signature(draft.id, now, draft.webhook, secrets);
    if (!signature.empty()) request.fields.emplace_back("webhook-signature", std::move(signature));
    const HookAnswer answer = co_await ask(std::move(request));
    co_return alerts::judge_webhook(answer.status, answer.retry_after, answer.body, answer.trouble);
}

asio::awaitable<Delivery> Channels::telegram(const config::Alerts& settings, const AlertChannel& channel,
                                             const Draft& draft) {
    const auto moved = moved_chats_.find(channel.name);
    HookClient::Request request;
    request.url = core::Secret(channel.url.reveal() + "/bot" + channel.token.reveal() + "/sendMessage");
    request.timeout = settings.timeout;
    request.body = "{\"chat_id\":" + json::quoted(moved == moved_chats_.end() ? channel.chat : moved->second) +
                   ",\"text\":" + json::quoted(telegram_html(draft.message, channel.language)) +
                   ",\"parse_mode\":\"HTML\",\"link_preview_options\":{\"is_disabled\":true}";
    if (channel.thread != 0) request.body += ",\"message_thread_id\":" + std::to_string(channel.thread);
    if (draft.message.severity == config::Severity::info) request.body += ",\"disable_notification\":true";
    if (!draft.reply_to.empty())
        request.body +=
            ",\"reply_parameters\":{\"message_id\":" + draft.reply_to + ",\"allow_sending_without_reply\":true}";
    request.body += "}";
    const HookAnswer answer = co_await ask(std::move(request));
    Delivery out = alerts::judge_telegram(answer.status, answer.body, answer.trouble);
    if (!out.moved_to.empty()) {
        moved_chats_[channel.name] = out.moved_to;
        log_.event(Level::warn, "alert_chat_moved", {{"channel", channel.name}, {"chat", out.moved_to}});
    }
    co_return out;
}

asio::awaitable<Delivery> Channels::tell(std::shared_ptr<const config::Config> config, alerts::BusinessNote note) {
    const config::Language language = config->alerts.language;
    PortalNotice notice;
    notice.portal = note.portal;
    notice.credential = note.credential;
    notice.user = note.user;
    notice.text = portal_text(business_message(note, language), language);
    Delivery out = co_await notices_.send(std::move(notice), core::Deadline{core::Clock::now() + portal_patience});
    mask(out);
    co_return out;
}

asio::awaitable<Delivery> Channels::beat(std::shared_ptr<const config::Config> config) {
    HookClient::Request request;
    request.url = config->alerts.heartbeat_url;
    request.timeout = config->alerts.timeout;
    const HookAnswer answer = co_await ask(std::move(request));
    Delivery out = alerts::judge_webhook(answer.status, answer.retry_after, answer.body, answer.trouble);
    mask(out);
    co_return out;
}

}  // namespace b24gate::notify
