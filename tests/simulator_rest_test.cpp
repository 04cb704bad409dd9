#include "daemon/simulator/rest_api.hpp"

#include "daemon/core/json.hpp"
#include "daemon/core/platform_operations.hpp"
#include "daemon/simulator/call_log.hpp"
#include "daemon/simulator/switchboard.hpp"
#include "daemon/simulator/workflow_graph.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

namespace hookswitch::simulator {
namespace {

using namespace std::chrono_literals;

constexpr auto kAssistant = "17a0cb75-fa09-4bdd-9a44-92a70d829c88";
constexpr auto kNumber = "4b1c6e0e-8d1f-4a34-9c5e-1f0a4f0e6f11";

// Calls that begin at once and end when the test says so.
class FakeSwitchboard final : public Switchboard {
public:
    explicit FakeSwitchboard(CallLog& log) : log_(log) {}

    std::string dial(Dial dial) override {
        CallRecord record;
        record.id = "call-outbound-" + std::to_string(dialled.size() + 1);
        record.direction = "outbound";
        record.caller = dial.from;
        record.called = dial.destination;
        record.status = "in-progress";
        record.agent_name = dial.agent_name;
        record.room_name = "outbound-room";
        record.started_at = record.created_at = record.updated_at = now;
        log_.add(record);
        dialled.push_back(std::move(dial));
        return record.id;
    }

    ControlResult control(std::string_view call, const CallCommand& command) override {
        const CallRecord* record = log_.find(call);
        if (!record) return ControlResult::not_found;
        if (record->status != "in-progress") return ControlResult::not_active;
        commands.push_back(command.body);
        return ControlResult::sent;
    }

    std::size_t active_calls() const override { return log_.size(); }

    std::vector<Dial> dialled;
    std::vector<std::string> commands;
    Milliseconds now{};

private:
    CallLog& log_;
};

struct Platform {
    explicit Platform(RestSettings settings = {}) : api(with_key(std::move(settings)), log, now) {
        api.connect(switchboard);
        switchboard.now = now;
    }

    static RestSettings with_key(RestSettings settings) {
        settings.keys = {Secret("key"), Secret("other")};
        return settings;
    }

    RestReply ask(std::string_view method, std::string_view target, std::string_view body = {},
                  std::string_view authorization = "Bearer key") {
        const auto question = std::min(target.find('?'), target.size());
        const std::string path = "/api/v1" + std::string(target.substr(0, question));
        RestRequest request{method, path, target.substr(std::min(question + 1, target.size())), authorization,
                            body};
        return api.answer(request, now);
    }

    // A member of an object in the answer: "agent.id".
    std::string value(const RestReply& reply, std::string_view pointer) {
        const auto document = Document::parse(reply.body);
        std::string text;
        simdjson::dom::element element;
        if (!document || document->root().at_pointer(pointer).get(element)) return "(none)";
        append_json(text, element);
        return text;
    }

    std::string id_of(const RestReply& reply, std::string_view envelope) {
        const std::string json = value(reply, "/" + std::string(envelope) + "/id");
        return json.size() > 2 ? json.substr(1, json.size() - 2) : json;
    }

    void end(std::string_view id, std::string_view status) {
        CallRecord& record = *log.find(id);
        record.status = status;
        record.ended_at = record.updated_at = now;
        api.on_ended(record);
    }

