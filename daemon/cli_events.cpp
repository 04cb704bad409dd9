#include "daemon/cli_spec.hpp"
#include "daemon/core/units.hpp"

namespace hookswitch::cli {
namespace {

constexpr std::size_t kMostRows = 1'000'000;

void add_place(CLI::App* command, JournalPlace& place) {
    add_config(command, place.config);
    command->add_option("--journal", place.journal, "Journal file, instead of what the configuration says")
        ->type_name("FILE");
}

void add_moment(CLI::App* command, const char* name, std::optional<Moment>& value, const char* description) {
    command
        ->add_option_function<std::string>(
            name,
            [&value, name](const std::string& text) {
                value = parse_moment(text);
                if (!value)
                    throw CLI::ValidationError(name,
                                               "'" + text +
                                                   "' is neither a time such as 2026-01-09T14:00:00Z nor "
                                                   "a duration such as 2h (ago)");
            },
            description)
        ->type_name("TIME");
}

void add_text(CLI::App* command, const char* name, std::optional<std::string>& value,
              const char* description) {
    command
        ->add_option_function<std::string>(
            name, [&value](const std::string& text) { value = text; }, description)
        ->type_name("TEXT");
}

void add_state(CLI::App* command, std::optional<std::string>& value) {
    command
        ->add_option_function<std::string>(
            "--state", [&value](const std::string& text) { value = text; },
            "What became of it: answered or unanswered (waited-for events); stored (no handler wants it), "
            "pending, waiting (for a retry), delivered, dead")
        ->type_name("STATE")
        ->check(
            CLI::IsMember({"answered", "unanswered", "stored", "pending", "waiting", "delivered", "dead"}));
}

void add_filter(CLI::App* command, EventsFilter& filter) {
    add_text(command, "--call", filter.call, "Of this call");
    add_text(command, "--type", filter.type, "Of this type, as the platform spells it: tool-calls");
    add_text(command, "--source", filter.source, "Received by this source");
    add_text(command, "--caller", filter.caller, "Of calls from this number, as the platform spells it");
    add_moment(command, "--since", filter.since, "Received then or later: a time, a date, or a duration ago");
    add_moment(command, "--until", filter.until, "Received before then");
    add_state(command, filter.state);
    add_text(command, "--handler", filter.handler, "That this handler has to get, or answered");
}

Spec list_command(CLI::App& events, EventsList& args) {
    auto* command = add(events, "list", "Events, newest first",
                        "  hookswitch events list --caller +31612345678 --since 2h\n"
                        "  hookswitch events list --state dead --json | jq .id\n"
                        "\n"
                        "With --json: JSON Lines, one object for each event, no array around them.");
    add_place(command, args.place);
    add_filter(command, args.filter);
    command->add_option("--limit", args.limit, "At most so many")
        ->type_name("N")
        ->check(CLI::Range(std::size_t{1}, kMostRows))
        ->capture_default_str();
    command->add_flag("--json", args.json, "JSON Lines instead of a table");
    return {command, [&args] { return args; }};
}

Spec show_command(CLI::App& events, EventsShow& args) {
    auto* command = add(events, "show", "Everything about one event, or the timeline of one call",
                        "  hookswitch events show 01JH5Z0M6T8R4N2V7K3XQ9WEBD\n"
                        "  hookswitch events show 5c4d030f-43e3-4e65-899e-8148521e660f");
    add_place(command, args.place);
    command->add_option("ID", args.what, "Id of an event (ULID) or of a call")->required();
    auto* raw =
        command->add_flag("--raw", args.raw, "The body of the event as it was received, nothing else");
    command->add_flag("--json", args.json, "One JSON object")->excludes(raw);
    return {command, [&args] { return args; }};
}

Spec tail_command(CLI::App& events, EventsTail& args) {
    auto* command = add(events, "tail", "Events as they come, until interrupted",
                        "  hookswitch events tail --type end-of-call-report\n"
                        "\n"
                        "The state is that of the moment when an event is shown. With --json: JSON Lines.");
    add_place(command, args.place);
    add_filter(command, args.filter);
    command->add_option("--last", args.last, "Begin with so many that are there already")
        ->type_name("N")
        ->check(CLI::Range(std::size_t{0}, kMostRows))
        ->capture_default_str();
    command->add_flag("--json", args.json, "JSON Lines instead of a table");
    return {command, [&args] { return args; }};
}

Spec export_command(CLI::App& events, EventsExport& args) {
    auto* command = add(
        events, "export", "Recorded deliveries, oldest first, for `hookswitch replay`",
        "  hookswitch events export --since 2026-01-09 --until 2026-01-10 --output calls.jsonl\n"
        "  hookswitch events export --call 5c4d030f-43e3-4e65-899e-8148521e660f --redact > shared.jsonl\n"
        "\n"
        "--redact replaces numbers, names, ids and texts, the same by the same within one export;\n"
        "keys, types, statuses, tool names, times and numbers stay. Look through it before you share it.");
    add_place(command, args.place);
    add_filter(command, args.filter);
    command
        ->add_option("--output", args.output,
                     "File to write, readable by its owner only; - is standard output")
        ->type_name("FILE")
        ->capture_default_str();
    command->add_flag("--redact", args.redact, "Replace what tells who called and what was said");
    return {command, [&args] { return args; }};
}

Spec redeliver_command(CLI::App& events, EventsRedeliver& args) {
    auto* command =
        add(events, "redeliver", "Hand told-only events to their handlers again",
            "  hookswitch events redeliver 01JH5Z0M6T8R4N2V7K3XQ9WEBD\n"
            "  hookswitch events redeliver --dead --handler crm --dry-run\n"
            "  hookswitch events redeliver --type end-of-call-report --since 2h\n"
            "\n"
            "A running daemon begins within a second, a stopped one at its next start. Deliveries that are\n"
            "still pending are left alone, and those that wait for a retry unless their event is named by "
            "its id.");
    add_place(command, args.place);
    add_filter(command, args.filter);
    command->add_option("ID", args.ids, "Ids of events");
    command->add_flag("--dead", args.dead, "All deliveries that were given up");
    command->add_flag("--dry-run", args.dry_run, "Print what would be done");
    command->add_flag("--json", args.json, "Print the outcome as one JSON object");
    return {command, [&args, command]() -> Command {
                EventsFilter rest = args.filter;
                rest.handler.reset();  // restricts all three
                const bool by_filter = !rest.empty() || (args.filter.handler && args.ids.empty());
                if (args.ids.empty() && !args.dead && !by_filter)
                    throw CLI::ValidationError("name events by their ids, by a filter, or with --dead");
                if (!args.ids.empty() && (args.dead || !rest.empty()))
                    throw CLI::ValidationError("name events either by their ids or by a filter");
                if (args.dead && args.filter.state) throw CLI::ValidationError("--dead excludes --state");
                return args;
            }};
}

Spec purge_command(CLI::App& events, EventsPurge& args) {
    auto* command =
        add(events, "purge", "Erase what is too old, or all about one person",
            "  hookswitch events purge\n"
            "  hookswitch events purge --older-than 7d --dry-run\n"
            "  hookswitch events purge --caller +31612345678\n"
            "\n"
            "Without --caller: what the retention of the configuration says, now; events that a handler\n"
            "still has to get are kept. With --caller: every event of every call that has to do with this\n"
            "number, also what is not delivered yet, and the space is overwritten. There is no way back.");
    add_place(command, args.place);
    auto* older = command->add_option_function<std::string>(
        "--older-than",
        [&args](const std::string& text) {
            args.older_than = parse_duration(text);
            if (!args.older_than)
                throw CLI::ValidationError("--older-than",
                                           "'" + text + "' is not a duration such as \"30d\"");
        },
        "Instead of the retention of the configuration");
    older->type_name("DURATION");
    command
        ->add_option_function<std::string>(
            "--caller", [&args](const std::string& text) { args.caller = text; },
            "Erase all calls from or to this number, or in which it is mentioned")
        ->type_name("NUMBER")
        ->excludes(older);
    command->add_flag("--dry-run", args.dry_run, "Print what would be erased");
    command->add_flag("--json", args.json, "Print the report as one JSON object");
    return {command, [&args] { return args; }};
}

}  // namespace

std::vector<Spec> events_commands(CLI::App& app, EventsValues& values) {
    values.family = add(app, "events", "Look into the journal: find, show, export, redeliver, erase events",
                        "  hookswitch events list --since 1h\n"
                        "\n"
                        "'hookswitch events COMMAND --help' shows the options of a command.");
    CLI::App& events = *values.family;
    events.require_subcommand(1);
    return {list_command(events, values.list),           show_command(events, values.show),
            tail_command(events, values.tail),           export_command(events, values.exported),
            redeliver_command(events, values.redeliver), purge_command(events, values.purge)};
}

}  // namespace hookswitch::cli
