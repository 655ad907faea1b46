#include <b24gate/notify/mail_sender.hpp>

#include <boost/asio/post.hpp>

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <mutex>
#include <utility>

#include <b24gate/net/waiter.hpp>

namespace b24gate::notify {
namespace {

namespace asio = boost::asio;
using alerts::Delivery;

struct EasyFree {
    void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
};
struct ListFree {
    void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};

struct Upload {
    std::string_view rest;
    const std::atomic<bool>& stopping;
};

std::size_t read_some(char* out, std::size_t size, std::size_t count, void* upload) {
    std::string_view& rest = static_cast<Upload*>(upload)->rest;
    const std::size_t length = std::min(size * count, rest.size());
    std::memcpy(out, rest.data(), length);
    rest.remove_prefix(length);
    return length;
}

/// Not 0: breaks off.
int look_up(void* upload, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<Upload*>(upload)->stopping ? 1 : 0;
}

std::size_t ignore(char*, std::size_t size, std::size_t count, void*) { return size * count; }

Delivery send_mail(const config::AlertChannel& channel, const std::string& text, std::chrono::milliseconds timeout,
                   const std::atomic<bool>& stopping) {
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
    const std::unique_ptr<CURL, EasyFree> easy(curl_easy_init());
    if (!easy) return alerts::judge_mail(false, 0, "no memory for a connection");
    CURL* const curl = easy.get();
    std::unique_ptr<curl_slist, ListFree> to;
    for (const std::string& address : channel.to) {
        curl_slist* const longer = curl_slist_append(to.get(), ("<" + address + ">").c_str());
        if (longer == nullptr) return alerts::judge_mail(false, 0, "no memory for the addresses");
        static_cast<void>(to.release());
        to.reset(longer);
    }
    Upload upload{text, stopping};
    std::array<char, CURL_ERROR_SIZE> problem{};
    const std::string from = "<" + channel.from + ">";
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, problem.data());
    curl_easy_setopt(curl, CURLOPT_URL, channel.server.c_str());
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
    curl_easy_setopt(curl, CURLOPT_USE_SSL, static_cast<long>(channel.plain ? CURLUSESSL_NONE : CURLUSESSL_ALL));
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    if (!channel.ca.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, channel.ca.c_str());
    if (!channel.user.empty()) {
        curl_easy_setopt(curl, CURLOPT_USERNAME, channel.user.c_str());
        curl_easy_setopt(curl, CURLOPT_PASSWORD, channel.password.reveal().c_str());
    }
    curl_easy_setopt(curl, CURLOPT_MAIL_FROM, from.c_str());
    curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, to.get());
    // One address that does not exist any more must not keep the others from hearing.
    curl_easy_setopt(curl, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, read_some);
    curl_easy_setopt(curl, CURLOPT_READDATA, &upload);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look_up);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &upload);
    const CURLcode code = curl_easy_perform(curl);
    long answer = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer);
    const std::string trouble = problem[0] != '\0' ? problem.data() : curl_easy_strerror(code);
    return alerts::judge_mail(code == CURLE_OK, static_cast<unsigned>(std::clamp(answer, 0L, 999L)), trouble);
}

}  // namespace

MailSender::MailSender(net::Worker& worker) : worker_(worker) {}

asio::awaitable<Delivery> MailSender::send(config::AlertChannel channel, std::string text,
                                           std::chrono::milliseconds timeout) {
    auto waiter = std::make_shared<net::Waiter<Delivery>>(worker_.io.get_executor());
    asio::post(threads_, [this, waiter, channel = std::move(channel), text = std::move(text), timeout] {
        waiter->fulfil(send_mail(channel, text, timeout, stopping_));
    });
    co_return co_await waiter->wait();
}

void MailSender::close() {
    stopping_ = true;
    threads_.join();
}

}  // namespace b24gate::notify
