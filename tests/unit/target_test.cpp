// SPDX-License-Identifier: Apache-2.0
#include "flowguard/api/message.h"
#include "flowguard/api/paths.h"

#include <gtest/gtest.h>

namespace flowguard {
namespace {

TEST(Target, DecodesPathAndQuery)
{
    Request request;
    ASSERT_TRUE(parse_target("/v1/blocks/2001%3Adb8%3A%3A7?filter=tcp%20port%2080&n=5&empty", request));
    EXPECT_EQ(request.path, "/v1/blocks/2001:db8::7");
    EXPECT_EQ(request.query.at("filter"), "tcp port 80");
    EXPECT_EQ(request.query.at("n"), "5");
    EXPECT_EQ(request.query.at("empty"), "");
}

TEST(Target, RefusesWhatIsNoTarget)
{
    for (const char *target : {"", "v1/status", "/%", "/%4", "/%zz", "/x?a=%", "/x?%G0=1"}) {
        Request request;
        EXPECT_FALSE(parse_target(target, request)) << target;
    }
}

TEST(Target, EncodingComesBack)
{
    const std::string filter = "net 10.0.0.0/8 && (tcp[13] & 2 != 0) + ü";
    Request request;
    ASSERT_TRUE(parse_target("/?f=" + percent_encode(filter), request));
    EXPECT_EQ(request.query.at("f"), filter);
}

TEST(InstancePaths, NamesCannotLeaveTheirDirectory)
{
    EXPECT_EQ(InstancePaths::of("default")->socket, "/run/flowguard/control.sock");
    EXPECT_EQ(InstancePaths::of("lab_1")->socket, "/run/flowguard/lab_1/control.sock");
    EXPECT_EQ(InstancePaths::of("lab_1")->pins, "/sys/fs/bpf/flowguard/lab_1");
    for (const std::string &name :
         {std::string(), std::string(".."), std::string("a/b"), std::string("a b"), std::string(33, 'a')})
        EXPECT_EQ(InstancePaths::of(name).error().code, ExitCode::Usage) << name;
}

} // namespace
} // namespace flowguard
