#include <b24gate/admin/taxonomy.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include <b24gate/admin/json_text.hpp>

namespace b24gate::admin {
namespace {

using bitrix::ErrorClass;
using storage::OperationState;

struct Entry {
    Words en, ru;

    [[nodiscard]] const Words& in(Language language) const noexcept { return language == Language::en ? en : ru; }
};

// In the order of bitrix::ErrorClass.
constexpr Entry classes[] = {
    {{"succeeded", "The portal carried the call out.", "There is nothing to do."},
     {"выполнено", "Портал выполнил вызов.", "Делать ничего не нужно."}},
    {{"request limit", "The portal's budget of requests was spent, and the call could not wait any longer.",
      "The data is fine: send it again later. The portal's page shows which client spends the budget."},
     {"лимит запросов", "Бюджет запросов портала был израсходован, и дольше ждать вызов не мог.",
      "С данными всё в порядке: отправьте позже. Кто расходует бюджет, видно на странице портала."}},
    {{"portal overloaded", "Bitrix24 turns this portal's requests away for load; one request at a time tries the door.",
      "Wait. After a quarter of an hour stop bulk jobs and ask Bitrix24's support."},
     {"портал перегружен", "Bitrix24 отклоняет запросы портала из-за нагрузки; шлюз изредка пробует по одному.",
      "Подождите. Через четверть часа остановите массовые задания и обратитесь в поддержку Bitrix24."}},
    {{"method's time spent", "The method has used up the running time that Bitrix24 grants it in ten minutes.",
      "It goes on by itself at the reset. Ask for fewer fields or smaller pages to make each call cheaper."},
     {"время метода исчерпано", "Метод израсходовал время работы, которое Bitrix24 даёт ему на десять минут.",
      "После сброса всё продолжится само. Запрашивайте меньше полей и страницы поменьше, чтобы вызовы были легче."}},
    {{"token expired", "The access token was too old, and a fresh one did not help.",
      "This passes by itself as a rule. If it comes back, refresh the credential by hand."},
     {"токен устарел", "Токен доступа устарел, и новый не помог.",
      "Обычно это проходит само. Если повторяется, обновите токен вручную."}},
    {{"access lost", "The portal refuses the credential for good: revoked, replaced, or its user was dismissed.",
      "Authorize the application again or replace the webhook. What waits for it goes on by itself."},
     {"доступ отозван", "Портал больше не признаёт эти учётные данные: отозваны, заменены или сотрудник уволен.",
      "Авторизуйте приложение заново или замените вебхук. Ожидающие операции продолжатся сами."}},
    {{"no permission", "The credential's user, or its scope, does not allow this method or record.",
      "Have the portal's administrator grant the right or the scope, then retry."},
     {"нет прав", "Пользователю или приложению не разрешён этот метод или запись.",
      "Попросите администратора портала выдать право или scope, затем повторите."}},
    {{"not in the plan", "The portal's plan does not include this, or was not paid for.",
      "Tell the portal's owner. Nothing changes by repeating until the plan does."},
     {"нет в тарифе", "Тариф портала этого не включает либо не оплачен.",
      "Сообщите владельцу портала. Пока тариф прежний, повторять бесполезно."}},
    {{"data refused", "The portal found the data wrong, and says so in its answer.",
      "Correct it where it comes from and send it anew; unchanged it will be refused again."},
     {"данные отклонены", "Портал счёл данные неверными и указал это в ответе.",
      "Исправьте их в источнике и отправьте заново; без изменений их отклонят опять."}},
    {{"not found", "There is no such record, or the credential's user may not see it.",
      "Look whether it was deleted or merged. If it is there, give the user access to it."},
     {"не найдено", "Такой записи нет либо она скрыта от пользователя шлюза.",
      "Проверьте, не удалена ли она и не объединена ли. Если она есть, откройте к ней доступ."}},
    {{"unknown method", "The portal has no such method, or it cannot be called in this way.",
      "One for the developer: the method's name, the REST version and the scope."},
     {"метод неизвестен", "На портале нет такого метода, либо так его вызвать нельзя.",
      "Вопрос к разработчику: имя метода, версия REST и scope."}},
    {{"refused by a rule", "The portal understood the call and refused it by a rule of its own.",
      "The responsible person changes the data or the rule; retry after that."},
     {"отказ по правилу", "Портал понял вызов и отказал по своему правилу.",
      "Ответственный меняет данные или правило; после этого повторите."}},
    {{"portal failed", "The portal answered with a fault of its own; it may have carried the call out.",
      "What is safe to repeat is repeated by itself. Look in the portal before anything else is sent again."},
     {"сбой портала", "Портал ответил собственной ошибкой; вызов мог быть выполнен.",
      "Безопасное повторится само. Прочее отправляйте снова, только проверив портал."}},
    {{"no connection", "The portal could not be reached, or the connection broke.",
      "If other portals answer, check this one's name, firewall and certificate. Otherwise wait."},
     {"нет связи", "С порталом не удалось связаться либо связь оборвалась.",
      "Если другие порталы отвечают, проверьте имя, файрвол и сертификат этого. Иначе подождите."}},
    {{"no answer in time", "The portal took the call and gave no answer in time; it may have carried it out.",
      "Look in the portal first, then decide whether to send it again."},
     {"нет ответа", "Портал принял вызов и не ответил вовремя; вызов мог быть выполнен.",
      "Сначала проверьте портал, потом решайте, отправлять ли снова."}},
    {{"portal gone", "The address belongs to no portal any more: deleted, moved or closed.",
      "Ask the portal's owner, then correct the address in the configuration or take the portal out."},
     {"портала нет", "По этому адресу портала больше нет: удалён, переехал или закрыт.",
      "Спросите владельца, затем исправьте адрес в конфигурации или уберите портал."}},
    {{"refused by the gateway", "b24gate itself refused the call; its code says why.", "See what the code stands for."},
     {"отказ шлюза", "Вызов отклонил сам b24gate; причину называет код.", "Смотрите значение кода."}},
};
static_assert(std::size(classes) == bitrix::error_class_count);

struct CodeEntry {
    std::string_view code;
    Entry entry;
};

constexpr CodeEntry codes[] = {
    {"GATEWAY_UNAUTHORIZED",
     {{"unknown key", "A call came with no client key, or with one that is not configured.",
       "Give the service its key; `b24gate keygen` makes a new one."},
      {"неизвестный ключ", "Вызов пришёл без ключа клиента или с ключом, которого нет в конфигурации.",
       "Выдайте сервису его ключ; новый создаёт `b24gate keygen`."}}},
    {"GATEWAY_FORBIDDEN",
     {{"not granted", "The client may not use this method, this portal, or its address.",
       "Extend the client's portals, allow or addresses in the configuration, if it should."},
      {"не разрешено", "Клиенту не разрешён этот метод, портал или адрес.",
       "Если доступ нужен, расширьте portals, allow или addresses клиента в конфигурации."}}},
    {"GATEWAY_NOT_FOUND",
     {{"no such path", "The path is none that Bitrix24 or the gateway knows.", "Correct the service's base URL."},
      {"нет такого пути", "Такого пути нет ни у Bitrix24, ни у шлюза.", "Исправьте базовый URL сервиса."}}},
    {"GATEWAY_BAD_REQUEST",
     {{"malformed request", "The gateway could not make sense of the request.", "One for the service's developer."},
      {"неверный запрос", "Шлюз не смог разобрать запрос.", "Вопрос к разработчику сервиса."}}},
    {"GATEWAY_BODY_TOO_LARGE",
     {{"body too large", "The request's body is above server.max_body.", "Send less at once, or raise the limit."},
      {"тело слишком велико", "Тело запроса больше server.max_body.",
       "Отправляйте меньше за раз или поднимите предел."}}},
    {"GATEWAY_HEADERS_TOO_LARGE",
     {{"headers too large", "Request line and headers are above server.max_header.",
       "Send parameters in the body, or raise the limit."},
      {"заголовки слишком велики", "Строка запроса и заголовки больше server.max_header.",
       "Передавайте параметры в теле или поднимите предел."}}},
    {"GATEWAY_QUEUE_FULL",
     {{"queue full", "More calls wait for this portal, or of this client, than may.",
       "See who fills the queue; slow that job down or make its client bulk."},
      {"очередь полна", "Портала ждёт больше вызовов, чем разрешено ему или клиенту.",
       "Посмотрите, кто заполняет очередь; замедлите задание или сделайте клиента bulk."}}},
    {"GATEWAY_DEADLINE",
     {{"out of time", "The call could not be made within its time limit.",
       "Raise the client's timeout, or find out what spends the portal's budget."},
      {"время вышло", "Вызов не успевал в отведённое ему время.",
       "Увеличьте timeout клиента или выясните, что расходует бюджет портала."}}},
    {"GATEWAY_UPSTREAM_UNREACHABLE",
     {{"portal unreachable", "No connection to the portal could be made.",
       "Check name, firewall and certificate; operations are repeated by themselves."},
      {"портал недоступен", "Не удалось установить соединение с порталом.",
       "Проверьте имя, файрвол и сертификат; операции повторятся сами."}}},
    {"GATEWAY_UPSTREAM_TIMEOUT",
     {{"portal silent", "The portal gave no answer in time.", "Look in the portal before a write is sent again."},
      {"портал молчит", "Портал не ответил вовремя.", "Прежде чем повторять запись, проверьте портал."}}},
    {"GATEWAY_BAD_ANSWER",
     {{"unreadable answer", "What the portal answered is no Bitrix24 answer.",
       "See whether a proxy or a maintenance page stands in between."},
      {"нечитаемый ответ", "Ответ портала не похож на ответ Bitrix24.",
       "Проверьте, нет ли между ними прокси или страницы обслуживания."}}},
    {"GATEWAY_REAUTH_REQUIRED",
     {{"authorize again", "The credential was refused before, so the portal is not asked any more.",
       "Authorize the application again or replace the webhook."},
      {"нужна авторизация", "Учётные данные уже отклонены, поэтому портал больше не запрашивается.",
       "Авторизуйте приложение заново или замените вебхук."}}},
    {"GATEWAY_PAUSED",
     {{"paused", "Somebody has paused the portal; operations wait.", "Resume it when the reason is gone."},
      {"на паузе", "Портал поставлен на паузу; операции ждут.", "Снимите паузу, когда причина исчезнет."}}},
    {"GATEWAY_DRAINING",
     {{"shutting down", "This gateway was about to stop.",
       "Send the call again; another gateway or the next start takes it."},
      {"шлюз завершается", "Этот шлюз останавливался.",
       "Отправьте вызов снова: его примет другой шлюз или следующий запуск."}}},
    {"GATEWAY_STORE",
     {{"store unusable", "The store gave no answer, so nothing could be promised.",
       "See the disk or the database; what was accepted before is safe."},
      {"хранилище недоступно", "Хранилище не ответило, поэтому обещать ничего было нельзя.",
       "Проверьте диск или базу; принятое раньше не потеряно."}}},
    {"GATEWAY_OUTCOME_UNKNOWN",
     {{"outcome unknown", "The call may have been carried out, and sending it again may do it twice.",
       "Look in the portal, then retry or discard it by hand."},
      {"исход неизвестен", "Вызов мог быть выполнен, а повтор может выполнить его дважды.",
       "Проверьте портал, затем повторите или снимите вручную."}}},
    {"GATEWAY_CONFLICT",
     {{"key used twice", "One Idempotency-Key was used for two different requests.",
       "The service has to make a new key for each request."},
      {"ключ занят", "Один Idempotency-Key использован для двух разных запросов.",
       "Сервис должен создавать новый ключ для каждого запроса."}}},
};

// In the order of storage::OperationState.
constexpr std::string_view states[][2] = {
    {"queued", "в очереди"},
    {"running", "выполняется"},
    {"waiting", "ждёт повтора"},
    {"succeeded", "выполнена"},
    {"failed", "отклонена"},
    {"dead", "попытки исчерпаны"},
    {"held", "нужно решение человека"},
    {"discarded", "снята"},
};
static_assert(std::size(states) == storage::operation_state_count);

struct WhyEntry {
    std::string_view why, en, ru;
};

constexpr WhyEntry whys[] = {
    {"rate_limit", "the portal's request limit was reached", "достигнут лимит запросов портала"},
    {"overload", "the portal turns requests away for load", "портал отклоняет запросы из-за нагрузки"},
    {"operating_limit", "the method has used up its running time", "метод исчерпал своё время работы"},
    {"server", "the portal answered with a fault of its own", "портал ответил собственной ошибкой"},
    {"network", "the portal could not be reached", "с порталом не удалось связаться"},
    {"timeout", "the portal gave no answer in time", "портал не ответил вовремя"},
    {"gateway", "what the portal answered could not be read", "ответ портала не удалось разобрать"},
    {"not_found", "the portal did not find the record, which may just have been made",
     "портал не нашёл запись, которая могла только что появиться"},
    {"credential", "the credential has to be authorized again", "учётные данные нужно авторизовать заново"},
    {"paused", "the portal is paused", "портал на паузе"},
    {"shutdown", "the gateway that had it was stopped", "шлюз, который её выполнял, остановлен"},
    {"lost", "the gateway that had it died", "шлюз, который её выполнял, погиб"},
    {"outcome_unknown", "it may have been carried out, and nothing tells whether",
     "она могла быть выполнена, и узнать это нельзя"},
    {"key_expired", "the portal may have forgotten its Idempotency-Key", "портал мог забыть её Idempotency-Key"},
    {"key_not_honoured", "the portal has never shown that it honours an Idempotency-Key",
     "портал ни разу не показал, что учитывает Idempotency-Key"},
    {"lookup_several", "the portal has several records of this origin",
     "на портале несколько записей с этим источником"},
    {"lookup_older", "the record was there before it was sent for the first time",
     "запись была на портале ещё до первой отправки"},
    {"lookup_refused", "the portal does not let us look for the record", "портал не даёт нам искать эту запись"},
    {"lookup_unreadable", "what the portal answered to the search proves nothing",
     "ответ портала на поиск ничего не доказывает"},
    {"lookup_failed", "searching for the record failed too often", "поиск записи слишком часто не удавался"},
};

const Entry& entry_of(ErrorClass error_class, std::string_view code) noexcept {
    if (error_class == ErrorClass::gateway || code.starts_with("GATEWAY_")) {
        const auto found = std::find_if(std::begin(codes), std::end(codes),
                                        [&](const CodeEntry& entry) { return entry.code == code; });
        if (found != std::end(codes)) return found->entry;
    }
    return classes[static_cast<std::size_t>(error_class)];
}

boost::json::object in_words(const Words& words) {
    boost::json::object out;
    out["phrase"] = words.phrase;
    out["meaning"] = words.meaning;
    out["advice"] = words.advice;
    return out;
}

std::string standing_in(const storage::OperationRecord& record, unsigned most, Language language) {
    const bool en = language == Language::en;
    const std::string_view why = words_of_why(record.why, language);
    const auto& words = words_of(error_class_of(record.error_class), record.code, language);
    switch (record.state) {
        case OperationState::queued:
            if (record.blocked)
                return en ? "Queued behind another operation of its order key."
                          : "В очереди за другой операцией с тем же ключом порядка.";
            return en ? "Queued." : "В очереди.";
        case OperationState::running: return en ? "Running now." : "Выполняется сейчас.";
        case OperationState::waiting: {
            std::string out = en ? "Waiting" : "Ждёт";
            if (!why.empty()) out += fmt::format("{}{}", en ? ", because " : ": ", why);
            out += '.';
            if (record.attempts != 0)
                out +=
                    fmt::format(fmt::runtime(en ? " {} of {} repeats are used." : " Использовано повторов: {} из {}."),
                                record.attempts, most);
            return out;
        }
        case OperationState::succeeded:
            if (record.inferred)
                return en ? "Succeeded, as the portal's records show; its answer was lost."
                          : "Выполнена, судя по записям портала; её ответ потерян.";
            return en ? "Succeeded." : "Выполнена.";
        case OperationState::failed:
            return fmt::format(fmt::runtime(en ? "Failed: {}" : "Отклонена: {}"), words.meaning);
        case OperationState::dead:
            return fmt::format(fmt::runtime(en ? "Given up after all repeats: {}" : "Попытки исчерпаны: {}"),
                               words.meaning);
        case OperationState::held:
            return fmt::format(fmt::runtime(en ? "Held for a person: {}." : "Ждёт решения человека: {}."),
                               why.empty() ? words.phrase : why);
        case OperationState::discarded: return en ? "Discarded." : "Снята.";
    }
    return {};
}

}  // namespace

const Words& words_of(ErrorClass error_class, std::string_view code, Language language) noexcept {
    return entry_of(error_class, code).in(language);
}

std::string_view words_of(OperationState state, Language language) noexcept {
    return states[static_cast<std::size_t>(state)][language == Language::en ? 0 : 1];
}

std::string_view words_of_why(std::string_view why, Language language) noexcept {
    const auto found =
        std::find_if(std::begin(whys), std::end(whys), [&](const WhyEntry& entry) { return entry.why == why; });
    if (found == std::end(whys)) return {};
    return language == Language::en ? found->en : found->ru;
}

boost::json::object explanation(ErrorClass error_class, std::string_view code) {
    boost::json::object out;
    out["en"] = in_words(words_of(error_class, code, Language::en));
    out["ru"] = in_words(words_of(error_class, code, Language::ru));
    return out;
}

boost::json::object standing(const storage::OperationRecord& record, unsigned most_attempts) {
    boost::json::object out;
    out["en"] = standing_in(record, most_attempts, Language::en);
    out["ru"] = standing_in(record, most_attempts, Language::ru);
    return out;
}

ErrorClass error_class_of(std::string_view name) noexcept {
    for (int i = 0; i < bitrix::error_class_count; ++i)
        if (to_string(static_cast<ErrorClass>(i)) == name) return static_cast<ErrorClass>(i);
    return ErrorClass::ok;
}

}  // namespace b24gate::admin
