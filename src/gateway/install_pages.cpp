#include <b24gate/gateway/install_pages.hpp>

#include <fmt/format.h>

namespace b24gate::gateway {
namespace {

using server::Response;

struct Sentence {
    std::string_view reason, english, russian;
};

constexpr Sentence sentences[] = {
    {"state", "This authorization was not begun in this browser, or it is over. Begin again at /oauth/install.",
     "Эта авторизация начата не в этом браузере или уже завершена. Начните снова с /oauth/install."},
    {"no_code", "The portal has sent no authorization code. Begin again at /oauth/install.",
     "Портал не прислал код авторизации. Начните снова с /oauth/install."},
    {"code", "The authorization server does not take the code: it lives for 30 seconds. Begin again at /oauth/install.",
     "Сервер авторизации не принял код: он действует 30 секунд. Начните снова с /oauth/install."},
    {"other_portal", "You have authorized on another portal than the one that is meant. Nothing was stored.",
     "Вы авторизовались на другом портале, а не на нужном. Ничего не сохранено."},
    {"untold", "The authorization server did not say which portal this is. Nothing was stored.",
     "Сервер авторизации не сообщил, какой это портал. Ничего не сохранено."},
    {"other_user",
     "Tokens of another user are in use here, and you are no administrator of the portal. Nothing was stored.",
     "Здесь используются токены другого пользователя, а вы не администратор портала. Ничего не сохранено."},
    {"wrong_application_token", "The application is installed here already, under another application token.",
     "Приложение здесь уже установлено, с другим токеном приложения."},
    {"token_refused", "The portal does not accept the token. Nothing was stored.",
     "Портал не принимает токен. Ничего не сохранено."},
    {"portal_unavailable", "The portal could not be asked about the token. Try again later.",
     "Не удалось проверить токен на портале. Попробуйте позже."},
    {"server_unavailable", "The authorization server could not be asked. Try again later.",
     "Сервер авторизации недоступен. Попробуйте позже."},
    {"store", "The tokens could not be stored. Try again later.", "Не удалось сохранить токены. Попробуйте позже."},
    {"busy", "Too many authorizations at once. Try again in a minute.",
     "Слишком много авторизаций одновременно. Попробуйте через минуту."},
};

constexpr std::string_view frame_script = "BX24.init(function(){BX24.installFinish();});";
constexpr std::string_view bitrix_scripts = "https://api.bitrix24.com";

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) switch (c) {
            case '&': out += "&amp;"; break;
            case '<': out += "&lt;"; break;
            case '>': out += "&gt;"; break;
            case '"': out += "&quot;"; break;
            case '\'': out += "&#39;"; break;
            default: out += c;
        }
    return out;
}

std::string_view choose(PageLanguage language, std::string_view english, std::string_view russian) {
    return language.russian ? russian : english;
}

/// `body` is HTML, `scripts` what stands behind script-src, empty: none.
Response page(PageLanguage language, unsigned status, std::string_view title, std::string_view body,
              std::string_view scripts = {}, const std::vector<std::string>& origins = {}) {
    Response response;
    response.status = status;
    response.body = fmt::format(
        "<!DOCTYPE html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\"><title>{}</title></head>\n"
        "<body><h1>{}</h1>\n{}\n</body></html>\n",
        choose(language, "en", "ru"), escaped(title), escaped(title), body);
    std::string policy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors";
    for (const std::string& origin : origins) policy += " " + origin;
    if (origins.empty()) policy += " 'none'";
    if (!scripts.empty()) policy += fmt::format("; script-src {}", scripts);
    response.fields.add("Content-Type", "text/html; charset=utf-8");
    response.fields.add("Content-Security-Policy", policy);
    response.fields.add("Cache-Control", "no-store");
    response.fields.add("Referrer-Policy", "no-referrer");
    response.fields.add("X-Content-Type-Options", "nosniff");
    return response;
}

std::string paragraph(std::string_view text) { return fmt::format("<p>{}</p>", escaped(text)); }

}  // namespace

Response done_page(PageLanguage language, std::string_view portal, std::int64_t user_id, std::string_view until) {
    const std::string user = user_id == 0 ? std::string() : fmt::format("{}", user_id);
    std::string text = paragraph(fmt::format("{}: {}", choose(language, "Portal", "Портал"), portal));
    if (!user.empty()) text += paragraph(fmt::format("{}: {}", choose(language, "User", "Пользователь"), user));
    text += paragraph(fmt::format("{}: {}. {}", choose(language, "The access token ends", "Токен доступа действует до"),
                                  until,
                                  choose(language, "It is renewed by itself; this page can be closed.",
                                         "Он обновляется сам; эту страницу можно закрыть.")));
    return page(language, 200, choose(language, "The gateway is authorized", "Шлюз авторизован"), text);
}

Response refused_page(PageLanguage language, unsigned status, std::string_view reason,
                      const std::vector<std::string>& origins) {
    std::string_view text = choose(language, "Nothing was stored.", "Ничего не сохранено.");
    for (const Sentence& sentence : sentences)
        if (sentence.reason == reason) text = choose(language, sentence.english, sentence.russian);
    return page(language, status, choose(language, "Not authorized", "Авторизация не выполнена"), paragraph(text), {},
                origins);
}

Response installed_page(PageLanguage language, std::string_view nonce, const std::vector<std::string>& origins) {
    const std::string body = fmt::format("{}\n<script src=\"{}/api/v1/\"></script>\n<script nonce=\"{}\">{}</script>",
                                         paragraph(choose(language, "The gateway is authorized for this portal.",
                                                          "Шлюз авторизован для этого портала.")),
                                         bitrix_scripts, nonce, frame_script);
    return page(language, 200, choose(language, "Installed", "Установлено"), body,
                fmt::format("{} 'nonce-{}'", bitrix_scripts, nonce), origins);
}

Response not_found_page(PageLanguage language) {
    return page(language, 404, choose(language, "Not found", "Не найдено"),
                paragraph(choose(language, "There is nothing to authorize at this address.",
                                 "По этому адресу нечего авторизовать.")));
}

Response plain_answer(unsigned status, std::string_view text) {
    Response response;
    response.status = status;
    response.body = text;
    response.fields.add("Content-Type", "text/plain; charset=utf-8");
    response.fields.add("Cache-Control", "no-store");
    response.fields.add("X-Content-Type-Options", "nosniff");
    return response;
}

}  // namespace b24gate::gateway
