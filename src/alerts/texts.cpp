#include <b24gate/alerts/texts.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace b24gate::alerts {
namespace {

using config::alert_rule_count;

// In the order of AlertRule.
constexpr RuleTexts english[alert_rule_count] = {
    {"Error rate", "Error rate {subject}: {value} (threshold {threshold}) over {window}, {part} of {total} calls",
     "Calls fail at the portal or on the way to it; mistakes in callers' data are not counted.",
     "Open the portal in a browser, and look at the errors by class: network and timeout point to the way there, "
     "server "
     "to the portal itself."},
    {"No success", "No success {subject}: for {value} no call has succeeded, {total} have failed",
     "Nothing gets through to this portal, although it is asked.",
     "Look at the last errors: one of access needs a new authorization, one of the network a look at DNS, firewall and "
     "certificate."},
    {"Stuck operations", "Stuck operations: {value} are dead or held (threshold {threshold})",
     "Calls that were handed over have used up their attempts, or nobody knows whether they were carried out.",
     "Look through them: begin anew what is safe, and decide on the held ones one by one, for a repeat could double "
     "them."},
    {"Refresh token", "Refresh token {subject}: lapses in {value}",
     "The gateway could not renew it in time; when it lapses, every call of this credential fails.",
     "Refresh it by hand; if that fails, authorize the application again at the portal."},
    {"Access lost", "Access lost {subject}: needs a new authorization ({note})",
     "The portal does not accept this credential: it was revoked or replaced, its user has left, or nobody has "
     "authorized it yet.",
     "Authorize the application at the portal. Operations that wait for it then go on by themselves."},
    {"Overload block", "Overload block {subject}: the portal refuses this credential",
     "Bitrix24 has shut the door for a while because of load. The gateway sends a probe now and then.",
     "Stop bulk jobs. If it lasts, write to the support of Bitrix24."},
    {"Store", "Store: {subject} cannot use it ({note})",
     "Operations are refused and tokens cannot be renewed; other calls go on.",
     "Look at the database server or the disk of the store's file."},
    {"Disk", "Disk {subject}: {value} left (threshold {threshold})",
     "Below its floor the gateway takes no more operations, so that it can still write down what becomes of the "
     "others.",
     "Make room on the disk of the store."},
    {"Callbacks", "Callbacks: {value} given up in {window}",
     "Receivers did not take what they were told about operations, over all repeats.",
     "Look whether the receivers are up; what they missed can be asked for at /operations/{id}."},
    {"Reload", "Reload {subject}: the configuration was refused",
     "The gateway runs on with the configuration from before.",
     "Check the file with `b24gate check`; the log has every error with its line."},
    {"Channel", "Channel {subject}: messages cannot be sent ({note})", "Whoever is told through it hears of nothing.",
     "Try it with `b24gate alerts test {subject}`."},
};

constexpr RuleTexts russian[alert_rule_count] = {
    {"Доля ошибок", "Доля ошибок {subject}: {value} (порог {threshold}) за {window}, {part} из {total} вызовов",
     "Вызовы не проходят из-за портала или связи с ним; ошибки в данных клиентов не считаются.",
     "Откройте портал в браузере и посмотрите ошибки по классам: network и timeout говорят о связи, server — о самом "
     "портале."},
    {"Нет успешных вызовов", "Нет успешных вызовов {subject}: уже {value} ни один не удался, неудачных {total}",
     "До портала ничего не доходит, хотя его спрашивают.",
     "Посмотрите последние ошибки: доступ — авторизуйтесь заново, сеть — проверьте DNS, файрвол и сертификат."},
    {"Застрявшие операции", "Застрявшие операции: {value} ждут человека (порог {threshold})",
     "Попытки исчерпаны, или неизвестно, выполнен ли вызов.",
     "Разберите список: безопасные запустите заново, по удержанным решайте по одному — повтор может создать дубль."},
    {"Токен обновления", "Токен обновления {subject}: истекает через {value}",
     "Шлюзу не удалось обновить его вовремя; после истечения не пройдёт ни один вызов с этим доступом.",
     "Обновите токен вручную; если не выйдет, авторизуйте приложение на портале заново."},
    {"Доступ потерян", "Доступ потерян {subject}: нужна новая авторизация ({note})",
     "Портал не принимает этот доступ: его отозвали, заменили, сотрудник уволен или его ещё никто не авторизовал.",
     "Авторизуйте приложение на портале. Ожидающие операции продолжатся сами."},
    {"Блокировка за нагрузку", "Блокировка за нагрузку {subject}: портал не принимает этот доступ",
     "Bitrix24 временно закрыл доступ из-за нагрузки. Шлюз изредка отправляет пробный вызов.",
     "Остановите массовые загрузки. Если не проходит, напишите в поддержку Bitrix24."},
    {"Хранилище", "Хранилище: недоступно для {subject} ({note})",
     "Операции не принимаются, токены не обновить; прочие вызовы идут.",
     "Проверьте сервер базы данных или диск с файлом хранилища."},
    {"Диск", "Диск {subject}: осталось {value} (порог {threshold})",
     "Ниже нижней границы шлюз не принимает операции, чтобы хватило места записать исход остальных.",
     "Освободите место на диске хранилища."},
    {"Обратные вызовы", "Обратные вызовы: не доставлено {value} за {window}",
     "Получатели не приняли сообщения об операциях, хотя отправка повторялась.",
     "Проверьте получателей; пропущенное можно запросить по адресу /operations/{id}."},
    {"Конфигурация", "Конфигурация {subject}: новая не принята", "Шлюз работает с прежней конфигурацией.",
     "Проверьте файл командой `b24gate check`; в журнале каждая ошибка указана со строкой."},
    {"Канал", "Канал {subject}: сообщения не отправляются ({note})", "Те, кому он предназначен, ничего не узнают.",
     "Проверьте: `b24gate alerts test {subject}`."},
};

constexpr CommonTexts english_common{
    "FIRING",
    "RESOLVED",
    "and {count} more",
    "{subject}: over after {time}, at the worst {peak}",
    "nothing was seen any more that could tell",
    "it is not watched any more",
    "since {time}",
    "comes and goes: {count} times in an hour",
    "What it means",
    "What to do",
    "Details",
    {"info", "warning", "critical", "page"},
    "Bitrix24 has refused calls of {client}",
    "{method}: {code} ({count} times) {text}",
    "Correct the data where they come from, or the rule at the portal; the same call will be refused again.",
    "{count} more calls were refused today; the errors page of the gateway lists them.",
    "Test of the channel {channel}, sent by {gateway}"};

constexpr CommonTexts russian_common{
    "СБОЙ",
    "ПРОШЛО",
    "и ещё {count}",
    "{subject}: прошло через {time}, в худший момент {peak}",
    "данных для оценки больше нет",
    "больше не отслеживается",
    "с {time}",
    "то появляется, то исчезает: {count} раз за час",
    "Что это значит",
    "Что делать",
    "Подробности",
    {"сведения", "предупреждение", "критично", "срочно"},
    "Bitrix24 отклонил вызовы «{client}»",
    "{method}: {code} ({count} раз) {text}",
    "Исправьте данные в исходной системе или правило на портале: такой же вызов снова не пройдёт.",
    "Сегодня отклонено ещё вызовов: {count}; список — на странице ошибок шлюза.",
    "Проверка канала {channel}, отправил {gateway}"};

}  // namespace

