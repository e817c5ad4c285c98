// SPDX-License-Identifier: Apache-2.0
#include "flowguard/kernel/attachment.h"

#include "flowguard/kernel/tc.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace flowguard {
namespace {

struct ModeName {
    XdpMode mode;
    std::string_view name;
};
constexpr std::array mode_names{ModeName{XdpMode::Auto, "auto"}, ModeName{XdpMode::Native, "native"},
                                ModeName{XdpMode::Generic, "generic"}, ModeName{XdpMode::Off, "off"}};

/// Who holds the XDP hook; 0 if nobody.
std::uint32_t xdp_holder(std::uint32_t ifindex)
{
    LIBBPF_OPTS(bpf_xdp_query_opts, query);
    if (bpf_xdp_query(static_cast<int>(ifindex), 0, &query) != 0)
        return 0;
    for (const std::uint32_t id : {query.drv_prog_id, query.skb_prog_id, query.hw_prog_id, query.prog_id})
        if (id != 0)
            return id;
    return 0;
}

Error xdp_error(const Device &device, bool native, int error)
{
    const char *mode = native ? "native" : "generic";
    if (const std::uint32_t holder = xdp_holder(device.ifindex))
        return {ExitCode::Failed,
                fmt::format("the XDP hook of {} is held by program {}, which flowguard does not replace; "
                            "take that off, or use '--xdp-mode off' to count at tc",
                            device.name, describe_program(holder))};
    if (error == EOPNOTSUPP || error == EINVAL)
        return {ExitCode::Failed, fmt::format("{} does not support {} XDP here ({}); '--xdp-mode off' counts at tc",
                                              device.name, mode, std::strerror(error))};
    return {error == EPERM ? ExitCode::Permission : ExitCode::Failed,
            fmt::format("cannot attach {} XDP to {}: {}", mode, device.name, std::strerror(error))};
}

void append(std::string &note, const std::string &sentence) { note += (note.empty() ? "" : "; ") + sentence; }

bool is_link(std::uint8_t hook)
{
    return hook == FG_HOOK_XDP_NATIVE || hook == FG_HOOK_XDP_GENERIC || hook == FG_HOOK_TCX;
}

void detach_link(const std::filesystem::path &pin)
{
    if (const Fd link(bpf_obj_get(pin.c_str())); link)
        bpf_link_detach(link.get());
    std::error_code ignored;
    std::filesystem::remove(pin, ignored);
}

} // namespace

Result<XdpMode> parse_xdp_mode(std::string_view text)
{
    for (const auto &[mode, name] : mode_names)
        if (name == text)
            return mode;
    return fail(ExitCode::Usage, fmt::format("unknown XDP mode '{}': use auto, native, generic or off", text));
}

std::string_view xdp_mode_name(XdpMode mode) { return mode_names.at(static_cast<std::size_t>(mode)).name; }

std::string_view hook_name(std::uint8_t hook)
{
    constexpr std::array<std::string_view, 5> names{"off", "xdp-native", "xdp-generic", "tcx", "clsact"};
    return hook < names.size() ? names.at(hook) : "off";
}

std::optional<std::uint32_t> Attachments::find(std::string_view name) const
{
    for (std::uint32_t slot = 0; slot < FG_MAX_INTERFACES; slot++)
        if (maps_.interfaces[slot].ifindex != 0 && name == maps_.interfaces[slot].name)
            return slot;
    return {};
}

Result<std::uint32_t> Attachments::free_slot() const
{
    for (std::uint32_t slot = 0; slot < FG_MAX_INTERFACES; slot++)
        if (maps_.interfaces[slot].ifindex == 0)
            return slot;
    return fail(ExitCode::Failed, fmt::format("{} interfaces are attached, and that is the limit; detach one, or use "
                                              "another --instance",
                                              FG_MAX_INTERFACES));
}

std::filesystem::path Attachments::link_pin(std::uint32_t slot, fg_direction direction) const
{
    return pins_ / fmt::format("link_{}_{}", slot, direction == FG_RX ? "ingress" : "egress");
}

Result<void> Attachments::pin(Fd link, std::uint32_t slot, fg_direction direction)
{
    const std::filesystem::path path = link_pin(slot, direction);
    std::error_code ignored;
    std::filesystem::remove(path, ignored); /* of a device that is gone */
    if (bpf_obj_pin(link.get(), path.c_str()) != 0)
        return fail(ExitCode::Failed, fmt::format("cannot pin {}: {}", path.string(), std::strerror(errno)));
    return {};
}

Result<Attachments::Hooked> Attachments::attach_xdp(const Programs &programs, const Device &device, bool native,
                                                    std::uint32_t slot)
{
    Fd link = link_xdp(programs.xdp(), device.ifindex, native);
    if (!link)
        return std::unexpected(xdp_error(device, native, errno));
    if (auto pinned = pin(std::move(link), slot, FG_RX); !pinned)
        return std::unexpected(pinned.error());
    return Hooked{static_cast<std::uint8_t>(native ? FG_HOOK_XDP_NATIVE : FG_HOOK_XDP_GENERIC),
                  program_id(programs.xdp())};
}