    Milliseconds now = parse_iso_time("2026-01-09T14:56:48.123Z").value();
    CallLog log;
    FakeSwitchboard switchboard{log};
    RestApi api;
};

RestSettings of(Era era) {
    RestSettings settings;
    settings.era = era;
    return settings;
}

std::string header(const RestReply& reply, std::string_view name) {
    for (const auto& [key, text] : reply.headers)
        if (key == name) return text;
    return "";
}

TEST(SimulatorRest, EveryOperationOfEveryEraHasAFunction) {
    for (const Era era : {Era::camel, Era::snake, Era::late}) {
        RestSettings settings = of(era);
        settings.window = WindowKind::off;
        Platform platform(settings);
        for (const PlatformOperation* operation : operations_in(era)) {
            SCOPED_TRACE(std::string(name_of(era)) + " " + std::string(operation->method) + " " +
                         std::string(operation->path));
            const std::vector<std::string> ids(operation->parameters().size(), "unknown");
            const auto path = operation->path_with(ids);
            ASSERT_TRUE(path);
            const RestReply reply = platform.ask(operation->method, *path, "{}");
            EXPECT_TRUE(Document::parse(reply.body)) << reply.body;
            EXPECT_LT(reply.status, 500);
            EXPECT_NE(reply.status, 405);
        }
    }
}

TEST(SimulatorRest, AsksForAKeyExceptForHealth) {
    Platform platform;
    for (const auto* authorization :
         {"", "key", "Bearer", "Bearer ", "Bearer wrong", "Basic key", "Bearer keys"}) {
        SCOPED_TRACE(authorization);
        const RestReply reply = platform.ask("GET", "/agents", {}, authorization);
        EXPECT_EQ(reply.status, 401);
        EXPECT_EQ(reply.body, R"({"error":"Unauthorized","message":"Invalid or missing API key"})");
        EXPECT_EQ(header(reply, "X-RateLimit-Limit"), "100");
    }
    EXPECT_EQ(platform.ask("GET", "/agents", {}, "bearer other").status, 200);
    EXPECT_EQ(platform.ask("GET", "/health", {}, "").status, 200);
}

TEST(SimulatorRest, CountsEachKeyInAWindowOfItsOwn) {
    RestSettings settings;
    settings.per_key = 2;
    Platform platform(settings);
    EXPECT_EQ(header(platform.ask("GET", "/agents"), "X-RateLimit-Remaining"), "1");
    platform.now += 20s;
    EXPECT_EQ(header(platform.ask("GET", "/agents"), "X-RateLimit-Remaining"), "0");
    const RestReply refused = platform.ask("POST", "/agents", R"({"name":"late"})");
    EXPECT_EQ(refused.status, 429);
    EXPECT_EQ(refused.body, R"({"error":{"code":"rate_limit_exceeded",)"
                            R"("message":"Too many requests. Please retry after 41 seconds."}})");
    EXPECT_EQ(header(refused, "Retry-After"), "41");
    EXPECT_EQ(header(refused, "X-RateLimit-Remaining"), "0");
    EXPECT_EQ(header(refused, "X-RateLimit-Reset"), "1767970669");  // rounded up
    EXPECT_EQ(platform.ask("GET", "/agents", {}, "Bearer other").status, 200);
    platform.now += 40s;
    const RestReply next = platform.ask("GET", "/agents");
    EXPECT_EQ(next.status, 200);
    EXPECT_EQ(platform.value(next, "/agents/1"), "(none)") << "the refused request was carried out";
}

TEST(SimulatorRest, ASlidingWindowGivesBackOneByOne) {
    RestSettings settings;
    settings.per_key = 2;
    settings.window = WindowKind::sliding;
    Platform platform(settings);
    platform.ask("GET", "/agents");
    platform.now += 30s;
    platform.ask("GET", "/agents");
    EXPECT_EQ(platform.ask("GET", "/agents").status, 429);
    platform.now += 30s;
    EXPECT_EQ(platform.ask("GET", "/agents").status, 200);
    EXPECT_EQ(platform.ask("GET", "/agents").status, 429);
}

TEST(SimulatorRest, LimitsTheCommandsOfACall) {
    Platform platform;
    const std::string call = platform.switchboard.dial({});
    for (int i = 0; i < 10; ++i)
        EXPECT_EQ(platform.ask("POST", "/calls/" + call + "/control", R"({"type":"end-call"})").status, 200);
    const RestReply refused = platform.ask("POST", "/calls/" + call + "/control", R"({"type":"end-call"})");
    EXPECT_EQ(refused.status, 429);
    EXPECT_EQ(header(refused, "X-RateLimit-Limit"), "10");
    EXPECT_EQ(header(refused, "Retry-After"), "61");  // to the whole second after the window
    EXPECT_EQ(platform.switchboard.commands.size(), 10u);
    EXPECT_EQ(header(platform.ask("GET", "/agents"), "X-RateLimit-Remaining"), "88");
}

TEST(SimulatorRest, SaysErrorsInTheShapeThatIsAskedFor) {
    const struct {
        ErrorShape shape;
        Era era;
        const char* body;
    } cases[] = {
        {ErrorShape::documented, Era::camel,
         R"({"error":{"code":"missing_field","message":"name is required","param":"name",)"
         R"("type":"invalid_request_error"}})"},
        {ErrorShape::documented, Era::snake, R"({"error":"Bad Request","message":"name is required"})"},
        {ErrorShape::b, Era::late, R"({"error":{"code":"missing_field","message":"name is required"}})"},
        {ErrorShape::c, Era::camel, R"({"error":"name is required"})"},
        {ErrorShape::d, Era::camel, R"({"error":"Bad Request","message":"name is required"})"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.body);
        RestSettings settings = of(c.era);
        settings.errors = c.shape;
        Platform platform(settings);
        const RestReply reply = platform.ask("POST", "/analysis-templates", R"({"schema":{}})");
        EXPECT_EQ(reply.status, 400);
        EXPECT_EQ(reply.body, c.body);
    }
}

TEST(SimulatorRest, TellsAPathFromAMethodThatIsUnknown) {
    Platform platform;
    EXPECT_EQ(platform.ask("GET", "/assistants").status, 404) << "not in the camel era";
    EXPECT_EQ(platform.ask("GET", "/nothing").status, 404);
    const RestReply reply = platform.ask("PUT", "/agents/1");
    EXPECT_EQ(reply.status, 405);
    EXPECT_EQ(header(reply, "Allow"), "GET, PATCH, DELETE");
}

TEST(SimulatorRest, RefusesWhatDoesNotFit) {
    const struct {
        const char *path, *body, *param;
        int status = 400;
    } cases[] = {
        {"/agents", "", "(none)"},
        {"/agents", "[]", "(none)"},
        {"/agents", "{\"name\":", "(none)"},
        {"/agents", "{}", "\"name\""},
        {"/agents", R"({"name":null})", "\"name\""},
        {"/agents", R"({"name":7})", "\"name\""},
        {"/agents", R"({"name":""})", "\"name\""},
        {"/agents", R"({"name":"a","is_active":"yes"})", "\"is_active\""},
        {"/agents", R"({"name":"a","is_active":null})", "\"is_active\""},
        {"/agents", R"({"name":"a","max_duration_seconds":1.5})", "\"max_duration_seconds\""},
        {"/agents", R"({"name":"a","max_duration_seconds":0})", "\"max_duration_seconds\""},
        {"/agents", R"({"name":"a","llm_config":[]})", "\"llm_config\""},
        {"/agents", R"({"name":"a","webhook_url":"ftp://x"})", "\"webhook_url\""},
        {"/agents", R"({"name":"a","webhook_events":["ended"]})", "\"webhook_events\""},
        {"/numbers", R"({"phone_number":"0850835037"})", "\"phone_number\""},
        {"/numbers", R"({"phone_number":"+31850835038","agent_id":"nobody"})", "(none)", 404},
        {"/numbers", R"({"phone_number":"+31850835037"})", "(none)", 409},
        {"/tool-templates", R"({"name":"t","tool_type":"other","tool_config":{}})", "\"tool_type\""},
        {"/sip-trunks", R"({"name":"t","host":"sip.example.com","port":70000})", "\"port\""},
        {"/campaigns", R"({"name":"c","agent_id":"nobody"})", "(none)", 404},
        {"/byok", R"({"provider":"nobody","api_key":"k"})", "\"provider\""},
        {"/byok", R"({"provider":"openai"})", "\"api_key\""},
        {"/domains", R"({"domain_name":"localhost"})", "\"domain_name\""},
        {"/domains/sync", R"({"resendDomainId":"rd9"})", "(none)", 404},
        {"/calls/outbound", R"({"agent_id":"17a0cb75-fa09-4bdd-9a44-92a70d829c88"})", "\"destination\""},
        {"/calls/outbound", R"({"destination":"0612345678"})", "\"destination\""},
        {"/calls/outbound", R"({"destination":"+31612345678"})", "\"agent_id\""},
        {"/calls/outbound", R"({"destination":"+31612345678","agent_id":"nobody"})", "(none)", 404},
        {"/calls/outbound", R"({"destination":"+31612345678","agent":{}})", "\"assistant.llm_config\""},
    };
    RestSettings settings;
    settings.errors = ErrorShape::a;
    Platform platform(settings);
    for (const auto& c : cases) {
        SCOPED_TRACE(std::string(c.path) + " " + c.body);
        const RestReply reply = platform.ask("POST", c.path, c.body);
        EXPECT_EQ(reply.status, c.status) << reply.body;
        EXPECT_EQ(platform.value(reply, "/error/param"), c.param) << reply.body;
    }
    EXPECT_TRUE(platform.switchboard.dialled.empty());
}

TEST(SimulatorRest, PatchKeepsWhatIsAbsentAndClearsWhatIsNull) {
    Platform platform;
    const std::string path = "/agents/" + std::string(kAssistant);
    platform.now += 1s;
    const RestReply changed = platform.ask("PATCH", path, R"({"first_message":null,"business_name":"Acme"})");
    EXPECT_EQ(changed.status, 200);
    EXPECT_EQ(platform.value(changed, "/agent/first_message"), "null");
    EXPECT_EQ(platform.value(changed, "/agent/business_name"), "\"Acme\"");
    EXPECT_EQ(platform.value(changed, "/agent/name"), "\"Desk\"");
    EXPECT_EQ(platform.value(changed, "/agent/created_at"), "\"2026-01-09T14:56:48.123Z\"");
    EXPECT_EQ(platform.value(changed, "/agent/updated_at"), "\"2026-01-09T14:56:49.123Z\"");
    EXPECT_EQ(platform.ask("PATCH", path, R"({"business_name":"Half","name":null})").status, 400);
    EXPECT_EQ(platform.value(platform.ask("GET", path), "/agent/business_name"), "\"Acme\"")
        << "half changed";

    const std::string number = "/numbers/" + std::string(kNumber);
    EXPECT_EQ(platform.value(platform.ask("GET", number), "/number/agent_name"), "\"Desk\"");
    const RestReply unassigned = platform.ask("PATCH", number, R"({"agent_id":null})");
    EXPECT_EQ(platform.value(unassigned, "/number/agent_id"), "null");
    EXPECT_FALSE(platform.api.line("+31850835037")->assistant);
}

TEST(SimulatorRest, KeepsJsonAsItCame) {
    Platform platform;
    const RestReply made =
        platform.ask("POST", "/agents",
                     R"({"name":"\"Zoë\" \u00e9","llm_config":{"b":1.50,"a":[null,{"deep":true}],"n":1e3}})");
    EXPECT_EQ(made.status, 201);
    EXPECT_EQ(platform.value(made, "/agent/name"), R"("\"Zoë\" é")");
    EXPECT_EQ(platform.value(made, "/agent/llm_config"), R"({"b":1.5,"a":[null,{"deep":true}],"n":1000.0})");
}

TEST(SimulatorRest, NeverGivesPasswordsAndKeysBack) {
    for (const Era era : {Era::camel, Era::late}) {
        SCOPED_TRACE(std::string(name_of(era)));
        Platform platform(of(era));
        const bool late = era == Era::late;
        const RestReply trunk = platform.ask(
            "POST", "/sip-trunks",
            late
                ? R"({"name":"t","provider":"p","address":"a.example.com","auth_username":"u","auth_password":"hush"})"
                : R"({"name":"t","host":"a.example.com","username":"u","password":"hush"})");
        EXPECT_EQ(trunk.status, 201);
        EXPECT_EQ(platform.value(trunk, late ? "/trunk/transport" : "/trunk/port"),
                  late ? "\"udp\"" : "5060");
        const RestReply key = platform.ask("POST", "/byok", R"({"provider":"openai","api_key":"hush"})");
        EXPECT_EQ(key.status, 200);
        EXPECT_EQ(platform.value(key, "/success"), "true");
        for (const auto* path : {"/sip-trunks", "/byok"})
            EXPECT_EQ(platform.ask("GET", path).body.find("hush"), std::string::npos);
        EXPECT_EQ(trunk.body.find("hush"), std::string::npos);
        EXPECT_NE(platform.value(platform.ask("GET", "/byok"), "/byok_keys/openai_secret_id"), "null");
        EXPECT_EQ(platform.ask("DELETE", "/byok", R"({"provider":"openai"})").status, 200);
        EXPECT_EQ(platform.value(platform.ask("GET", "/byok"), "/byok_keys/openai_secret_id"), "null");
    }
}

TEST(SimulatorRest, PagesThroughCallsNewestFirst) {
    Platform platform;
    for (int i = 0; i < 250; ++i) {
        platform.now += 1s;
        platform.switchboard.now = platform.now;
        platform.switchboard.dial({});
    }
    const RestReply first = platform.ask("GET", "/calls");
    EXPECT_EQ(platform.value(first, "/pagination"), R"({"total":250,"limit":100,"offset":0})");
    EXPECT_EQ(platform.value(first, "/calls/0/id"), "\"call-outbound-250\"");
    const RestReply last = platform.ask("GET", "/calls?limit=100&offset=200");
    EXPECT_EQ(platform.value(last, "/calls/49/id"), "\"call-outbound-1\"");
    EXPECT_EQ(platform.value(last, "/calls/50"), "(none)");
    EXPECT_EQ(platform.value(platform.ask("GET", "/calls?limit=5000"), "/pagination/limit"), "1000");
    EXPECT_EQ(platform.value(platform.ask("GET", "/calls?status=ended"), "/pagination/total"), "0");
    EXPECT_EQ(
        platform.value(platform.ask("GET", "/calls?end_date=2026-01-09T14:56:58.123Z"), "/pagination/total"),
        "10");
    EXPECT_EQ(platform.value(platform.ask("GET", "/calls?start_date=2026-01-10"), "/pagination/total"), "0");
    for (const auto* query : {"limit=0", "limit=many", "offset=-1", "start_date=yesterday", "limit=%zz"})
        EXPECT_EQ(platform.ask("GET", "/calls?" + std::string(query)).status, 400) << query;

    RestSettings strict;
    strict.clamp_limit = false;
    EXPECT_EQ(Platform(strict).ask("GET", "/calls?limit=1001").status, 400);
}

TEST(SimulatorRest, DerivesUsageFromEndedCalls) {
    for (const Era era : {Era::camel, Era::snake, Era::late}) {
        SCOPED_TRACE(std::string(name_of(era)));
        Platform platform(of(era));
        const std::string call = platform.switchboard.dial({});
        platform.now += 84s;
        platform.end(call, "ended");
        const RestReply usage = platform.ask("GET", "/usage");
        EXPECT_EQ(platform.value(usage, "/pagination/total"), "1");
        EXPECT_EQ(platform.value(usage, "/summary/total_calls"), "1");
        EXPECT_EQ(
            platform.value(usage, era == Era::camel ? "/logs/0/duration_seconds" : "/logs/0/duration_sec"),
            "84");
        EXPECT_EQ(platform.value(usage, "/logs/0/cost"), era == Era::camel ? "0.3" : "(none)");
        EXPECT_EQ(platform.value(usage, "/logs/0/call_type"), era == Era::late ? "\"phone\"" : "(none)");
        EXPECT_EQ(platform.value(platform.ask("GET", "/organizations"), "/monthly_usage_minutes"), "2");
    }
}

TEST(SimulatorRest, DialsInAllThreeModes) {
    Platform platform(of(Era::late));
    platform.ask(
        "PATCH", "/assistants/" + std::string(kAssistant),
        R"({"webhook_url":"https://a.example.com/hook","webhook_secret":"s","webhook_events":["tool-calls"]})");
    const std::string reference =
        R"("destination":"+31612345678","assistant_id":")" + std::string(kAssistant) + '"';
    EXPECT_EQ(platform.ask("POST", "/calls/outbound", "{" + reference + R"(,"first_message":"Hi"})").status,
              200);
    EXPECT_EQ(platform
                  .ask("POST", "/calls/outbound",
                       "{" + reference +
                           R"(,"assistant_override":{"tts_config":{"voice_id":"x"},"metadata":{"o":42}}})")
                  .status,
              200);
    const RestReply transient =
        platform.ask("POST", "/calls/outbound",
                     R"({"destination":"+31612345679","assistant":{"llm_config":{"provider":"xai_realtime"},)"
                     R"("webhook_url":"https://b.example.com","webhook_secret":"t"}})");
    EXPECT_EQ(transient.status, 200);
    EXPECT_EQ(platform.value(transient, "/status"), "\"dialing\"");
    EXPECT_EQ(platform.ask("POST", "/calls/outbound", "{" + reference + R"(,"assistant":{}})").status, 400);

    ASSERT_EQ(platform.switchboard.dialled.size(), 3u);
    const auto& [first, second, third] = std::tie(
        platform.switchboard.dialled[0], platform.switchboard.dialled[1], platform.switchboard.dialled[2]);
    EXPECT_EQ(first.from, "+31850835037");
    EXPECT_EQ(first.webhook_url, "https://a.example.com/hook");
    EXPECT_EQ(first.webhook_events, std::vector<std::string>{"tool-calls"});
    EXPECT_NE(first.assistant.find(R"("first_message":"Hi")"), std::string::npos);
    EXPECT_EQ(first.assistant.find("webhook"), std::string::npos);
    EXPECT_NE(second.assistant.find(R"("tts_config":{"voice_id":"x"})"), std::string::npos)
        << "a shallow merge";
    EXPECT_NE(second.assistant.find(R"("metadata":{"o":42})"), std::string::npos);
    EXPECT_EQ(third.agent_id, std::nullopt);
    EXPECT_EQ(third.webhook_url, "https://b.example.com");
    EXPECT_EQ(third.assistant, R"({"llm_config":{"provider":"xai_realtime"}})");
}

TEST(SimulatorRest, DoesNotDialForAnInactiveAssistantOrWithoutCredit) {
    RestSettings settings;
    settings.balance = 0;
    Platform platform(settings);
    const std::string body =
        R"({"destination":"+31612345678","agent_id":")" + std::string(kAssistant) + "\"}";
    const RestReply broke = platform.ask("POST", "/calls/outbound", body);
    EXPECT_EQ(broke.status, 402);
    EXPECT_EQ(broke.body, R"({"error":"Insufficient credits",)"
                          R"("message":"Your account has no credits remaining.","balance":0})");
    platform.ask("PATCH", "/agents/" + std::string(kAssistant), R"({"is_active":false})");
    EXPECT_EQ(platform.ask("POST", "/calls/outbound", body).status, 400);
    EXPECT_TRUE(platform.switchboard.dialled.empty());
}

TEST(SimulatorRest, TakesCommandsAsThePlatformsTableSays) {
    RestSettings settings;
    settings.window = WindowKind::off;
    Platform platform(settings);
    const std::string call = platform.switchboard.dial({});
    const struct {
        const char* body;
        int status;
    } cases[] = {
        {R"({"type":"say","content":"Hello","end_after":false})", 200},
        {R"({"type":"say","content":"Hello"})", 400},
        {R"({"type":"say","content":"Hello","end_after":"no"})", 400},
        {R"({"type":"say","end_after":false})", 400},
        {R"({"type":"inject-context","content":"x","trigger_response":true})", 200},
        {R"({"type":"inject-context","content":"x"})", 400},
        {R"({"type":"end-call"})", 200},
        {R"({"type":"transfer","destination":"+31201234567"})", 200},
        {R"({"type":"transfer","destination":"sip:desk@example.com","message":"One moment"})", 200},
        {R"({"type":"transfer","destination":"desk"})", 400},
        {R"({"type":"transfer"})", 400},
        {R"({"type":"dance"})", 400},
        {R"({})", 400},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.body);
        const RestReply reply = platform.ask("POST", "/calls/" + call + "/control", c.body);
        EXPECT_EQ(reply.status, c.status) << reply.body;
    }
    EXPECT_EQ(platform.switchboard.commands.size(), 5u);
    EXPECT_EQ(platform.ask("POST", "/calls/other/control", cases[0].body).status, 404);
    platform.end(call, "ended");
    EXPECT_EQ(platform.ask("POST", "/calls/" + call + "/control", cases[0].body).status, 400);
}

TEST(SimulatorRest, FindsACallByAnIdThatNeedsEncoding) {
    Platform platform;
    CallRecord record;
    record.id = "call-_+31612345678_abc123";
    record.status = "ended-with-error";
    platform.log.add(record);
    const RestReply reply = platform.ask("GET", "/calls/call-_%2B31612345678_abc123");
    EXPECT_EQ(platform.value(reply, "/id"), "\"call-_+31612345678_abc123\"");
    EXPECT_EQ(platform.value(reply, "/status"), "\"failed\"") << "the camel era knows no more";
}

TEST(SimulatorRest, CallsTheLeadsOfACampaignAFewAtATime) {
    RestSettings settings;
    settings.campaign_lines = 2;
    Platform platform(settings);
    const RestReply made = platform.ask("POST", "/campaigns",
                                        R"({"name":"c","agent_id":")" + std::string(kAssistant) +
                                            R"(","system_message_template":"Call {{name}}{{x}}."})");
    EXPECT_EQ(made.status, 201);
    EXPECT_EQ(platform.value(made, "/campaign/status"), "\"draft\"");
    EXPECT_EQ(platform.value(made, "/campaign/timezone"), "\"Europe/Amsterdam\"");
    const std::string path = "/campaigns/" + platform.id_of(made, "campaign");
    std::vector<std::string> leads;
    for (const auto* name : {"Ann", "Bob", "Cem"}) {
        const RestReply lead = platform.ask(
            "POST", path + "/leads",
            R"({"phone_number":"+31612345678","variables":{"name":")" + std::string(name) + R"("}})");
        EXPECT_EQ(lead.status, 201);
        leads.push_back(platform.id_of(lead, "lead"));
    }
    EXPECT_TRUE(platform.switchboard.dialled.empty());

    platform.ask("PATCH", path, R"({"status":"scheduled"})");
    ASSERT_EQ(platform.switchboard.dialled.size(), 2u);
    EXPECT_EQ(platform.switchboard.dialled[0].context, "Call Ann.");
    EXPECT_EQ(platform.ask("DELETE", path + "/leads/" + leads[0]).status, 409) << "it is being called";
    platform.end("call-outbound-1", "ended");
    EXPECT_EQ(platform.switchboard.dialled.size(), 3u);
    platform.end("call-outbound-2", "ended-with-error");
    EXPECT_EQ(platform.value(platform.ask("GET", path), "/campaign/status"), "\"scheduled\"");
    platform.end("call-outbound-3", "transferred");
    const RestReply done = platform.ask("GET", path);
    EXPECT_EQ(platform.value(done, "/campaign/status"), "\"completed\"");
    EXPECT_EQ(platform.value(done, "/campaign/completed_leads"), "2");
    EXPECT_EQ(platform.value(done, "/campaign/failed_leads"), "1");
    EXPECT_EQ(platform.value(platform.ask("GET", path + "/leads"), "/leads/1/status"), "\"failed\"");
    EXPECT_EQ(platform.ask("PATCH", path, R"({"name":"d"})").status, 409);
    EXPECT_EQ(platform.ask("DELETE", path).body, R"({"success":true})");
}

