#include "daemon/admin_door.hpp"

#include <gtest/gtest.h>

namespace hookswitch {
namespace {

AdminRequest with_host(const std::string& host) {
    AdminRequest request;
    request.method = "GET";
    request.path = "/metrics";
    request.host = host;
    return request;
}

AdminRefusal with_token(const std::string& authorization, bool open_path = false) {
    AdminRequest request = with_host("anything.example");
    request.authorization = authorization;
    return refusal_of({"0.0.0.0:8081", Secret("t0ken")}, request, open_path);
}

TEST(AdminDoor, AsksForItsTokenWhateverTheHost) {
    EXPECT_EQ(with_token("Bearer t0ken"), AdminRefusal::none);
    EXPECT_EQ(with_token("bearer  t0ken"), AdminRefusal::none);
    for (const char* wrong : {"", "Bearer", "Bearer ", "Bearer t0ke", "Bearer t0ken2", "Bearer T0KEN",
                              "Basic t0ken", "t0ken", "Bearer t0ken t0ken", "Bearert0ken"}) {
        SCOPED_TRACE(wrong);
        EXPECT_EQ(with_token(wrong), AdminRefusal::unauthorized);
        EXPECT_EQ(with_token(wrong, true), AdminRefusal::none) << "health is open";
    }
}

TEST(AdminDoor, ATokenIsAskedForOnLoopbackTooIfThereIsOne) {
    EXPECT_EQ(refusal_of({"127.0.0.1:8081", Secret("t0ken")}, with_host("localhost"), false),
              AdminRefusal::unauthorized);
    EXPECT_EQ(refusal_of({"unix:/run/a.sock", Secret("t0ken")}, with_host(""), false),
              AdminRefusal::unauthorized);
}

TEST(AdminDoor, WithoutATokenOnlyNamesOfThisMachineAreLetIn) {
    const AdminSettings loopback;
    for (const char* good :
         {"", "localhost", "LOCALHOST:8081", "127.0.0.1", "127.0.0.1:8081", "[::1]", "[::1]:8081"})
        EXPECT_EQ(refusal_of(loopback, with_host(good), false), AdminRefusal::none) << good;
    for (const char* bad :
         {"evil.example", "evil.example:8081", "localhost.evil.example", "127.0.0.1.evil.example",
          "[::1].evil.example", "[::1", "[", ":", "localhost.", "127.0.0.1@evil.example"})
        for (const bool open_path : {false, true})
            EXPECT_EQ(refusal_of(loopback, with_host(bad), open_path), AdminRefusal::wrong_host) << bad;
    EXPECT_EQ(refusal_of({"unix:/run/a.sock", {}}, with_host("anything"), false), AdminRefusal::none);
}

TEST(AdminDoor, PagesOfOtherOriginsAreNotAnswered) {
    AdminRequest request = with_host("localhost:8081");
    request.method = "POST";
    request.origin = "http://localhost:8081";
    EXPECT_EQ(refusal_of({}, request, false), AdminRefusal::none);
    for (const char* origin : {"http://evil.example", "null", "http://localhost:9999", "localhost:8081"}) {
        request.origin = origin;
        EXPECT_EQ(refusal_of({}, request, false), AdminRefusal::foreign_origin) << origin;
    }
}

}  // namespace
}  // namespace hookswitch