Result<Attachments::Hooked> Attachments::attach_tc(int program, const Device &device, fg_direction direction,
                                                   std::uint32_t slot)
{
    if (Fd link = link_tcx(program, device.ifindex, direction); link) {
        if (auto pinned = pin(std::move(link), slot, direction); !pinned)
            return std::unexpected(pinned.error());
        return Hooked{FG_HOOK_TCX, program_id(program)};
    }
    auto made = add_clsact(device.ifindex);
    if (!made)
        return std::unexpected(made.error());
    if (*made)
        maps_.interfaces[slot].owns_clsact = 1;
    if (auto added = add_filter(program, device.ifindex, direction); !added)
        return std::unexpected(added.error());
    return Hooked{FG_HOOK_CLSACT, program_id(program)};
}

Result<Attachments::Hooked> Attachments::attach_ingress(const Programs &programs, const Device &device, XdpMode mode,
                                                        std::uint32_t slot, std::string &note)
{
    if (mode == XdpMode::Native || mode == XdpMode::Generic) {
        if (mode == XdpMode::Generic)
            append(note, "generic XDP runs after the kernel has merged packets (GRO): switch GRO off where exact wire "
                         "counts matter, or use '--xdp-mode off'");
        return attach_xdp(programs, device, mode == XdpMode::Native, slot);
    }
    if (mode == XdpMode::Auto) {
        auto native = attach_xdp(programs, device, true, slot);
        if (native)
            return native;
        const std::uint32_t holder = xdp_holder(device.ifindex);
        append(note, holder ? fmt::format("the XDP hook is held by program {}: counting at tc instead",
                                          describe_program(holder))
                            : "no native XDP on this device: counting at tc instead");
    }
    return attach_tc(programs.tc_ingress(), device, FG_RX, slot);
}

AttachOptions Attachments::options(std::uint32_t slot) const
{
    const fg_interface &entry = maps_.interfaces[slot];
    return {.xdp_mode = static_cast<XdpMode>(entry.xdp_mode), .tunnels = (entry.flags & FG_INTERFACE_TUNNELS) != 0};
}

Result<std::string> Attachments::attach(const Device &device, const AttachOptions &options, std::uint32_t slot)
{
    auto programs = Programs::load(maps_, device, slot, options.tunnels);
    if (!programs)
        return std::unexpected(programs.error());
    std::string note;

    /* The entry stands before anything is attached, so that whoever cleans up finds it. */
    fg_interface &entry = maps_.interfaces[slot];
    entry = {};
    device.name.copy(entry.name, sizeof entry.name - 1);
    entry.xdp_mode = static_cast<__u8>(options.xdp_mode);
    entry.flags = options.tunnels ? FG_INTERFACE_TUNNELS : 0;
    entry.vlan_offloads = device.vlan_offloads;
    entry.ifindex = device.ifindex;

    auto ingress = attach_ingress(*programs, device, options.xdp_mode, slot, note);
    if (!ingress) {
        undo(slot);
        return std::unexpected(ingress.error());
    }
    entry.ingress_hook = ingress->hook;
    entry.ingress_program_id = ingress->program_id;
    auto egress = attach_tc(programs->tc_egress(), device, FG_TX, slot);
    if (!egress) {
        undo(slot);
        return std::unexpected(egress.error());
    }
    entry.egress_hook = egress->hook;
    entry.egress_program_id = egress->program_id;
    return note;
}

void Attachments::release(std::uint32_t slot)
{
    fg_interface &entry = maps_.interfaces[slot];
    detach_link(link_pin(slot, FG_RX));
    detach_link(link_pin(slot, FG_TX));
    const bool same_device = ifindex_of(entry.name) == entry.ifindex;
    if (same_device && entry.ingress_hook == FG_HOOK_CLSACT)
        remove_filter(entry.ifindex, FG_RX, entry.ingress_program_id);
    if (same_device && entry.egress_hook == FG_HOOK_CLSACT)
        remove_filter(entry.ifindex, FG_TX, entry.egress_program_id);
    if (same_device && entry.owns_clsact)
        remove_clsact(entry.ifindex);
}

void Attachments::undo(std::uint32_t slot)
{
    release(slot);
    maps_.interfaces[slot] = {};
}

bool Attachments::detach(std::uint32_t slot)
{
    const fg_interface entry = maps_.interfaces[slot];
    undo(slot);
    bool gone = true;
    for (const std::uint32_t id : {entry.ingress_program_id, entry.egress_program_id})
        gone = (id == 0 || wait_for_unload(id)) && gone;
    return gone;
}

bool Attachments::is_intact(std::uint32_t slot) const
{
    const fg_interface &entry = maps_.interfaces[slot];
    if (ifindex_of(entry.name) != entry.ifindex)
        return false;
    for (const auto &[direction, hook] : {std::pair(FG_RX, entry.ingress_hook), std::pair(FG_TX, entry.egress_hook)}) {
        if (!is_link(hook))
            continue; /* a filter goes with its device */
        const Fd link(bpf_obj_get(link_pin(slot, direction).c_str()));
        bpf_link_info info{};
        std::uint32_t length = sizeof info;
        if (!link || bpf_obj_get_info_by_fd(link.get(), &info, &length) != 0)
            return false;
        if (info.xdp.ifindex != entry.ifindex) /* tcx has it in the same place */
            return false;
    }
    return true;
}

} // namespace flowguard
