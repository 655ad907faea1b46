#include <b24gate/app/operations_command.hpp>

#include <boost/json/serialize.hpp>

#include <fmt/format.h>

#include <cstdlib>
#include <memory>

#include <b24gate/admin/query.hpp>
#include <b24gate/config/load.hpp>
#include <b24gate/config/units.hpp>

#include "admin_door.hpp"
#include "admin_place.hpp"
#include "operations_text.hpp"

namespace b24gate::app {
namespace {

namespace json = boost::json;

constexpr auto job_poll = std::chrono::milliseconds(200);

class Command {
public:
    Command(const OperationsOptions& options, AdminDoor& door, std::ostream& out, std::ostream& err)
        : options_(options), door_(door), out_(out), err_(err) {}

    int run() {
        switch (options_.action) {
            case OperationsOptions::Action::list: return list();
            case OperationsOptions::Action::show: return show();
            case OperationsOptions::Action::retry: return options_.all ? act_on_all("retry") : act("retry");
            case OperationsOptions::Action::discard: return options_.all ? act_on_all("discard") : act("discard");
        }
        return 2;
    }

private:
    int fail(int code, std::string_view message) {
        err_ << "b24gate operations: " << message << std::endl;
        return code;
    }

    /// The answer's body when all went well; else the exit code is kept.
    const json::object* ask(const std::string& path, const json::object* body = nullptr) {
        auto answer = door_.ask(path, body);
        if (!answer) {
            code_ = fail(1, answer.error());
            return nullptr;
        }
        answer_ = *std::move(answer);
        if (answer_.status < 300) return &answer_.body;
        code_ = fail(answer_.status == 400 || answer_.status == 404 ? 2 : 1, member(answer_.body, "error_description"));
        return nullptr;
    }

    /// What stands in a filter. False, with the reason said: it makes no sense.
    bool filter(std::vector<std::pair<std::string, std::string>>& out) {
        std::string states;
        for (const std::string& state : options_.states) states += (states.empty() ? "" : ",") + state;
        std::string from = options_.from;
        if (!options_.since.empty()) {
            const auto span = config::parse_duration(options_.since);
            if (!span || !from.empty()) {
                fail(2, span ? "--since and --from say the same; give one of them"
                             : fmt::format("--since is \"{}\"; write a duration like 2h or 3d", options_.since));
                return false;
            }
            const auto then = std::chrono::system_clock::now() - *span;
            from =
                std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(then.time_since_epoch()).count());
        }
        for (const auto& [name, value] : {std::pair<const char*, const std::string&>{"state", states},
                                          {"portal", options_.portal},
                                          {"client", options_.client},
                                          {"method", options_.method},
                                          {"class", options_.error_class},
                                          {"text", options_.text},
                                          {"from", from},
                                          {"until", options_.until}})
            if (!value.empty()) out.emplace_back(name, value);
        return true;
    }

    int list() {
        std::vector<std::pair<std::string, std::string>> parts;
        if (!filter(parts)) return 2;
        std::string path = "/api/v1/operations?limit=" + std::to_string(options_.limit);
        if (!options_.next.empty()) parts.emplace_back("next", options_.next);
        for (const auto& [name, value] : parts) path += "&" + name + "=" + admin::percent_encoded(value);
        const json::object* const page = ask(path);
        if (page == nullptr) return code_;
        out_ << (options_.json ? json::serialize(*page) + "\n" : operations_table(*page));
        return 0;
    }

    [[nodiscard]] std::string path_of_one(std::string_view action = {}) const {
        return fmt::format("/api/v1/operations/{}{}", admin::percent_encoded(options_.id), action);
    }

    int show() {
        const json::object* const operation = ask(path_of_one());
        if (operation == nullptr) return code_;
        out_ << (options_.json ? json::serialize(*operation) + "\n" : operation_text(*operation));
        return 0;
    }

    int act(std::string_view action) {
        if (options_.id.empty()) return fail(2, "name the operation, or give --all for all that fit the filter");
        if (!options_.yes) {
            if (const int code = show(); code != 0) return code;
            return fail(1, "nothing was done; say --yes to do it");
        }
        json::object body;
        if (!options_.reason.empty()) body["reason"] = options_.reason;
        const json::object* const operation = ask(path_of_one(fmt::format("/{}", action)), &body);
        if (operation == nullptr) return code_;
        if (options_.json)
            out_ << json::serialize(*operation) << "\n";
        else
            out_ << member(*operation, "id") << ": " << member(*operation, "state") << "\n";
        return 0;
    }

    int act_on_all(std::string_view action) {
        if (!options_.id.empty()) return fail(2, "one operation, or --all of a filter: not both");
        std::vector<std::pair<std::string, std::string>> parts;
        if (!filter(parts)) return 2;
        json::object wanted, body;
        for (const auto& [name, value] : parts) wanted[name] = value;
        body["filter"] = std::move(wanted);
        const std::string path = fmt::format("/api/v1/operations/{}", action);
        const json::object* const answer = ask(path, &body);
        if (answer == nullptr) return code_;
        const json::object plan = answer->at("plan").as_object();
        std::ostream& told = options_.json && options_.yes ? err_ : out_;
        told << (options_.json && !options_.yes ? json::serialize(plan) + "\n" : plan_text(plan));
        if (plan.at("count").to_number<std::uint64_t>() == 0) return 0;
        if (!options_.yes) return fail(1, "nothing was done; say --yes to do it");
        json::object order;
        order["plan"] = plan.at("token");
        if (!options_.reason.empty()) order["reason"] = options_.reason;
        const json::object* const begun = ask(path, &order);
        return begun == nullptr ? code_ : follow(member(begun->at("job").as_object(), "id"));
    }

    int follow(const std::string& id) {
        std::string last;
        for (;;) {
            const json::object* const job = ask("/api/v1/jobs/" + id);
            if (job == nullptr) return code_;
            const bool running = member(*job, "state") == "running";
            const std::string text = job_text(*job);
            if (!running) {
                out_ << (options_.json ? json::serialize(*job) + "\n" : text);
                return member(*job, "state") == "finished" ? 0 : 1;
            }
            if (text != last) err_ << text << std::flush;
            last = text;
            door_.pause(job_poll);
        }
    }

    const OperationsOptions& options_;
    AdminDoor& door_;
    std::ostream& out_;
    std::ostream& err_;
    AdminDoor::Answer answer_;
    int code_ = 0;
};

}  // namespace

int operations_command(const OperationsOptions& options, std::ostream& out, std::ostream& err) {
    OpenPlace place = open_place(options.place, "b24gate operations", err);
    if (place.code != 0) return place.code;
    if (!place.door) {
        auto door = open_store_door(*place.config);
        if (!door) {
            err << "b24gate operations: " << door.error() << std::endl;
            return 1;
        }
        err << "no gateway answers at " << place.url << "; this works on the store itself" << std::endl;
        place.door = std::move(*door);
    }
    Command command(options, *place.door, out, err);
    return command.run();
}

}  // namespace b24gate::app
