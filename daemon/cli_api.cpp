// The options of `hookswitch api`, made from the table of operations.

#include "daemon/cli_spec.hpp"
#include "daemon/core/json.hpp"
#include "daemon/core/moment.hpp"

#include <algorithm>

namespace hookswitch::cli {
namespace {

using Type = PlatformField::Type;

constexpr const char* kBodyGroup = "Members of the body";
constexpr const char* kQueryGroup = "Which ones";

/// What a verb does, where the table does not say it.
std::string what_of(const PlatformOperation& operation) {
    if (!operation.what.empty()) return std::string(operation.what);
    if (operation.verb == "list") return "All of them";
    if (operation.verb == "get") return "One, by its id";
    if (operation.verb == "create") return "Make one";
    if (operation.verb == "update") return "Change what is given, leave the rest";
    if (operation.verb == "delete") return "Remove it";
    return "";
}

std::string upper(std::string text) {
    for (char& c : text)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return text;
}

std::string words_of(const PlatformOperation& operation) {
    std::string words = std::string(operation.resource) + ' ' + std::string(operation.verb);
    for (const auto name : operation.parameters()) words += ' ' + upper(std::string(name));
    return words;
}

std::string type_name_of(Type type) {
    switch (type) {
        case Type::text: return "TEXT";
        case Type::integer: return "N";
        case Type::boolean: return "true|false";
        case Type::texts: return "A,B,...";
        case Type::json:
        case Type::secret:
        case Type::secret_json: return "FILE";
    }
    return "";
}

bool is_from_file(Type type) {
    return type == Type::json || type == Type::secret || type == Type::secret_json;
}

std::string option_of(const PlatformField& field) {
    return "--" + field.option_name() + (is_from_file(field.type) ? "-file" : "");
}

// Both, where the camel era's name is another one: "--assistant-id,--agent-id".
std::string names_of(const PlatformField& field) {
    if (field.camel.empty()) return option_of(field);
    const PlatformField older{field.camel, field.type, {}};
    return option_of(field) + ',' + option_of(older);
}

std::string example_of(const PlatformOperation& operation, const PlatformResource& resource) {
    const std::string words = std::string(operation.resource) + ' ' + std::string(operation.verb);
    if (resource.example == words || resource.example.starts_with(words + ' '))
        return std::string(resource.example);
    std::string text = words_of(operation);
    for (const PlatformField& field : operation.fields)
        if (field.required && operation.verb != "update")
            text += ' ' + option_of(field) + ' ' + type_name_of(field.type);
    if (operation.verb == "update") text += " --data changes.json";
    return text;
}

std::string integer_json(const std::string& option, const std::string& text) {
    const bool digits = !text.empty() && text.size() < 16 &&
                        std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
    if (!digits || (text.size() > 1 && text[0] == '0'))
        throw CLI::ValidationError(option, "'" + text + "' is not a whole number");
    return text;
}

std::string boolean_json(const std::string& option, const std::string& text) {
    if (text != "true" && text != "false")
        throw CLI::ValidationError(option, "'" + text + "' is neither true nor false");
    return text;
}

std::string texts_json(std::string_view text) {
    std::string array = "[";
    while (!text.empty()) {
        const auto end = std::min(text.find(','), text.size());
        if (array.size() > 1) array += ',';
        append_json_string(array, text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return array + ']';
}

std::string json_of(const PlatformField& field, const std::string& text) {
    switch (field.type) {
        case Type::integer: return integer_json(option_of(field), text);
        case Type::boolean: return boolean_json(option_of(field), text);
        case Type::texts: return texts_json(text);
        default: return json_string(text);
    }
}

// " [late]"; nothing, if it is in every era.
std::string in_brackets(const std::string& eras) {
    return eras == "camel, snake, late" ? "" : " [" + eras + "]";
}

std::string description_of(const PlatformField& field, const PlatformOperation& operation) {
    return std::string(field.what) + (field.required && operation.verb != "update" ? " [needed]" : "") +
           in_brackets(eras_text(field.in));
}

std::string description_of(const PlatformResource& resource) {
    std::string eras;
    for (const PlatformOperation& operation : platform_operations()) {
        if (operation.resource != resource.name) continue;
        const std::string text = eras_text(operation.in);
        if (!eras.empty() && text != eras) return std::string(resource.what);
        eras = text;
    }
    return std::string(resource.what) + in_brackets(eras);
}

void add_member_option(CLI::App* command, const PlatformOperation& operation, const PlatformField& field,
                       Api& args) {
    command
        ->add_option_function<std::string>(
            names_of(field),
            [&args, &field](const std::string& text) {
                ApiMember member{&field, option_of(field), ApiMember::From::json, {}, true};
                if (is_from_file(field.type)) {
                    member.from = ApiMember::From::file;
                    member.value = text;
                } else {
                    member.value = json_of(field, text);
                }
                args.members.push_back(std::move(member));
            },
            description_of(field, operation))
        ->type_name(type_name_of(field.type))
        ->group(kBodyGroup);
}

// The field that people mean, by any of its names; null: the table has none such.
const PlatformField* field_called(const PlatformOperation& operation, std::string_view name) {
    const auto field = std::ranges::find_if(operation.fields, [&](const PlatformField& f) {
        return name == f.name || name == f.camel || name == f.option_name();
    });
    return field == operation.fields.end() ? nullptr : &*field;
}

void set_member(const PlatformOperation& operation, const std::string& text, Api& args) {
    const auto equals = text.find('=');
    if (equals == 0 || equals == std::string::npos)
        throw CLI::ValidationError("--set", "'" + text + "' is not NAME=JSON");
    std::string name = text.substr(0, equals), value = text.substr(equals + 1);
    const PlatformField* field = field_called(operation, name);
    if (field && field->is_secret())
        throw CLI::ValidationError(
            "--set", name + " is a secret: give it by " + option_of(*field) + ", or in the file of --data");
    if (!Document::parse(value))
        throw CLI::ValidationError(
            "--set", "what is set for " + name + " is not JSON: a text is written '" + name + "=\"...\"'");
    args.members.push_back({field, std::move(name), ApiMember::From::json, std::move(value), false});
}

void add_body_options(CLI::App* command, const PlatformOperation& operation, Api& args) {
    command
        ->add_option_function<std::string>(
            "--data", [&args](const std::string& file) { args.data = file; },
            "File with the body, a JSON object; - for standard input. The options below replace its members")
        ->type_name("FILE")
        ->group(kBodyGroup);
    for (const PlatformField& field : operation.fields) add_member_option(command, operation, field, args);
    command
        ->add_option_function<std::vector<std::string>>(
            "--null",
            [&args, &operation](const std::vector<std::string>& names) {
                for (const auto& name : names)
                    args.members.push_back(
                        {field_called(operation, name), name, ApiMember::From::null, {}, false});
            },
            "Send null for this one, which clears it; what is left out stays as it is")
        ->type_name("NAME")
        ->expected(1)
        ->take_all()
        ->group(kBodyGroup);
    command
        ->add_option_function<std::vector<std::string>>(
            "--set",
            [&args, &operation](const std::vector<std::string>& texts) {
                for (const auto& text : texts) set_member(operation, text, args);
            },
            "Any other one: NAME=JSON")
        ->type_name("NAME=JSON")
        ->expected(1)
        ->take_all()
        ->group(kBodyGroup);
}

// A time goes out as it was written; a duration is so long ago.
std::string checked_query(const PlatformField& field, const std::string& text) {
    const std::string option = option_of(field);
    if (field.type == Type::integer) {
        const std::string number = integer_json(option, text);
        if (field.name == "limit" &&
            (number == "0" || number.size() > 4 || (number.size() == 4 && number > "1000")))
            throw CLI::ValidationError(option, "must be between 1 and 1000");
        return number;
    }
    if (field.type == Type::boolean) return boolean_json(option, text);
    if (field.name.ends_with("_date") && !parse_moment(text))
        throw CLI::ValidationError(option, "'" + text +
                                               "' is neither a time such as 2026-01-09T14:00:00Z nor a date "
                                               "nor a duration such as 2h (ago)");
    return text;
}

void add_query_options(CLI::App* command, const PlatformOperation& operation, Api& args) {
    for (const PlatformField& field : operation.query)
        command
            ->add_option_function<std::string>(
                option_of(field),
                [&args, &field](const std::string& text) {
                    args.query.emplace_back(&field, checked_query(field, text));
                },
                description_of(field, operation))
            ->type_name(field.name.ends_with("_date") ? "TIME" : type_name_of(field.type))
            ->group(kQueryGroup);
    if (operation.paged())
        command->add_flag("--all", args.all, "Every page, one after the other")->group(kQueryGroup);
}

void add_output_options(CLI::App* command, const PlatformOperation& operation, Api& args) {
    auto* json = command->add_flag("--json", args.json, "What the answer holds, as JSON");
    auto* raw = command->add_flag("--raw", args.raw, "The whole answer as it came, with what is around it")
                    ->excludes(json);
    if (operation.paged()) raw->excludes("--all");
    if (operation.answer.shape == PlatformAnswer::Shape::list)
        command->add_flag("--wide", args.wide, "Cut nothing in the table")->excludes(json)->excludes(raw);
}

std::vector<std::string> files_of(const Api& args) {
    std::vector<std::string> files{args.place.api_key_file.string()};
    if (args.data) files.push_back(args.data->string());
    for (const auto& member : args.members)
        if (member.from == ApiMember::From::file) files.push_back(member.value);
    return files;
}

void check_together(const Api& args, const PlatformOperation& operation) {
    for (auto member = args.members.begin(); member != args.members.end(); ++member) {
        const bool again = std::any_of(args.members.begin(), member, [&](const ApiMember& other) {
            return member->field ? other.field == member->field : other.name == member->name;
        });
        if (again) throw CLI::ValidationError(member->name, "is given twice");
    }
    const auto files = files_of(args);
    if (std::ranges::count(files, "-") > 1)
        throw CLI::ValidationError("standard input can be read once, but several files are \"-\"");
    if (operation.body == PlatformOperation::Body::required && !args.data && args.members.empty())
        throw CLI::ValidationError("nothing to send: give --data or members of the body");
}

Spec operation_command(CLI::App& family, const PlatformOperation& operation, const PlatformResource& resource,
                       Api& args) {
    auto* command =
        add(family, std::string(operation.verb).c_str(),
            (what_of(operation) + in_brackets(eras_text(operation.in))).c_str(),
            "  hookswitch api " + example_of(operation, resource) + "\n\n" + std::string(operation.method) +
                ' ' + std::string(operation.path) + " in the eras " + eras_text(operation.in) + ".");
    for (std::size_t i = 0; const auto name : operation.parameters()) {
        command
            ->add_option_function<std::string>(
                upper(std::string(name)), [&args](const std::string& id) { args.ids.push_back(id); },
                i++ == 0 && operation.resource != "campaign-leads" ? "Its id"
                                                                   : "Id of the " + std::string(name))
            ->required();
    }
    add_query_options(command, operation, args);
    if (operation.body != PlatformOperation::Body::none) add_body_options(command, operation, args);
    add_output_options(command, operation, args);
    add_platform(command, args.place);
    return {command, [&args, &operation]() -> Command {
                args.resource = operation.resource;
                args.verb = operation.verb;
                check_together(args, operation);
                return args;
            }};
}

}  // namespace

std::vector<Spec> api_commands(CLI::App& app, Api& args, std::string_view chosen) {
    auto* api = add(app, "api", "Every operation of the platform's REST API",
                    "  hookswitch api numbers list\n"
                    "\n"
                    "'hookswitch api RESOURCE --help' shows what can be done with a resource,\n"
                    "'hookswitch api RESOURCE VERB --help' the options, with an example.");
    api->require_subcommand(1);
    std::vector<Spec> specs;
    for (const PlatformResource& resource : platform_resources()) {
        auto* family = add(*api, std::string(resource.name).c_str(), description_of(resource).c_str(),
                           "  hookswitch api " + std::string(resource.example));
        family->require_subcommand(1);
        // Hundreds of options: only those that can be meant.
        if (resource.name != chosen) continue;
        for (const PlatformOperation& operation : platform_operations())
            if (operation.resource == resource.name)
                specs.push_back(operation_command(*family, operation, resource, args));
    }
    return specs;
}

}  // namespace hookswitch::cli
