#include "daemon/io/journal_purge.hpp"

#include "tests/support/journal_builder.hpp"
#include "tests/support/temp_dir.hpp"

#include <gtest/gtest.h>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;
using test::at;
using test::JournalBuilder;

const Milliseconds kNow = at("2026-02-09T14:00:00Z");

struct PurgeTest : testing::Test {
    PurgeStep step(PurgeLimits limits) {
        (void)journal.file();
        auto done = purge_step(journal.database(), limits, kNow);
        EXPECT_TRUE(done) << done.error().what();
        return done ? *done : PurgeStep();
    }

    std::string left() {
        std::string seqs;
        (void)journal.file();
        auto rows = journal.database().prepare("SELECT seq FROM event ORDER BY seq").value();
        while (rows.step().value()) seqs += (seqs.empty() ? "" : " ") + std::to_string(rows.integer(0));
        return seqs;
    }

    test::TempDir dir;
    JournalBuilder journal{dir.path() / "hookswitch.db"};
};

TEST_F(PurgeTest, ErasesWhatIsOldAndSettled) {
    const auto old = at("2026-01-01T00:00:00Z"), young = at("2026-02-08T00:00:00Z");
    journal.add({.type = "assistant-request", .handlers = {}, .received_at = old});  // 1: unanswered for long
    journal.add({.type = "tool-calls", .handlers = {}, .received_at = old});         // 2: answered
    journal.add({.handlers = "", .received_at = old});                               // 3: nobody's
    journal.add({.handlers = "crm\nlog", .received_at = old});                       // 4: delivered
    journal.add({.handlers = "crm\nlog", .received_at = old});                       // 5: pending for log
    journal.add({.handlers = "crm", .received_at = old});                            // 6: waiting
    journal.add({.handlers = "crm", .received_at = old});                            // 7: dead
    journal.add({.handlers = "crm", .received_at = old});                            // 8: to be redelivered
    journal.add({.handlers = "crm", .received_at = at("2027-01-01T00:00:00Z")});     // 9: a clock ahead
    journal.add({.handlers = "", .received_at = old});                               // 10
    journal.add({.handlers = "", .received_at = young});                             // 11
    journal.answer(2, "2026-01-01T00:00:01Z", "{}", "[]");
    for (const std::int64_t seq : {4, 5, 8})
        journal.attempt(seq, "crm", 1, "2026-01-01T00:00:01Z", "delivered");
    journal.attempt(4, "log", 1, "2026-01-01T00:00:01Z", "delivered");
    journal.attempt(6, "crm", 1, "2026-01-01T00:00:01Z", "failed", "no", "2026-03-01T00:00:00Z");
    journal.attempt(7, "crm", 1, "2026-01-01T00:00:01Z", "dead", "no");
    journal.sql("INSERT INTO redelivery(seq, handler, requested_at) VALUES(8, 'crm', 0)");

    const auto done = step({.retention = 30 * 24h});
    EXPECT_EQ(left(), "5 6 8 9 11");
    EXPECT_EQ(done.events, 6u);
    EXPECT_EQ(done.types.at("status-update"), 4u);
    EXPECT_EQ(done.first_at, old);
    EXPECT_EQ(done.last_at, old);
    EXPECT_FALSE(done.more);
    EXPECT_EQ(journal.number("SELECT count(*) FROM answer"), 0);
    EXPECT_EQ(journal.number("SELECT count(*) FROM attempt WHERE seq IN (4, 7)"), 0);
    EXPECT_EQ(journal.number("SELECT count(*) FROM unsettled"), 1);
    EXPECT_EQ(journal.number("SELECT value FROM meta WHERE key = 'next_seq'"), 11);
    EXPECT_EQ(step({.retention = 30 * 24h}).events, 0u);
}

TEST_F(PurgeTest, GoesOnInSteps) {
    for (int i = 0; i < 30; ++i) journal.add({});
    PurgeLimits limits{.retention = 1h, .rows = 8};
    PurgeStep all;
    int steps = 0;
    do {
        all.add(step(limits));
        limits.from = all.next;
        ++steps;
        EXPECT_LE(all.events, 8u * static_cast<unsigned>(steps));
    } while (all.more);
    EXPECT_EQ(all.events, 30u);
    EXPECT_EQ(left(), "");
    EXPECT_EQ(journal.number("SELECT value FROM meta WHERE key = 'next_seq'"), 31);
    EXPECT_GE(steps, 4);
}

