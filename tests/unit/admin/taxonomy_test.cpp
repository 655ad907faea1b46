#include <doctest/doctest.h>

#include <set>

#include <b24gate/admin/json_text.hpp>
#include <b24gate/admin/taxonomy.hpp>
#include <b24gate/bitrix/envelope.hpp>
#include <b24gate/operations/state_machine.hpp>

using namespace b24gate;
using namespace b24gate::admin;
using bitrix::ErrorClass;

namespace {

bool is_russian(std::string_view text) {
    return text.find("\xD0") != std::string_view::npos || text.find("\xD1") != std::string_view::npos;
}

void check_words(const Words& en, const Words& ru) {
    for (const std::string_view text : {en.phrase, en.meaning, en.advice}) {
        CHECK_FALSE(text.empty());
        CHECK_FALSE_MESSAGE(is_russian(text), text);
    }
    for (const std::string_view text : {ru.phrase, ru.meaning, ru.advice}) CHECK_MESSAGE(is_russian(text), text);
    CHECK(en.phrase.size() < 30);
}

}  // namespace

TEST_CASE("every class and every code of the gateway has its words in both languages") {
    std::set<std::string_view> phrases;
    for (int i = 0; i < bitrix::error_class_count; ++i) {
        const auto error_class = static_cast<ErrorClass>(i);
        check_words(words_of(error_class, "", Language::en), words_of(error_class, "", Language::ru));
        CHECK(phrases.insert(words_of(error_class, "", Language::en).phrase).second);
        CHECK(error_class_of(to_string(error_class)) == error_class);
    }
    const std::string_view other = words_of(ErrorClass::gateway, "", Language::en).phrase;
    for (int i = 0; i <= static_cast<int>(bitrix::GatewayCode::conflict); ++i) {
        const std::string_view code = to_string(static_cast<bitrix::GatewayCode>(i));
        INFO(code);
        check_words(words_of(ErrorClass::gateway, code, Language::en),
                    words_of(ErrorClass::gateway, code, Language::ru));
        CHECK(words_of(ErrorClass::gateway, code, Language::en).phrase != other);
    }
    // A code of ours says more than the class it comes with; a portal's does not.
    CHECK(words_of(ErrorClass::timeout, "GATEWAY_UPSTREAM_TIMEOUT", Language::en).phrase == "portal silent");
    CHECK(words_of(ErrorClass::validation, "ERROR_ARGUMENT", Language::en).phrase == "data refused");
    CHECK(error_class_of("nonsense") == ErrorClass::ok);
}

TEST_CASE("every reason to wait or to be held has its words in both languages") {
    using operations::Why;
    for (int i = 1; i <= static_cast<int>(Why::lookup_failed); ++i) {
        const std::string_view why = to_string(static_cast<Why>(i));
        CHECK_FALSE_MESSAGE(words_of_why(why, Language::en).empty(), why);
        CHECK_MESSAGE(is_russian(words_of_why(why, Language::ru)), why);
    }
    CHECK(words_of_why("nonsense", Language::en).empty());
}

TEST_CASE("how an operation stands is a sentence") {
    storage::OperationRecord record;
    record.state = storage::OperationState::waiting;
    record.why = "server";
    record.attempts = 3;
    const std::string text = to_text(standing(record, 8));
    CHECK(text.find("Waiting, because the portal answered with a fault of its own. 3 of 8 repeats are used.") !=
          std::string::npos);
    for (int i = 0; i < storage::operation_state_count; ++i) {
        record.state = static_cast<storage::OperationState>(i);
        const auto both = standing(record, 8);
        CHECK(both.at("en").as_string().ends_with('.'));
        CHECK(is_russian(std::string_view(both.at("ru").as_string())));
        CHECK(is_russian(words_of(record.state, Language::ru)));
    }
}

TEST_CASE("numbers and texts of an answer are JSON whatever they are") {
    boost::json::object object;
    object["whole"] = std::int64_t{9'007'199'254'740'993};
    object["third"] = 1.0 / 3;
    object["none"] = -0.0001;
    object["text"] = std::string("<script>\"\n\xFF");
    object["list"] = {1, 2.5, nullptr, true};
    CHECK(to_text(object) ==
          "{\"whole\":9007199254740993,\"third\":0.333,\"none\":0,\"text\":\"<script>\\\"\\n\xEF\xBF\xBD\","
          "\"list\":[1,2.5,null,true]}");
    CHECK(time_value(0).is_null());
    CHECK(time_value(storage::never).is_null());
    CHECK(time_value(1000).as_string() == "1970-01-01T00:00:01.000Z");
}
