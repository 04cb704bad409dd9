// The bodies that the local platform writes are, member for member, those that the real one was seen to send.

#include "daemon/simulator/webhook_body.hpp"

#include "daemon/core/recording.hpp"
#include "daemon/simulator/webhook_sender.hpp"
#include "tests/support/fixtures.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace hookswitch::simulator {
namespace {

constexpr std::string_view kCall = "5c4d030f-43e3-4e65-899e-8148521e660f";
constexpr std::string_view kAssistant =
    R"({"llm_config":{"provider":"openai","model":"gpt-4.1"},"stt_config":{"provider":"deepgram","model":"nova-3",)"
    R"("language":"nl"},"tts_config":{"provider":"elevenlabs","voice_id":"ukiwGs47sHyibruHJ1vg"},)"
    R"("first_message":"Hello, how can I help you?","autonomous_silence_handling":false,)"
    R"("voicemail_detection":false,"metadata":{"crm_id":"12345","campaign_id":"summer-2025",)"
    R"("customer_tier":"premium"}})";

Milliseconds time(std::string_view text) { return parse_iso_time(text).value(); }

CallFacts call(std::string_view dialect, std::string_view status,
               std::string_view at = "2025-12-13T12:00:00.000Z") {
    CallFacts facts;
    facts.dialect = webhook_dialect_named(dialect).value();
    facts.at = time(at);
    facts.id = kCall;
    facts.direction = "inbound";
    facts.status = status;
    facts.number = "+31850835037";
    facts.number_name = dialect == "camel" ? "Flireo Demo" : "HMS Sovereign Demo";
    facts.customer = "+31612345678";
    facts.assistant = kAssistant;
    return facts;
}

CallFacts legacy(std::string_view id, std::int64_t at, std::string_view status = "") {
    auto facts = call("legacy", status);
    facts.id = id;
    facts.at = Milliseconds(std::chrono::milliseconds(at));
    facts.number = "+31850123456";
    facts.customer = "+31601234567";
    return facts;
}

CallFacts web(CallFacts facts) {
    facts.direction = "web";
    facts.number = facts.number_name = facts.customer = std::nullopt;
    return facts;
}

void expect_fixture(const std::string& name, const std::string& body) {
    SCOPED_TRACE(name);
    const std::string recorded = test::fixture(name);
    const auto difference = first_difference({200, recorded}, {200, body});
    EXPECT_FALSE(difference) << difference->where << ": " << difference->recorded << " became "
                             << difference->got;
    const auto theirs = parse_event(recorded);
    const auto ours = parse_event(body);
    ASSERT_TRUE(theirs && ours);
    EXPECT_EQ(ours->dialect, theirs->dialect);
    EXPECT_EQ(ours->kind, theirs->kind);
    EXPECT_EQ(ours->call_id, theirs->call_id);
    EXPECT_EQ(ours->direction, theirs->direction);
    EXPECT_EQ(ours->caller, theirs->caller);
    EXPECT_EQ(ours->called, theirs->called);
    EXPECT_EQ(ours->sent_at, theirs->sent_at);
}

TEST(WebhookBody, AssistantRequest) {
    for (const std::string dialect : {"camel", "snake"}) {
        auto facts = call(dialect, "ringing");
        expect_fixture(dialect + "-assistant-request-no-pipeline.json", assistant_request_body(facts));
        facts.pipeline = "standard";
        expect_fixture(dialect + "-assistant-request-basic.json", assistant_request_body(facts));
        facts.pipeline = std::nullopt;
        facts.customer = std::nullopt;
        expect_fixture(dialect + "-assistant-request-no-caller-id.json", assistant_request_body(facts));
    }
    expect_fixture("legacy-assistant-request-basic.json", assistant_request_body(legacy("", 0)));
}

TEST(WebhookBody, ToolCalls) {
    const std::vector<ToolUse> one{{"tool_abc123def456", "lookup_contact", R"({"query":"Voorbeeld Klant"})"}};
    const std::vector<ToolUse> none{{"tool_empty", "get_opening_hours", ""}};
    const std::vector<ToolUse> three{
        {"tool_0001", "lookup_contact", R"({"query":"+31612345678"})"},
        {"tool_0002", "check_availability",
         R"({"date":"2025-12-19","slots":[9,10.5,14],"filters":{"branch":"Utrecht","remote":null}})"},
        {"tool_0003", "book_appointment",
         R"({"date":"2025-12-19","time":"14:00","note":"graag \"achterom\" — poort\ttweede\nlinks"})"}};
    for (const std::string dialect : {"camel", "snake"}) {
        auto facts = call(dialect, "in-progress");
        facts.pipeline = "standard";  // told once, with the assistant-request
        expect_fixture(dialect + "-tool-calls-single.json", tool_calls_body(facts, one));
        expect_fixture(dialect + "-tool-calls-empty-arguments.json", tool_calls_body(facts, none));
        expect_fixture(dialect + "-tool-calls-three.json", tool_calls_body(facts, three));
    }
    auto bare = call("snake", "in-progress");
    bare.assistant = "";
    expect_fixture("snake-tool-calls-no-assistant.json", tool_calls_body(bare, one));
}

TEST(WebhookBody, LegacyToolCalls) {
    const auto facts = legacy("875573b5-4458-45be-bac2-4d2b869f8297", 1756278882619);
    const std::vector<ToolUse> no_payload{{"call_kLsrD3eFvY6bko67BqTb7iXc", "ask_email", ""}};
    const std::vector<ToolUse> three{{"call_abc123", "find_slot", R"({"date":"2025-09-01"})"},
                                     {"call_def456", "send_email", R"({"to":"klant@example.com"})"},
                                     {"call_ghi789", "log_note", "{}"}};
    expect_fixture("legacy-tool-calls-no-payload.json", tool_calls_body(facts, no_payload));
    expect_fixture("legacy-tool-calls-three.json", tool_calls_body(facts, three));
}

TEST(WebhookBody, StatusUpdate) {
    const std::string at_end = "2025-12-13T12:05:00.000Z";
    for (const std::string dialect : {"camel", "snake"}) {
        auto facts = call(dialect, "in-progress");
        expect_fixture(dialect + "-status-update-in-progress.json", status_update_body(facts, {}, {}));
        expect_fixture(dialect + "-status-update-web-call.json", status_update_body(web(facts), {}, {}));
        facts.direction = "outbound";
        expect_fixture(dialect + "-status-update-outbound.json", status_update_body(facts, {}, {}));
        // Only the late dialect says why.
        expect_fixture(dialect + "-status-update-ended.json",
                       status_update_body(call(dialect, "ended", at_end), {}, "user_hangup"));
        expect_fixture(
            dialect + "-status-update-ended-with-error.json",
            status_update_body(call(dialect, "ended-with-error", at_end), "STT connection failed", "error"));
    }
    expect_fixture("snake-status-update-ended-late.json",
                   status_update_body(call("late", "ended", at_end), {}, "user_hangup"));
    expect_fixture("snake-status-update-unknown-status.json",
                   status_update_body(call("late", "transferred", at_end), {}, {}));
}

TEST(WebhookBody, LegacyStatusUpdate) {
    const auto facts = [](std::string_view status) {
        return legacy("d0132d99-a7a4-4826-ad7b-72fee9f6f61f", 1756368117035, status);
    };
    expect_fixture("legacy-status-update-in-progress.json", status_update_body(facts("in-progress"), {}, {}));
    expect_fixture("legacy-status-update-ended.json", status_update_body(facts("transferred"), {}, {}));
    expect_fixture("legacy-status-update-ended-with-debugging.json",
                   status_update_body(facts("ended-with-error"),
                                      "Couldn't Get Assistant. Assistant Request Did Not Return One.", {}));
}

TEST(WebhookBody, Report) {
    for (const std::string dialect : {"camel", "snake"}) {
        auto facts = call(dialect, "ended", "2025-12-13T12:05:30.000Z");
        facts.assistant = "";
        ReportFacts report;
        expect_fixture(dialect + "-end-of-call-report-minimal.json", report_body(facts, report));
        report.duration = std::chrono::milliseconds(84'999);
        report.summary = "Klant vroeg naar openingstijden en wilde een afspraak maken voor volgende week.";
        report.analysis =
            R"({"sentiment":8,"hoofdonderwerp":"Afspraak maken","vraag_beantwoord":true,"gesprek_kwaliteit":"Goed"})";
        expect_fixture(dialect + "-end-of-call-report-basic.json", report_body(facts, report));
    }
}

TEST(WebhookBody, LateReport) {
    auto facts = call("late", "ended", "2025-12-13T12:05:30.000Z");
    facts.number_id = "7f8a9b2c-3d4e-4f60-8a1b-9c0d1e2f3a4b";
    const std::vector<TranscriptLine> lines{{"system", "Gesprek gestart."},
                                            {"assistant", "Hello, how can I help you?"},
                                            {"user", "Wat zijn jullie openingstijden?"},
                                            {"assistant", "Maandag tot en met vrijdag van 9 tot 17 uur."}};
    ReportFacts report;
    report.duration = std::chrono::seconds(84);
    report.summary = "Openingstijden doorgegeven.";
    report.end_reason = "user_hangup";
    report.started_at = time("2025-12-13T12:04:06.000Z");
    report.ended_at = time("2025-12-13T12:05:30.000Z");
    report.messages = &lines;
    report.analysis = R"({"intent":"support","resolved":true})";
    report.recording_url = "https://storage.example.com/recordings/a.mp3";
    expect_fixture("snake-end-of-call-report-full-late.json", report_body(facts, report));

    const std::vector<TranscriptLine> silence;
    ReportFacts short_one;
    short_one.duration = std::chrono::seconds(20);
    short_one.summary = "Kort webgesprek.";
    short_one.end_reason = "max_duration";
    short_one.messages = &silence;
    facts.number_id = std::nullopt;
    expect_fixture("snake-end-of-call-report-web-call.json", report_body(web(facts), short_one));
}

TEST(WebhookBody, LegacyReport) {
    const std::vector<TranscriptLine> lines{
        {"assistant", "Goedemiddag, met het voorbeeldbedrijf, hoe kan ik u vandaag helpen?"},
        {"user", "Hallo, ik heb een vraag over jullie diensten."},
        {"assistant", "Natuurlijk! Kunt u iets meer vertellen?"},
        {"user", "Ik ben geïnteresseerd in technische functies."}};
    ReportFacts report;
    report.duration = std::chrono::milliseconds(132'500);
    report.summary =
        "Introductiegesprek; de beller toonde interesse in technische functies en kreeg een vervolgafspraak "
        "aangeboden.";
    report.recording_url = "https://storage.example.com/recordings/example.mp3?token=EXAMPLE_TOKEN";
    report.messages = &lines;
    expect_fixture("legacy-end-of-call-report-basic.json",
                   report_body(legacy("cc1abf4a-d005-44a8-825f-702334e8d4c8", 1756294820944), report));
}

std::string header(const std::vector<std::pair<std::string, std::string>>& headers, std::string_view name) {
    for (const auto& [key, value] : headers)
        if (key == name) return value;
    return "none";
}

// The vector "simple" of the protocol's signatures.json.
TEST(WebhookHeaders, SignedInEveryStyle) {
    const std::string hex = "13349242cfe1472819b5990abe25032a94ef87791e2b954e883063c6c0200856";
    const std::optional<SigningKey> key{SigningKey(Secret("whsec_test_secret_12345"))};
    const auto signature = [&](SignatureStyle style) {
        const auto headers = webhook_headers(EventKind::tool_calls, R"({"a":1})", key, style, "1700000000");
        EXPECT_EQ(header(headers, "Content-Type"), "application/json");
        EXPECT_EQ(header(headers, "User-Agent"), "HMS-Sovereign/1.0");
        EXPECT_EQ(header(headers, "X-Webhook-Event"), "tool-calls");
        EXPECT_EQ(header(headers, "X-Webhook-Timestamp"), "1700000000");
        return header(headers, "X-Webhook-Signature");
    };
    EXPECT_EQ(signature(SignatureStyle::prefixed), "sha256=" + hex);
    EXPECT_EQ(signature(SignatureStyle::bare), hex);
    EXPECT_EQ(signature(SignatureStyle::none), "none");
    EXPECT_EQ(signature(SignatureStyle::wrong), "sha256=0" + hex.substr(1));
    const auto unsigned_one = webhook_headers(EventKind::tool_calls, "", {}, SignatureStyle::prefixed, "1");
    EXPECT_EQ(header(unsigned_one, "X-Webhook-Signature"), "none");
}

}  // namespace
}  // namespace hookswitch::simulator
