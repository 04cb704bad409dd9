#include "daemon/simulator/scenario.hpp"

#include "daemon/config_table.hpp"
#include "daemon/io/read_file.hpp"

#include <array>
#include <utility>

namespace hookswitch::simulator {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr auto kLongest = 24h;
constexpr auto kPatience = 10s;  // for a command from outside, unless the step says otherwise

void read_optional(Table& in, std::string_view key, std::optional<std::string>& out) {
    if (!in.find(key)) return;
    std::string text;
    in.need(key, text);
    out = std::move(text);
}

ScenarioTool read_tool(Table in) {
    ScenarioTool tool;
    in.need_name("name", tool.name);
    tool.arguments = in.json("arguments");
    in.read("async", tool.async);
    in.read("url", tool.url);
    in.finish();
    return tool;
}

void read_moment(Table& in, Step& step, std::string_view key, Step::Kind kind) {
    bool truth = true;
    in.read(key, truth);
    if (!truth) in.mistake(key, "can only be true: without the step it does not happen");
    step.kind = kind;
}

void read_await(Table& in, Step& step) {
    in.choose<std::string>("await", step.text,
                           {{"command", ""},
                            {"say", "say"},
                            {"inject-context", "inject-context"},
                            {"transfer", "transfer"},
                            {"end-call", "end-call"}});
    step.kind = Step::Kind::await;
    step.time = kPatience;
    in.read("within", step.time, 1ms, kLongest);
}

void read_tools(Table& in, Step& step) {
    step.kind = Step::Kind::tools;
    in.each_table("tools", [&](Table tool) { step.tools.push_back(read_tool(std::move(tool))); });
    const auto* list = in.find("tools")->as_array();
    if (list && list->empty()) in.mistake("tools", "must not be empty");
}

// A step is one thing that happens; its key says which.
constexpr std::array<std::pair<std::string_view, Step::Kind>, 8> kSteps{{
    {"user", Step::Kind::user},
    {"assistant", Step::Kind::assistant},
    {"tools", Step::Kind::tools},
    {"wait", Step::Kind::wait},
    {"await", Step::Kind::await},
    {"hangup", Step::Kind::hangup},
    {"max_duration", Step::Kind::max_duration},
    {"error", Step::Kind::error},
}};

Step read_step(Table in) {
    Step step;
    std::string_view key;
    for (const auto& [name, kind] : kSteps) {
        if (!in.find(name)) continue;
        if (!key.empty()) in.mistake(name, "a step is one thing: '" + std::string(key) + "' is another one");
        key = name;
        step.kind = kind;
    }
    if (key.empty())
        in.mistake("", "a step has one of: user, assistant, tools, wait, await, hangup, max_duration, error");
    else if (step.kind == Step::Kind::tools)
        read_tools(in, step);
    else if (step.kind == Step::Kind::wait)
        in.read(key, step.time, 0ms, kLongest);
    else if (step.kind == Step::Kind::await)
        read_await(in, step);
    else if (step.kind == Step::Kind::hangup || step.kind == Step::Kind::max_duration)
        read_moment(in, step, key, step.kind);
    else
        in.need(key, step.text);
    in.finish();
    return step;
}

void read_expected(Table in, Expected& out) {
    out.reply = in.json("reply");
    out.reply_exactly = in.json("reply_exactly");
    out.tool_results = in.json("tool_results");
    in.read("said", out.said);
    in.read("injected", out.injected);
    if (in.find("configuration"))
        in.choose<std::optional<std::string>>("configuration", out.configuration,
                                              {{"default", "default"},
                                               {"assistant", "assistant"},
                                               {"hybrid", "hybrid"},
                                               {"rejected", "rejected"}});
    read_optional(in, "transferred_to", out.transferred_to);
    read_optional(in, "status", out.status);
    read_optional(in, "end_reason", out.end_reason);
    if (in.find("deliveries")) {
        std::size_t deliveries = 0;
        in.read_count("deliveries", deliveries, 0, 1'000'000);
        out.deliveries = deliveries;
    }
    in.finish();
}

void read_events(Table& in, std::vector<std::string>& out) {
    if (!in.find("webhook_events")) return;
    for (auto& item : in.items("webhook_events")) {
        if (item.ok && kind_of(item.text) == EventKind::other)
            in.mistake(*item.node, item.key,
                       "'" + item.text +
                           "' is not one of: assistant-request, tool-calls, status-update, "
                           "end-of-call-report");
        out.push_back(std::move(item.text));
    }
}

void read_dialect(Table& in, std::optional<WebhookDialect>& out) {
    if (!in.find("dialect")) return;
    std::string name;
    in.choose<std::string>("dialect", name,
                           {{"camel", "camel"}, {"snake", "snake"}, {"late", "late"}, {"legacy", "legacy"}});
    out = webhook_dialect_named(name);
}

void read_call(Table& in, Scenario& out) {
    if (in.find("name")) in.need_name("name", out.name);
    in.choose<std::string>("direction", out.direction,
                           {{"inbound", "inbound"}, {"outbound", "outbound"}, {"web", "web"}});
    read_dialect(in, out.dialect);
    read_optional(in, "caller", out.caller);
    read_optional(in, "called", out.called);
    read_optional(in, "number_name", out.number_name);
    read_optional(in, "number_id", out.number_id);
    read_optional(in, "pipeline", out.pipeline);
    read_events(in, out.webhook_events);
    out.assistant = in.json("assistant");
    in.read("rings", out.rings, 0ms, kLongest);
    in.read("report_after", out.report_after, 0ms, kLongest);
    if (in.find("max_duration")) {
        milliseconds limit{0};
        in.read("max_duration", limit, 1ms, kLongest);
        out.max_duration = limit;
    }
    if (in.find("report")) {
        bool report = true;
        in.read("report", report);
        out.report = report;
    }
    read_optional(in, "summary", out.summary);
    read_optional(in, "recording_url", out.recording_url);
    out.analysis = in.json("analysis");
}

void check(Table& in, const Scenario& scenario) {
    if (scenario.direction == "web")
        for (const std::string_view key : {"caller", "called"})
            if (in.find(key)) in.mistake(key, "a web call has no numbers");
    if (scenario.direction != "web" && !in.find("called")) in.mistake("called", "missing");
    if (scenario.direction == "outbound" && !in.find("caller")) in.mistake("caller", "missing");
}

std::filesystem::path installed_scenarios() {
    std::error_code unknown;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", unknown);
    return self.parent_path() / "../share/hookswitch/scenarios";
}

}  // namespace

