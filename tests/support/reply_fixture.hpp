#pragma once

// Makes reply handlers with a clock and lists of their own, and puts events to them.

#include "handlers/reply.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace hookswitch::test {

using namespace std::chrono_literals;

// A Friday; 13:00 in Amsterdam.
inline const std::chrono::system_clock::time_point kNoon = std::chrono::sys_days(2026y / 1 / 9) + 12h;

class ReplyTest : public testing::Test {
protected:
    ReplyTest() { std::filesystem::create_directories(directory_); }
    ~ReplyTest() override { std::filesystem::remove_all(directory_); }

    std::filesystem::path write(const std::string& name, std::string_view text) {
        const auto file = directory_ / name;
        std::ofstream(file, std::ios::binary) << text;
        return file;
    }

    static Invocation invocation(std::string_view body) {
        auto event = parse_event(body);
        EXPECT_TRUE(event) << event.error().what();
        auto shared = std::make_shared<const Event>(*std::move(event));
        Invocation result;
        result.id = "01J00000000000000000000000";
        result.tool_call = shared->tool_calls.empty() ? nullptr : &shared->tool_calls.front();
        result.event = std::move(shared);
        result.source = "main";
        result.received_at = kNoon;
        result.deadline = std::chrono::steady_clock::now() + 9s;
        return result;
    }

    // The answer to an inbound call, or to a tool call of one when there are arguments.
    static Invocation call(const std::string& caller, const std::string& arguments = "",
                           const std::string& assistant = "{}") {
        std::string body = R"({"message":{"type":")";
        body += arguments.empty() ? "assistant-request" : "tool-calls";
        body += R"(","timestamp":"2026-01-09T12:00:00.000Z","assistant":)" + assistant;
        body += R"(,"call":{"id":"c-1","type":"inbound_phone_call","status":"ringing"},)";
        body += R"("phone_number":{"number":"+31850835037","name":"Bakery"},"customer":{"number":)" + caller +
                "}";
        if (!arguments.empty())
            body +=
                R"(,"tool_call_list":[{"id":"t-1","type":"function","function":{"name":"book","arguments":)" +
                arguments + "}}]";
        return invocation(body + "}}");
    }

    std::shared_ptr<Handler> make(const ReplySettings& settings) {
        std::vector<ReplyMistake> mistakes;
        auto handler = make_reply_handler(settings, mistakes, [this] { return now_; });
        for (const auto& mistake : mistakes) ADD_FAILURE() << mistake.key << ": " << mistake.what;
        return handler;
    }

    static std::string answer(Handler& handler, Invocation invocation) {
        std::string reply = "not answered";
        handler.handle(std::move(invocation), Answer([&](Result<Outcome> outcome) {
                           reply = outcome ? outcome->reply : "error: " + outcome.error().what();
                       }));
        return reply;
    }

    static std::string mistakes_of(const ReplySettings& settings) {
        std::vector<ReplyMistake> mistakes;
        EXPECT_EQ(make_reply_handler(settings, mistakes), nullptr);
        std::string text;
        for (const auto& mistake : mistakes) text += mistake.key + ": " + mistake.what + "\n";
        return text;
    }

    // True if `when` holds, seen through a handler's answer.
    bool holds(const ReplyConditions& when, Invocation invocation) {
        ReplySettings settings;
        settings.timezone = "Europe/Amsterdam";
        settings.hours = {"Mon-Fri 09:00-17:00"};
        settings.cases = {{when, {}, R"({"result":true})"}};
        return answer(*make(settings), std::move(invocation)) == R"({"result":true})";
    }

    const std::filesystem::path directory_ =
        std::filesystem::path(testing::TempDir()) /
        (std::string("reply-") + testing::UnitTest::GetInstance()->current_test_info()->name());
    std::chrono::system_clock::time_point now_ = kNoon;
};

}  // namespace hookswitch::test
