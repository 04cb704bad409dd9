#include "daemon/io/log.hpp"

#include "daemon/core/json.hpp"
#include "daemon/core/signature.hpp"
#include "daemon/io/log_repeats.hpp"
#include "daemon/io/log_sinks.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace hookswitch {
namespace {

using log::kv;

template <class... F>
std::string text(std::string_view name, const F&... fields) {
    const log::Field all[] = {fields..., log::Field{}};
    return log::as_text(name, {all, sizeof...(fields)});
}

template <class... F>
std::string json(std::string_view name, const F&... fields) {
    const log::Field all[] = {fields..., log::Field{}};
    return log::as_json("2026-01-09T14:56:48.123Z", log::Level::info, name, {all, sizeof...(fields)});
}

TEST(LogText, NameThenFields) {
    EXPECT_EQ(text("reply.sent", kv("seq", 17), kv("kind", "tool-calls"), kv("ms", 1.5), kv("late", false)),
              "reply.sent seq=17 kind=tool-calls ms=1.5 late=false");
}

TEST(LogText, QuotesWhatAReaderCouldMistake) {
    EXPECT_EQ(text("x", kv("a", ""), kv("b", "two words"), kv("c", "k=v"), kv("d", "C:\\"), kv("e", "Zoë")),
              "x a=\"\" b=\"two words\" c=\"k=v\" d=\"C:\\\\\" e=\"Zoë\"");
}

TEST(LogText, PeerTextCannotForgeALine) {
    const std::string hostile = "x\nerror journal.lost \"{}\"";
    EXPECT_EQ(text("request.refused", kv("why", hostile)),
              "request.refused why=\"x\\x0aerror journal.lost \\\"{}\\\"\"");
}

TEST(LogText, PeerTextCannotCommandATerminal) {
    // Escape, the C1 form of it, a right-to-left override, a line separator, bytes that are not UTF-8.
    EXPECT_EQ(text("x", kv("v", "\033[2J \xC2\x9B \xE2\x80\xAE \xE2\x80\xA8 \xFF \xC0\xAF \xED\xA0\x80")),
              "x v=\"\\x1b[2J \\u009b \\u202e \\u2028 \\xff \\xc0\\xaf \\xed\\xa0\\x80\"");
}

TEST(LogText, CutsWhatNobodyReads) {
    const auto line = text("x", kv("v", std::string(100'000, 'a')));
    EXPECT_EQ(line, "x v=\"" + std::string(8192, 'a') + "...\"");
    // The limit falls into a two-byte character: the whole character goes.
    std::string accents = "a";
    for (int i = 0; i < 5'000; ++i) accents += "\xC3\xAB";
    EXPECT_EQ(text("x", kv("v", accents)), "x v=\"" + accents.substr(0, 8191) + "...\"");
}

TEST(LogJson, KeepsNumbersNumbers) {
    EXPECT_EQ(json("reply.sent", kv("seq", 17), kv("kind", "tool-calls"), kv("late", false), kv("grade", 'a'),
                   kv("ratio", std::numeric_limits<double>::quiet_NaN())),
              R"({"time":"2026-01-09T14:56:48.123Z","level":"info","event":"reply.sent","seq":17,)"
              R"("kind":"tool-calls","late":false,"grade":"a","ratio":"nan"})");
}

TEST(LogJson, IsAlwaysOneLineOfValidJson) {
    std::string every_byte;
    for (int c = 0; c < 256; ++c) every_byte += static_cast<char>(c);
    const auto line = json("x", kv("v", every_byte), kv("cut", std::string(100'000, '\xF0')));
    EXPECT_EQ(line.find('\n'), std::string::npos);
    auto document = Document::parse(line);
    ASSERT_TRUE(document) << document.error().what();

    EXPECT_EQ(json("x", kv("v", "a\"\\\n\x01\x7f\xFF é")),
              R"({"time":"2026-01-09T14:56:48.123Z","level":"info","event":"x",)"
              "\"v\":\"a\\\"\\\\\\n\\u0001\\u007f\xEF\xBF\xBD é\"}");
}

TEST(LogJournal, FieldsAreSearchableAndNewlinesAreFramed) {
    const log::Field fields[] = {kv("call", "c1"), kv("tool.name", "a\nb")};
    EXPECT_EQ(log::as_journal_entry(log::Level::warn, "handler.failed", fields),
              "MESSAGE=handler.failed call=c1 tool.name=\"a\\x0ab\"\n"
              "PRIORITY=4\n"
              "SYSLOG_IDENTIFIER=hookswitch\n"
              "HOOKSWITCH_EVENT=handler.failed\n"
              "HOOKSWITCH_CALL=c1\n"
              "HOOKSWITCH_TOOL_NAME\n" +
                  std::string("\x03\0\0\0\0\0\0\0", 8) + "a\nb\n");
}

TEST(LogNumber, IsHiddenEnough) {
    EXPECT_EQ(log::masked_number("+31612345678"), "+31*******78");
    EXPECT_EQ(log::masked_number("112"), "***");
    EXPECT_EQ(log::masked_number("12345"), "*****");
    EXPECT_EQ(log::masked_number(""), "");
    EXPECT_EQ(log::masked_number("sip:" + std::string(1'000, 'x') + "@yz").size(), 32u);
}

TEST(LogNumber, IsFoundWhereverItStands) {
    const struct {
        std::string_view text, masked;  // the same: left alone
    } cases[] = {
        {"call-_+31612345678_abc123", "call-_+31*******78_abc123"},
        {"/v1/calls/call-_%2B31612345678_abc/control", "/v1/calls/call-_+31*******78_abc/control"},
        {"call-_31612345678_abc", "call-_316******78_abc"},
        {"no contact for +31 6 1234 5678.", "no contact for +31*******78."},
        {"0612345678, 020-1234567", "061*****78, 020*****67"},
        {"tel: 06 12 34 56 78", "tel: 061*****78"},
        {"destination: '+31201234567' is busy", "destination: '+31*******67' is busy"},
        {"+31612345678 +31612345679", "+31*******78 +31*******79"},
        {"+31612345678 12345678", "+31*******78 12345678"},
        {"sip:31612345678@example.com", "sip:316******78@example.com"},
        {"01KAV4T7GZ0123456789ABCDEF", "01KAV4T7GZ0123456789ABCDEF"},
        {"5c4d030f-43e3-4e65-899e-814852166012", "5c4d030f-43e3-4e65-899e-814852166012"},
        {"5c4d030f-43e3-4e65-899e-123456789012", "5c4d030f-43e3-4e65-899e-123456789012"},
        {"2026-01-09T14:56:48.123Z", "2026-01-09T14:56:48.123Z"},
        {"2026-01-09 14:56:48,123 took 12345 ms", "2026-01-09 14:56:48,123 took 12345 ms"},
        {"timestamp 1767970608 is 301 s old", "timestamp 1767970608 is 301 s old"},
        {"at 1767970608123", "at 1767970608123"},
        {"192.168.100.200:8080", "192.168.100.200:8080"},
        {"+31*******78", "+31*******78"},
        {"1 + 1", "1 + 1"},
        {"100%", "100%"},
        {"", ""},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.text);
        const auto masked = log::masked_numbers(c.text);
        EXPECT_EQ(masked.value_or(std::string(c.text)), c.masked);
        EXPECT_EQ(masked.has_value(), c.text != c.masked);
    }
}

static_assert(log::Loggable<int> && log::Loggable<std::string> && !log::Loggable<Secret>);

/// Standard error for the length of one test.
class CapturedStderr {
public:
    CapturedStderr() {
        ::dup2(file_, STDERR_FILENO);
        ::unsetenv("JOURNAL_STREAM");
    }
    ~CapturedStderr() {
        restore();
        ::close(file_);
    }
    std::string text() const {
        std::string result(static_cast<std::size_t>(::lseek(file_, 0, SEEK_END)), '\0');
        EXPECT_EQ(::pread(file_, result.data(), result.size(), 0), static_cast<ssize_t>(result.size()));
        return result;
    }
    std::vector<std::string> lines() const {
        std::istringstream in(text());
        std::vector<std::string> result;
        for (std::string line; std::getline(in, line);) result.push_back(line);
        return result;
    }
    void restore() { ::dup2(before_, STDERR_FILENO); }

private:
    int before_ = ::dup(STDERR_FILENO);
    int file_ = ::memfd_create("stderr", 0);
};

TEST(Log, WorksBeforeStart) {
    CapturedStderr captured;
    log::info("server.ready", kv("workers", 2));
    const auto text = captured.text();
    captured.restore();
    ASSERT_EQ(text.size(), std::string("2026-01-09T14:56:48.123Z info  server.ready workers=2\n").size())
        << text;
    EXPECT_EQ(text.substr(23), "Z info  server.ready workers=2\n");
}

TEST(Log, LosesNothingAtStop) {
    CapturedStderr captured;
    log::start({log::Level::info, log::Format::automatic, true});
    for (int i = 0; i < 5'000; ++i) log::info("counted", kv("i", i));
    log::stop();
    log::info("after.stop");
    const auto lines = captured.lines();
    captured.restore();
    ASSERT_EQ(lines.size(), 5'001u);
    for (int i = 0; i < 5'000; ++i)
        ASSERT_TRUE(lines[static_cast<std::size_t>(i)].ends_with(
            "\"event\":\"counted\",\"i\":" + std::to_string(i) + "}"));
    EXPECT_TRUE(lines.back().ends_with("\"event\":\"after.stop\"}")) << "the format stays";
}

TEST(Log, ASecondStartChangesTheSettings) {
    CapturedStderr captured;
    log::start({log::Level::warn, log::Format::text, true});
    EXPECT_FALSE(log::enabled(log::Level::info));
    log::info("not.written");
    log::warn("hidden", log::number("caller", "+31612345678"), log::said("line", "Good day."));
    log::start({log::Level::debug, log::Format::text, false});
    log::debug("shown", log::number("caller", "+31612345678"), log::said("line", "Good day."));
    for (int i = 0; i < 1'000; ++i) log::debug("before");
    log::start({log::Level::debug, log::Format::json, true});
    for (int i = 0; i < 1'000; ++i) log::debug("after");
    log::stop();
    log::start({});
    log::stop();
    const auto lines = captured.lines();
    captured.restore();
    ASSERT_EQ(lines.size(), 2'002u);
    EXPECT_TRUE(
        lines[0].ends_with("Z warn  hidden caller=+31*******78 line=\"(9 bytes, kept out by log.redact)\""))
        << lines[0];
    EXPECT_TRUE(lines[1].ends_with("Z debug shown caller=+31612345678 line=\"Good day.\"")) << lines[1];
    const auto json = [](const std::string& line) { return line.starts_with('{'); };
    EXPECT_EQ(std::ranges::count_if(lines, json), 1'000) << "each line in the format of its time, none lost";
}

TEST(Log, TheFormatOfTheCommandLineGoesBeforeAnyOther) {
    CapturedStderr captured;
    log::fix_format(log::Format::text);
    log::start({log::Level::info, log::Format::json, true});
    log::info("a.line");
    log::stop();
    log::fix_format(std::nullopt);
    const auto lines = captured.lines();
    captured.restore();
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_TRUE(lines[0].ends_with("Z info  a.line")) << lines[0];
}

TEST(Log, OfWarningsThatSayTheSameSomeAreWrittenAndTheRestIsCounted) {
    CapturedStderr captured;
    log::start({log::Level::info, log::Format::text, true});
    for (int i = 0; i < 1'000; ++i) {
        log::warn("handler.failed", kv("call", "c" + std::to_string(i)), kv("handler", "desk"),
                  kv("why", "worker " + std::to_string(i) + " is gone"));
        log::info("event.accepted", kv("why", "the same"));
    }
    log::warn("handler.failed", kv("call", "other"), kv("handler", "other"), kv("why", "worker 1 is gone"));
    log::stop();
    const auto lines = captured.lines();
    captured.restore();
    const auto with = [&](std::string_view text) {
        return std::ranges::count_if(
            lines, [&](const std::string& line) { return line.find(text) != std::string::npos; });
    };
    EXPECT_EQ(with("info  event.accepted"), 1'000) << "one line per event is no flood";
    EXPECT_EQ(with("handler.failed call=c"), 30);
    EXPECT_EQ(with("handler.failed call=other handler=other"), 1);
    EXPECT_EQ(with("warn  handler.failed handler=desk why=\"worker 30 is gone\" suppressed=970"), 1);
}

TEST(LogRepeats, BeginsAnewAfterAMinute) {
    log::Repeats repeats;
    const auto begin = log::Repeats::Time(std::chrono::hours(1));
    const auto warn = [&](log::Repeats::Time now, std::string_view why) {
        const log::Field field = kv("why", why);
        return repeats.pass(log::Level::warn, "x", {&field, 1}, now);
    };
    for (int i = 0; i < 30; ++i) EXPECT_TRUE(warn(begin, "full"));
    EXPECT_FALSE(warn(begin + std::chrono::seconds(59), "full"));
    EXPECT_TRUE(warn(begin + std::chrono::seconds(59), "locked")) << "another reason";
    EXPECT_FALSE(repeats.is_due(begin + std::chrono::seconds(59)));
    ASSERT_TRUE(repeats.is_due(begin + std::chrono::seconds(60)));
    const auto due = repeats.take_due(begin + std::chrono::seconds(60));
    ASSERT_EQ(due.size(), 1u) << "nothing was held back of the other";
    EXPECT_EQ(log::as_text(due[0].name, due[0].fields), "x why=full suppressed=1");
    EXPECT_TRUE(warn(begin + std::chrono::seconds(60), "full"));
    EXPECT_FALSE(repeats.is_due(begin + std::chrono::seconds(61)));
}

TEST(LogRepeats, KeepsNoMoreThanSoManyKinds) {
    log::Repeats repeats;
    std::size_t passed = 0;
    for (int i = 0; i < 10'000; ++i) {
        std::string name = "name";
        for (int n = i; n > 0; n /= 26) name += static_cast<char>('a' + n % 26);
        passed += repeats.pass(log::Level::warn, name, {}, log::Repeats::Time());
    }
    EXPECT_EQ(passed, 1024u + 30u) << "kinds beyond that are one";
}

TEST(Log, EveryThreadMayLogAcrossStartAndStop) {
    CapturedStderr captured;
    constexpr std::size_t threads = 4, each = 500;
    log::start({});
    std::vector<std::thread> running;
    for (std::size_t t = 0; t < threads; ++t)
        running.emplace_back([t] {
            for (std::size_t i = 0; i < each; ++i) log::info("counted", kv("thread", t), kv("i", i));
        });
    log::stop();
    log::start({});
    for (auto& thread : running) thread.join();
    log::stop();
    const auto lines = captured.lines();
    captured.restore();
    EXPECT_EQ(lines.size(), threads * each);
    for (const auto& line : lines) ASSERT_TRUE(Document::parse(line)) << line;
}

TEST(Log, SaysHowManyLinesItDropped) {
    CapturedStderr captured;
    int pipe_ends[2];
    ASSERT_EQ(::pipe(pipe_ends), 0);
    ::dup2(pipe_ends[1], STDERR_FILENO);  // nobody reads yet: the log's thread is stuck after 64 KiB
    log::start({log::Level::info, log::Format::json, true});
    constexpr std::size_t written = 20'000;
    for (std::size_t i = 0; i < written; ++i) log::info("counted", kv("i", i));

    std::string received;
    std::thread reader([&] {
        char buffer[65536];
        for (ssize_t n; (n = ::read(pipe_ends[0], buffer, sizeof buffer)) > 0;)
            received.append(buffer, static_cast<std::size_t>(n));
    });
    log::stop();
    captured.restore();
    ::close(pipe_ends[1]);
    reader.join();
    ::close(pipe_ends[0]);

    std::size_t seen = 0, dropped = 0;
    std::istringstream in(received);
    for (std::string line; std::getline(in, line);) {
        const auto at = line.find("\"event\":\"log.dropped\",\"lines\":");
        if (at == std::string::npos)
            ++seen;
        else
            dropped += std::stoul(line.substr(at + 30));
    }
    EXPECT_GT(dropped, 0u);
    EXPECT_EQ(seen + dropped, written);
}

TEST(LogFormat, AutomaticAsksWhereTheLinesGo) {
    int pipe_ends[2];
    ASSERT_EQ(::pipe(pipe_ends), 0);
    struct stat status {};
    ASSERT_EQ(::fstat(pipe_ends[1], &status), 0);
    const auto stream = std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
    const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);

    ::setenv("JOURNAL_STREAM", stream.c_str(), 1);
    EXPECT_EQ(log::resolved(log::Format::automatic, pipe_ends[1]), log::Format::journald);
    EXPECT_EQ(log::resolved(log::Format::json, pipe_ends[1]), log::Format::json);
    EXPECT_EQ(log::resolved(log::Format::automatic, terminal), log::Format::text);
    ::setenv("JOURNAL_STREAM", "1:1", 1);
    EXPECT_EQ(log::resolved(log::Format::automatic, pipe_ends[1]), log::Format::json);
    ::unsetenv("JOURNAL_STREAM");
    EXPECT_EQ(log::resolved(log::Format::automatic, pipe_ends[1]), log::Format::json);
    for (int fd : {pipe_ends[0], pipe_ends[1], terminal}) ::close(fd);
}

void write_to(log::Sink& sink, std::string_view line) {
    sink.log(
        spdlog::details::log_msg("", spdlog::level::info, spdlog::string_view_t(line.data(), line.size())));
}

TEST(JournalSink, SendsOneDatagramPerLineAndFallsBackToStandardError) {
    const auto path =
        std::filesystem::temp_directory_path() / ("hookswitch-journal-" + std::to_string(::getpid()));
    const int journald = ::socket(AF_UNIX, SOCK_DGRAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.string().copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(journald, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);

    CapturedStderr captured;
    log::JournalSink sink(path.string());
    const log::Field field = kv("why", "a\nb");
    const auto entry = log::as_journal_entry(log::Level::error, "server.stopped", {&field, 1});
    write_to(sink, entry);
    char buffer[4096];
    const auto n = ::recv(journald, buffer, sizeof buffer, MSG_DONTWAIT);
    ::close(journald);
    std::filesystem::remove(path);
    write_to(sink, entry);
    const auto fallback = captured.text();
    captured.restore();

    ASSERT_EQ(n, static_cast<ssize_t>(entry.size()));
    EXPECT_EQ(std::string(buffer, entry.size()), entry);
    EXPECT_EQ(fallback, "<3>server.stopped why=\"a\\x0ab\"\n");
}

}  // namespace
}  // namespace hookswitch