TEST_F(PurgeTest, PassesOverWhatIsNotSettledWithoutLookingAtAllOfItAtOnce) {
    for (int i = 0; i < 50; ++i) journal.add({.handlers = "crm"});
    journal.add({});
    PurgeLimits limits{.retention = 1h, .rows = 2};
    PurgeStep all;
    do {
        all.add(step(limits));
        limits.from = all.next;
    } while (all.more);
    EXPECT_EQ(all.events, 1u);
    EXPECT_EQ(journal.number("SELECT count(*) FROM event"), 50);
}

TEST_F(PurgeTest, DropsBucketsThatBecomeEmpty) {
    for (std::int64_t seq = 1; seq < 17'000; ++seq) journal.add({.call = "c" + std::to_string(seq / 4)});
    EXPECT_EQ(journal.number("SELECT count(*) FROM bucket"), 2);
    // All of the first bucket and one event of the second.
    const auto received = at("2026-01-09T14:00:00Z") + std::chrono::seconds(8193);
    PurgeLimits limits{.retention = kNow - received};
    PurgeStep all;
    do {
        all.add(step(limits));
        limits.from = all.next;
    } while (all.more);
    EXPECT_EQ(all.events, 8192u);
    EXPECT_EQ(journal.number("SELECT min(bucket) FROM bucket"), 1);
    EXPECT_EQ(journal.number("SELECT min(slice) FROM search"), 64);
    EXPECT_EQ(journal.number("SELECT seq FROM event ORDER BY seq LIMIT 1"), 8193);
    EXPECT_LT(journal.number("PRAGMA freelist_count"), 64);  // given back as it went
    // One that was complete only after its events had gone.
    journal.sql("INSERT INTO bucket VALUES(0, 0, 0); INSERT INTO search VALUES(0, '')");
    EXPECT_EQ(step({.retention = kNow - received - 2s}).events, 2u);
    EXPECT_EQ(journal.number("SELECT min(bucket) FROM bucket"), 1);
    EXPECT_EQ(journal.number("SELECT min(slice) FROM search"), 64);
}

TEST_F(PurgeTest, KeepsTheFileWithinItsSize) {
    const std::string body(3000, 'x');
    for (int i = 0; i < 2000; ++i) {
        std::string own = body;
        for (std::size_t k = 0; k < own.size(); ++k)
            own[k] = static_cast<char>('a' + (k * 7919 + static_cast<std::size_t>(i) * 104729) % 4099 % 26);
        journal.add({.body = own});
    }
    (void)journal.file();
    const auto before = used_bytes(journal.database()).value();
    const PurgeLimits start{.max_size = before / 2, .rows = 50};
    PurgeLimits limits = start;
    PurgeStep all;
    do {
        all.add(step(limits));
        limits.from = all.next;
    } while (all.more);
    const auto after = used_bytes(journal.database()).value();
    EXPECT_LE(after, before / 2);
    EXPECT_GT(after, before / 3);
    EXPECT_GT(all.events, 500u);
    EXPECT_LT(all.events, 1500u);
    EXPECT_EQ(step(start).events, 0u);
}

TEST_F(PurgeTest, ErasesTheBodiesOfReportsEarlier) {
    journal.add({.type = "end-of-call-report", .handlers = "", .body = "{\"a\":1}"});
    journal.add({.type = "status-update", .handlers = "", .body = "{\"a\":2}"});
    journal.add({.type = "end-of-call-report", .handlers = "crm", .body = "{\"a\":3}"});
    journal.add(
        {.type = "end-of-call-report", .handlers = "", .body = "{\"a\":4}", .received_at = kNow - 1h});
    const PurgeLimits limits{.retention = 90 * 24h, .report_retention = 7 * 24h};
    const auto preview = purge_preview(journal.database(), limits, kNow).value();
    EXPECT_EQ(preview.bodies, 0u);  // nothing was written yet
    (void)journal.file();
    EXPECT_EQ(purge_preview(journal.database(), limits, kNow).value().bodies, 1u);
    EXPECT_EQ(step(limits).bodies, 1u);
    EXPECT_EQ(journal.number("SELECT count(*) FROM event"), 4);
    EXPECT_EQ(journal.number("SELECT group_concat(seq) FROM event WHERE encoding = 2"), 1);
    EXPECT_EQ(journal.number("SELECT size FROM event WHERE seq = 1"), 7);
    EXPECT_EQ(step(limits).bodies, 0u);
}

TEST_F(PurgeTest, WithoutLimitsDoesNothing) {
    journal.add({.received_at = at("2000-01-01T00:00:00Z")});
    EXPECT_EQ(step({}).events, 0u);
    EXPECT_EQ(left(), "1");
}

TEST_F(PurgeTest, ErasesAnswersThatAreStillToComeNot) {
    journal.add({.type = "tool-calls", .handlers = {}, .received_at = kNow - 10s});
    EXPECT_EQ(step({.retention = 1s}).events, 0u);
    journal.answer(1, "2026-02-09T13:59:55Z", "{}", "[]");
    EXPECT_EQ(step({.retention = 1s}).events, 1u);
}

// ---- persons ---------------------------------------------------------------------------------------

TEST(MentionsNumber, TakesItInEverySpellingButNotAsPartOfAnother) {
    for (const char* text : {"+31612345678", "call 31612345678.", "0031612345678", "call-_+31612345678_ab",
                             R"({"n":"\u002b31612345678"})", "31612345678 31612345678"})
        EXPECT_TRUE(mentions_number(text, "+31612345678")) << text;
    for (const char* text : {"+316123456789", "131612345678", "+31612345679", "", "10031612345678"})
        EXPECT_FALSE(mentions_number(text, "+31612345678")) << text;
    EXPECT_TRUE(mentions_number("+31612345678", "0031 6 1234 5678"));
    EXPECT_FALSE(mentions_number("call 112 now", "112"));
    EXPECT_FALSE(mentions_number("anonymous", "anonymous"));
}

TEST_F(PurgeTest, FindsAPersonWhereverItIsWritten) {
    const std::string number = "+31612345678", large(20'000, 'x');
    journal.add({.call = "a", .caller = number});
    journal.add({.call = "b", .called = number});
    journal.add({.call = "c", .caller = "+319"});
    journal.add({.call = "d", .body = R"({"text":"bel 0031612345678"})"});
    journal.add({.call = "e", .body = "{\"text\":\"" + large + number + "\"}"});
    journal.add({.type = "tool-calls", .call = "f", .handlers = {}});
    journal.add({.call = "", .caller = number});
    journal.add({.call = "h", .handlers = "crm"});
    journal.answer(6, "2026-01-09T14:00:10Z", R"({"result":"+31612345678"})", "[]");
    journal.attempt(8, "crm", 1, "2026-01-09T14:00:10Z", "dead", "nobody at +31612345678");
    (void)journal.file();
    std::int64_t looked = 0;
    const auto found = find_person(journal.database(), number, [&](std::int64_t) { ++looked; }).value();
    EXPECT_EQ(found.seqs, (std::set<std::int64_t>{1, 2, 4, 5, 6, 7, 8}));
    EXPECT_EQ(found.calls, (std::set<std::string, std::less<>>{"a", "b", "d", "e", "f", "h"}));
    EXPECT_EQ(looked, 1);
    EXPECT_EQ(find_person(journal.database(), "+319", [](std::int64_t) {}).value().seqs,
              (std::set<std::int64_t>{3}));
}

TEST_F(PurgeTest, ErasesAPersonFromTheSearchIndexToo) {
    for (std::int64_t seq = 1; seq < 9'000; ++seq)
        journal.add({.call = "c" + std::to_string(seq), .caller = seq == 100 ? "+31612345678" : "+319"});
    (void)journal.file();
    const auto hash = search_hash(SearchKey::caller, "+31612345678");
    const auto entries = [&] {
        auto row = journal.database().prepare("SELECT entries FROM search WHERE slice = ?").value();
        EXPECT_TRUE(row.bind(1, std::int64_t{SearchIndex::slice_of(hash)}).step().value());
        return SearchIndex::find(row.text(0), hash);
    };
    EXPECT_EQ(entries(), std::vector<std::uint16_t>{100});
    const std::int64_t seqs[] = {100};
    const auto done = erase_person_step(journal.database(), seqs).value();
    EXPECT_EQ(done.events, 1u);
    EXPECT_EQ(entries(), std::vector<std::uint16_t>{});
    EXPECT_EQ(journal.number("SELECT count(*) FROM event"), 8'998);
    EXPECT_EQ(erase_person_step(journal.database(), seqs).value().events, 0u);
}

}  // namespace
}  // namespace hookswitch
