#include "handlers/number_list.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>

namespace hookswitch {
namespace {

NumberList list(std::initializer_list<const char*> lines) {
    NumberList result;
    for (const char* line : lines) {
        auto added = result.add(line);
        EXPECT_TRUE(added) << added.error().what();
    }
    return result;
}

TEST(NumberList, FindsANumberHoweverItIsWritten) {
    for (const char* line : {"+31612345678", "+31 6 1234 5678", "+31-6-12345678", "+31 (0)6 12.34.56.78",
                             "+31 (6) 12345678", "+31/612345678"}) {
        SCOPED_TRACE(line);
        EXPECT_TRUE(list({line}).contains("+31612345678"));
        EXPECT_TRUE(list({line}).contains("+31 6 1234-5678"));
        EXPECT_FALSE(list({line}).contains("+31612345679"));
        EXPECT_FALSE(list({line}).contains("+3161234567"));
        EXPECT_FALSE(list({line}).contains("31612345678"));
    }
}

TEST(NumberList, MatchesPatterns) {
    const auto some = list({"+31*", "+4930??", "112", "20?"});
    for (const char* number : {"+31", "+31612345678", "+31 20 1234567", "+493012", "112", "201"})
        EXPECT_TRUE(some.contains(number)) << number;
    for (const char* number : {"+3", "+32212345678", "+4930123", "+49301", "1120", "113", "20", "2012"})
        EXPECT_FALSE(some.contains(number)) << number;
}

TEST(NumberList, HasNobodyWhoHidesTheNumber) {
    const auto everybody = list({"*", "+31612345678"});
    EXPECT_TRUE(everybody.contains("+15551234567"));
    EXPECT_FALSE(everybody.contains(std::nullopt));
    for (const char* caller :
         {"", "+", "anonymous", "Restricted", "sip:jan@example.com", "*", "+31?", "+31612345678+1"})
        EXPECT_FALSE(everybody.contains(caller)) << caller;
}

TEST(NumberList, RefusesWhatCouldNeverMatch) {
    const std::string number = " is not a telephone number such as +31612345678 or a pattern such as +31*";
    const std::string national = " has no country code; write it as in +31612345678";
    const std::pair<const char*, std::string> cases[] = {
        {"Jan", number},
        {"+", number},
        {"-", number},
        {"+31612345678 Jan", number},
        {"+31612345678, +31612345679", number},
        {"+31612345678 +31612345679", number},
        {"+1234567890123456", number},
        {"tel:+31612345678", number},
        {"[+31]*", number},
        {"0612345678", national},
        {"06*", national},
        {"0031612345678", national},
    };
    for (const auto& [line, what] : cases) {
        auto added = NumberList().add(line);
        ASSERT_FALSE(added) << line;
        EXPECT_EQ(added.error().what(), "'" + std::string(line) + "'" + what);
    }
}

class ReadList : public testing::Test {
protected:
    std::filesystem::path write(std::string_view text) {
        std::ofstream(file_, std::ios::binary) << text;
        return file_;
    }
    ~ReadList() override { std::filesystem::remove(file_); }

    const std::filesystem::path file_ =
        std::filesystem::path(testing::TempDir()) /
        (std::string("list-") + testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(ReadList, LeavesOutCommentsAndBlanks) {
    auto lines =
        read_list(write("\xef\xbb\xbf# regulars\r\n\r\n  +31612345678\t# Jan\r\n#+31600000000\n \t\n12-25"));
    ASSERT_TRUE(lines) << lines.error().what();
    ASSERT_EQ(lines->size(), 2u);
    EXPECT_EQ((*lines)[0].number, 3u);
    EXPECT_EQ((*lines)[0].text, "+31612345678");
    EXPECT_EQ((*lines)[1].number, 6u);
    EXPECT_EQ((*lines)[1].text, "12-25");
}

TEST_F(ReadList, AcceptsAnEmptyFile) {
    auto lines = read_list(write(""));
    ASSERT_TRUE(lines);
    EXPECT_TRUE(lines->empty());
}

TEST_F(ReadList, SaysWhatItCouldNotOpen) {
    EXPECT_EQ(read_list("/nonexistent/vip.txt").error().what(),
              "open /nonexistent/vip.txt: No such file or directory");
    EXPECT_EQ(read_list("/").error().what(), "open /: Is a directory");
}

}  // namespace
}  // namespace hookswitch