TEST(SimulatorRest, KeepsWhatIsInUse) {
    Platform platform(of(Era::late));
    const RestReply server =
        platform.ask("POST", "/mcp-servers",
                     R"({"name":"crm","url":"https://crm.example.com/mcp","headers":{"X-Key":"hush"}})");
    EXPECT_EQ(server.status, 201);
    EXPECT_EQ(platform.value(server, "/mcp_server/header_names"), R"(["X-Key"])");
    EXPECT_EQ(server.body.find("hush"), std::string::npos);
    const std::string id = platform.id_of(server, "mcp_server"), path = "/mcp-servers/" + id;
    EXPECT_EQ(platform.ask("POST", "/mcp-servers", R"({"name":"crm","url":"https://x.example.com"})").status,
              409);
    EXPECT_EQ(platform.ask("PATCH", path, R"({"url":"https://other.example.com"})").status, 400);
    EXPECT_EQ(platform.ask("PATCH", path, R"({"url":"https://other.example.com","headers":{}})").status, 200);
    EXPECT_EQ(platform.value(platform.ask("POST", path + "/test"), "/ok"), "true");
    const std::string assistant = "/assistants/" + std::string(kAssistant);
    platform.ask("PATCH", assistant,
                 R"({"llm_config":{"tools":[{"type":"mcp","mcp_server_id":")" + id + R"("}]}})");
    EXPECT_EQ(platform.ask("DELETE", path).status, 409);
    platform.ask("PATCH", assistant, R"({"llm_config":null})");
    EXPECT_EQ(platform.ask("DELETE", path).status, 200);

    const RestReply workflow = platform.ask(
        "POST", "/workflows",
        R"({"name":"w","definition":{"version":1,"entry_node":"end","nodes":[{"id":"end","type":"end"}]}})");
    EXPECT_EQ(workflow.status, 201) << workflow.body;
    const std::string attached = platform.id_of(workflow, "workflow");
    platform.ask("PATCH", "/numbers/" + std::string(kNumber), R"({"workflow_id":")" + attached + "\"}");
    const RestReply refused = platform.ask("DELETE", "/workflows/" + attached);
    EXPECT_EQ(refused.status, 409);
    EXPECT_NE(refused.body.find("attached to 1 phone number"), std::string::npos) << refused.body;
    platform.ask("PATCH", "/numbers/" + std::string(kNumber), R"({"workflow_id":null})");
    EXPECT_EQ(platform.ask("DELETE", "/workflows/" + attached).status, 200);
}

TEST(SimulatorRest, NamesEveryFaultOfAWorkflow) {
    const struct {
        const char *definition, *fault;
    } cases[] = {
        {R"([])", "definition must be an object"},
        {R"({"version":2,"entry_node":"a","nodes":[{"id":"a","type":"end"}]})", "version must be 1"},
        {R"({"version":1,"entry_node":"b","nodes":[{"id":"a","type":"end"}]})",
         "entry_node 'b' is not a node"},
        {R"({"version":1,"entry_node":"A","nodes":[{"id":"A","type":"end"}]})", "nodes[0].id must begin"},
        {R"({"version":1,"entry_node":"a","nodes":[{"id":"a","type":"end"},{"id":"a","type":"end"}]})",
         "used twice"},
        {R"({"version":1,"entry_node":"a","nodes":[{"id":"a","type":"conversation"}]})",
         "instructions is required"},
        {R"({"version":1,"entry_node":"a","nodes":[{"id":"a","type":"tool","tool_name":"t"}]})",
         "exactly one outgoing"},
        {R"({"version":1,"entry_node":"a","nodes":[{"id":"a","type":"end"}],"edges":[{"from":"a","to":"a"}]})",
         "to itself"},
        {R"({"version":1,"entry_node":"a","nodes":[{"id":"a","type":"conversation","instructions":"i",)"
         R"("llm_config":{"provider":"xai_realtime"}}]})",
         "realtime_provider_not_allowed_per_node"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.definition);
        const auto document = Document::parse(c.definition);
        const auto faults = faults_of_workflow(document->root());
        EXPECT_TRUE(std::ranges::any_of(faults, [&](const std::string& fault) {
            return fault.find(c.fault) != std::string::npos;
        })) << ::testing::PrintToString(faults);
    }
    Platform platform(of(Era::late));
    const RestReply reply = platform.ask("POST", "/workflows", R"({"name":"w","definition":{}})");
    EXPECT_EQ(reply.status, 400);
    EXPECT_EQ(reply.body, R"({"error":"Invalid workflow definition","details":["version must be 1",)"
                          R"("nodes must be an array with at least one node","entry_node is required"]})");
}

TEST(SimulatorRest, AnswersInsteadWhatItIsSetTo) {
    RestSettings settings;
    settings.create_says_200 = settings.delete_says_nothing = settings.refuse_unknown = settings.empty = true;
    Platform platform(settings);
    EXPECT_EQ(platform.ask("GET", "/agents").body, R"({"agents":[]})");
    EXPECT_EQ(platform.ask("POST", "/agents", R"({"name":"a","colour":"red"})").status, 400);
    const RestReply made = platform.ask("POST", "/agents", R"({"name":"a"})");
    EXPECT_EQ(made.status, 200);
    const RestReply gone = platform.ask("DELETE", "/agents/" + platform.id_of(made, "agent"));
    EXPECT_EQ(gone.status, 204);
    EXPECT_EQ(gone.body, "");
}

TEST(SimulatorRest, IsTheSameForTheSameSeed) {
    Platform one, two;
    const auto body = R"({"name":"a"})";
    EXPECT_EQ(one.ask("POST", "/agents", body).body, two.ask("POST", "/agents", body).body);
    FaultDice::Fault seen[2][50];
    for (auto& row : seen) {
        RestFaults faults;
        EXPECT_TRUE(add_fault(faults, "rest-5xx=30%"));
        EXPECT_TRUE(add_fault(faults, "rest-hang=20%"));
        FaultDice dice(faults, 7);
        for (auto& fault : row) fault = dice.next();
    }
    EXPECT_TRUE(std::ranges::equal(seen[0], seen[1]));
    EXPECT_TRUE(std::ranges::count(seen[0], FaultDice::Fault::none) > 0);
    EXPECT_TRUE(std::ranges::count(seen[0], FaultDice::Fault::hang) > 0);
    RestFaults faults;
    for (const auto* text : {"rest-5xx=30", "rest-5xx=101%", "rest-slow=5", "rest-slow", "other=5%", ""})
        EXPECT_FALSE(add_fault(faults, text)) << text;
}

}  // namespace
}  // namespace hookswitch::simulator
