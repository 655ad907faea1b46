#include <CLI/CLI.hpp>

#include <iostream>

#include <b24gate/app/alerts_command.hpp>
#include <b24gate/app/application.hpp>
#include <b24gate/app/keygen.hpp>
#include <b24gate/app/operations_command.hpp>
#include <b24gate/app/status_command.hpp>
#include <b24gate/app/tokens_command.hpp>

int main(int argc, char** argv) {
    using namespace b24gate;
    CLI::App program("An HTTP gateway in front of Bitrix24: services point their Bitrix24 base URL at it.", "b24gate");
    program.set_version_flag("--version", "b24gate " B24GATE_VERSION " (" B24GATE_COMMIT ")");
    program.require_subcommand(1);

    std::string config = "conf/b24gate.toml";
    auto* serve = program.add_subcommand("serve", "Run the gateway");
    serve->add_option("--config", config, "The configuration file")->capture_default_str();

    auto* check = program.add_subcommand("check", "Validate a configuration file: exit code 0 or 2");
    check->add_option("--config", config, "The configuration file")->required();

    std::string name;
    bool store = false;
    auto* keygen = program.add_subcommand("keygen", "Make a client key; it is printed once");
    keygen->add_option("NAME", name, "The client's name");
    keygen->add_flag("--store", store, "Make a key for [store] encryption_key instead");

    app::TokensOptions tokens;
    auto* tokens_group = program.add_subcommand("tokens", "The token store: list, import, refresh, remove, rekey");
    tokens_group->require_subcommand(1);
    const auto tokens_action = [&](const char* action, const char* text, app::TokensOptions::Action value) {
        auto* command = tokens_group->add_subcommand(action, text);
        command->add_option("--config", config, "The configuration file")->capture_default_str();
        command->callback([&tokens, value] { tokens.action = value; });
        return command;
    };
    using TokensAction = app::TokensOptions::Action;
    tokens_action("list", "States, expiries and ages; never a secret", TokensAction::list)
        ->add_flag("--json", tokens.json, "As JSON");
    tokens_action("import",
                  "Read tokens from standard input: the authorization server's JSON answer as it came, with "
                  "\"portal\" and \"credential\" added; one object or an array",
                  TokensAction::import);
    for (auto* command : {tokens_action("refresh", "Renew an access token now", TokensAction::refresh),
                          tokens_action("remove", "Forget a credential's tokens", TokensAction::remove)}) {
        command->add_option("PORTAL", tokens.portal, "The portal's name")->required();
        command->add_option("CREDENTIAL", tokens.credential, "The credential's name, when there are several");
    }
    tokens_action("rekey", "Encrypt everything with the current [store] encryption_key, while gateways run",
                  TokensAction::rekey);

    app::OperationsOptions operations;
    auto* operations_group = program.add_subcommand("operations", "The durable operations: list, show, retry, discard");
    operations_group->require_subcommand(1);
    using OperationsAction = app::OperationsOptions::Action;
    const auto operations_action = [&](const char* action, const char* text, OperationsAction value) {
        auto* command = operations_group->add_subcommand(action, text);
        command->add_option("--config", config, "The configuration file")->capture_default_str();
        command->add_option("--url", operations.place.url,
                            "The admin port, like http://127.0.0.1:9080, instead of a configuration; the key is then "
                            "in B24GATE_ADMIN_KEY");
        command->add_flag("--json", operations.json, "As JSON");
        command->callback([&operations, value] { operations.action = value; });
        return command;
    };
    const auto filters = [&](CLI::App* command) {
        command
            ->add_option("--state", operations.states,
                         "queued, running, waiting, succeeded, failed, dead, held, discarded; several with commas")
            ->delimiter(',');
        command->add_option("--portal", operations.portal, "The portal's name");
        command->add_option("--client", operations.client, "The client's name");
        command->add_option("--method", operations.method, "The method, * for any run of letters");
        command->add_option("--class", operations.error_class, "The class of the last error");
        command->add_option("--text", operations.text, "Anywhere in id, method, client, portal, class, code, reason");
        command->add_option("--from", operations.from, "Created at or after, like 2026-01-31T12:00:00Z");
        command->add_option("--until", operations.until, "Created before");
        command->add_option("--since", operations.since, "Created in the last 30m, 2h, 3d");
    };
    auto* list = operations_action("list", "The newest first", OperationsAction::list);
    filters(list);
    list->add_option("--limit", operations.limit, "How many")->capture_default_str()->check(CLI::Range(1, 500));
    list->add_option("--next", operations.next, "Go on behind an earlier list");
    operations_action("show", "One operation with its attempts and answers", OperationsAction::show)
        ->add_option("ID", operations.id, "The operation")
        ->required();
    for (auto* command :
         {operations_action("retry",
                            "Begin one anew, or all that fit a filter: of those that failed "
                            "or died; held ones only where --state names them",
                            OperationsAction::retry),
          operations_action("discard", "Give one up, or all that fit a filter", OperationsAction::discard)}) {
        command->add_option("ID", operations.id, "The operation");
        command->add_flag("--all", operations.all, "All that fit the filter: shows a plan first");
        command->add_flag("--yes", operations.yes, "Do it; without, it is only shown");
        command->add_option("--reason", operations.reason, "For the audit");
        filters(command);
    }

    app::AlertsOptions alerts;
    auto* alerts_group = program.add_subcommand("alerts", "The channels of alerts: test");
    alerts_group->require_subcommand(1);
    auto* alerts_test = alerts_group->add_subcommand("test", "Send a test through a channel, and show what it says");
    alerts_test->add_option("CHANNEL", alerts.channel, "As [alerts.channels.NAME] calls it")->required();
    alerts_test->add_option("--config", config, "The configuration file")->capture_default_str();
    alerts_test->add_option("--url", alerts.place.url,
                            "The admin port, like http://127.0.0.1:9080, instead of a configuration; the key is then "
                            "in B24GATE_ADMIN_KEY");

    app::StatusOptions status;
    auto* status_group = program.add_subcommand("status", "One screen: portals, budgets, breakers, queues, tokens");
    status_group->add_option("--config", config, "The configuration file")->capture_default_str();
    status_group->add_option("--url", status.place.url,
                             "The admin port, like http://127.0.0.1:9080, instead of a configuration; the key is then "
                             "in B24GATE_ADMIN_KEY");
    status_group->add_flag("--json", status.json, "As JSON");
    status_group->add_flag("--watch", status.watch, "Anew every two seconds");

    try {
        program.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        const int code = program.exit(error, std::cout, std::cerr);
        return code == 0 ? 0 : 2;
    }
    try {
        if (serve->parsed()) return app::serve(config);
        if (check->parsed()) return app::check_command(std::cout, std::cerr, config);
        if (tokens_group->parsed()) {
            tokens.config = config;
            return app::tokens_command(tokens, std::cin, std::cout, std::cerr);
        }
        if (operations_group->parsed()) {
            operations.place.config = config;
            return app::operations_command(operations, std::cout, std::cerr);
        }
        if (alerts_group->parsed()) {
            alerts.place.config = config;
            return app::alerts_test_command(alerts, std::cout, std::cerr);
        }
        if (status_group->parsed()) {
            status.place.config = config;
            return app::status_command(status, std::cout, std::cerr);
        }
        return app::keygen_command(std::cout, name, store);
    } catch (const std::exception& error) {
        std::cerr << "b24gate: " << error.what() << std::endl;
        return 2;
    }
}