Result<Scenario> parse_scenario(std::string_view text, const std::filesystem::path& path) {
    ConfigFile file(path);
    const auto root = file.parse(text);
    if (!root) return fail(Errc::invalid_config, file.mistakes());
    Scenario scenario;
    scenario.name = path.stem().string();
    Table in(*root, "", file);
    read_call(in, scenario);
    check(in, scenario);
    in.each_table("step", [&](Table step) { scenario.steps.push_back(read_step(std::move(step))); });
    in.table("expect", [&](Table expect) { read_expected(std::move(expect), scenario.expect); });
    in.finish();
    if (file.faulty()) return fail(Errc::invalid_config, file.mistakes());
    return scenario;
}

Result<Scenario> load_scenario(const std::filesystem::path& file) {
    TRY(const auto text, read_file(file));
    return parse_scenario(text, file);
}

Result<std::filesystem::path> find_scenario(const std::string& name, const std::filesystem::path& directory) {
    namespace fs = std::filesystem;
    std::error_code ignored;  // what cannot be looked at is not there
    if (fs::is_regular_file(name, ignored)) return fs::path(name);
    std::vector<fs::path> places{"config/scenarios", installed_scenarios()};
    if (!directory.empty()) places.insert(places.begin(), directory);
    const bool is_name = name.find('/') == std::string::npos;
    for (const auto& place : places)
        if (const auto file = place / (name + ".toml"); is_name && fs::is_regular_file(file, ignored))
            return file;
    std::string looked_at;
    for (const auto& place : places) looked_at += (looked_at.empty() ? "" : " or ") + place.string();
    return fail(Errc::invalid_config, "no scenario '" + name + "': neither a file nor a name in " +
                                          looked_at + ": give a file, or --scenarios DIR");
}

std::string numbered(std::string_view number, std::size_t n) {
    std::string out(number);
    for (auto c = out.rbegin(); c != out.rend(); ++c) {
        if (*c != '#') continue;
        *c = static_cast<char>('0' + n % 10);
        n /= 10;
    }
    return out;
}

}  // namespace hookswitch::simulator