const RuleTexts& texts_of(config::AlertRule rule, Language language) noexcept {
    return (language == Language::ru ? russian : english)[static_cast<std::size_t>(rule)];
}

const CommonTexts& common_texts(Language language) noexcept {
    return language == Language::ru ? russian_common : english_common;
}

std::string filled(std::string_view text, std::initializer_list<Filling> fillings) {
    std::string out;
    while (!text.empty()) {
        const std::size_t open = text.find('{');
        out += text.substr(0, open);
        if (open == std::string_view::npos) break;
        const std::size_t close = text.find('}', open);
        if (close == std::string_view::npos) {
            out += text.substr(open);
            break;
        }
        const std::string_view name = text.substr(open + 1, close - open - 1);
        const auto* found = std::find_if(fillings.begin(), fillings.end(),
                                         [&](const Filling& filling) { return filling.name == name; });
        out += found == fillings.end() ? std::string(text.substr(open, close - open + 1)) : found->value;
        text.remove_prefix(close + 1);
    }
    return out;
}

std::string percent(double share) {
    const double value = share * 100;
    return value >= 10 || value == std::floor(value) ? fmt::format("{:.0f} %", value) : fmt::format("{:.1f} %", value);
}

std::string length_of_time(std::int64_t seconds, Language language) {
    const bool ru = language == Language::ru;
    const std::int64_t s = std::max<std::int64_t>(seconds, 0);
    const std::string_view day = ru ? "д" : "d", hour = ru ? "ч" : "h", minute = ru ? "мин" : "min",
                           second = ru ? "с" : "s";
    if (s < 60) return fmt::format("{} {}", s, second);
    if (s < 3600) return fmt::format("{} {}", s / 60, minute);
    if (s < 86'400)
        return s % 3600 < 60 ? fmt::format("{} {}", s / 3600, hour)
                             : fmt::format("{} {} {} {}", s / 3600, hour, s % 3600 / 60, minute);
    return s % 86'400 < 3600 ? fmt::format("{} {}", s / 86'400, day)
                             : fmt::format("{} {} {} {}", s / 86'400, day, s % 86'400 / 3600, hour);
}

std::string bytes(double number, Language language) {
    const bool ru = language == Language::ru;
    if (number >= 1024.0 * 1024 * 1024)
        return fmt::format("{:.1f} {}", number / (1024.0 * 1024 * 1024), ru ? "ГиБ" : "GiB");
    return fmt::format("{:.0f} {}", number / (1024.0 * 1024), ru ? "МиБ" : "MiB");
}

std::string count(std::uint64_t number, Language language) {
    std::string digits = std::to_string(number);
    // Four digits read well as they are.
    if (digits.size() < 5) return digits;
    const std::string_view mark = language == Language::ru ? "\u00A0" : ",";
    for (std::size_t at = digits.size() - 3; at > 0 && at<digits.size(); at = at> 3 ? at - 3 : 0)
        digits.insert(at, mark);
    return digits;
}

}  // namespace b24gate::alerts
