// SPDX-License-Identifier: Apache-2.0
#include "flowguard/kernel/tc.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <linux/if_link.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/syscall.h>

namespace flowguard {
namespace {

/* linux/bpf.h of 6.6; older headers do not have them. */
constexpr std::uint32_t tcx_ingress = 46;
constexpr std::uint32_t tcx_egress = 47;
constexpr std::uint32_t before_all_others = 1U << 3;

/* Fixed, so that a later process finds the filter again. */
constexpr std::uint32_t filter_handle = 0xf10e;
constexpr std::uint32_t filter_priority = 0xf10e;

bpf_tc_attach_point attach_point(fg_direction direction) { return direction == FG_RX ? BPF_TC_INGRESS : BPF_TC_EGRESS; }

Error tc_error(const char *action, int error)
{
    return {error == EPERM ? ExitCode::Permission : ExitCode::Failed,
            fmt::format("cannot {}: {}", action, std::strerror(error))};
}

/// True if anybody has a filter on this side of the clsact qdisc.
bool has_filters(std::uint32_t ifindex, std::uint32_t parent)
{
    const Fd netlink(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    struct {
        nlmsghdr header;
        tcmsg message;
    } request{};
    request.header.nlmsg_len = sizeof request;
    request.header.nlmsg_type = RTM_GETTFILTER;
    request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request.message.tcm_family = AF_UNSPEC;
    request.message.tcm_ifindex = static_cast<int>(ifindex);
    request.message.tcm_parent = parent;
    if (send(netlink.get(), &request, sizeof request, 0) < 0)
        return true; /* when in doubt, leave the qdisc */
    alignas(nlmsghdr) char answer[16384];
    const ssize_t length = recv(netlink.get(), answer, sizeof answer, 0);
    if (length < static_cast<ssize_t>(sizeof(nlmsghdr)))
        return true;
    return reinterpret_cast<const nlmsghdr *>(answer)->nlmsg_type == RTM_NEWTFILTER;
}

} // namespace

Fd link_tcx(int program, std::uint32_t ifindex, fg_direction direction)
{
    /* libbpf 1.1 has no tcx: the system call itself, with the fields where linux/bpf.h has had them since 5.7. */
    union bpf_attr attr {
    };
    attr.link_create.prog_fd = static_cast<__u32>(program);
    attr.link_create.target_ifindex = ifindex;
    attr.link_create.attach_type = direction == FG_RX ? tcx_ingress : tcx_egress;
    attr.link_create.flags = before_all_others;
    return Fd(static_cast<int>(syscall(__NR_bpf, BPF_LINK_CREATE, &attr, sizeof attr)));
}

Fd link_xdp(int program, std::uint32_t ifindex, bool native)
{
    LIBBPF_OPTS(bpf_link_create_opts, options,
                .flags = static_cast<__u32>(native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE));
    const int fd = bpf_link_create(program, static_cast<int>(ifindex), BPF_XDP, &options);
    return fd < 0 ? Fd() : Fd(fd);
}

Result<bool> add_clsact(std::uint32_t ifindex)
{
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = static_cast<int>(ifindex), .attach_point = BPF_TC_EGRESS);
    const int error = bpf_tc_hook_create(&hook);
    if (error == 0)
        return true;
    if (error == -EEXIST)
        return false;
    return std::unexpected(tc_error("add the clsact qdisc", -error));
}

Result<void> add_filter(int program, std::uint32_t ifindex, fg_direction direction)
{
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = static_cast<int>(ifindex), .attach_point = attach_point(direction));
    LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = program, .handle = filter_handle, .priority = filter_priority);
    const int error = bpf_tc_attach(&hook, &options);
    if (error != 0)
        return std::unexpected(tc_error("add a filter to clsact", -error));
    return {};
}

void remove_filter(std::uint32_t ifindex, fg_direction direction, std::uint32_t program_id)
{
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = static_cast<int>(ifindex), .attach_point = attach_point(direction));
    LIBBPF_OPTS(bpf_tc_opts, query, .handle = filter_handle, .priority = filter_priority);
    if (bpf_tc_query(&hook, &query) != 0 || query.prog_id != program_id)
        return;
    LIBBPF_OPTS(bpf_tc_opts, filter, .handle = filter_handle, .priority = filter_priority);
    bpf_tc_detach(&hook, &filter);
}

void remove_clsact(std::uint32_t ifindex)
{
    if (has_filters(ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)) ||
        has_filters(ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)))
        return;
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = static_cast<int>(ifindex),
                .attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS));
    bpf_tc_hook_destroy(&hook);
}

} // namespace flowguard
