// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/kernel/programs.h"

#include <optional>
#include <string_view>

namespace flowguard {

enum class XdpMode : std::uint8_t {
    Auto,    ///< native, else tc
    Native,  ///< or fail
    Generic, ///< or fail
    Off,     ///< tc
};

Result<XdpMode> parse_xdp_mode(std::string_view text);
std::string_view xdp_mode_name(XdpMode mode);
/// The contract's name of a hook: xdp-native, xdp-generic, tcx, clsact, off.
std::string_view hook_name(std::uint8_t hook);

struct AttachOptions {
    XdpMode xdp_mode = XdpMode::Auto;
    bool tunnels = false; ///< count the flow inside a tunnel instead of the tunnel's own
};

/// Puts programs on interfaces and takes them off. What is attached stands in the pinned fg_interfaces map and in pinned
/// links, so that it outlives this process and any later one can take it off.
class Attachments {
  public:
    Attachments(Maps &maps, std::filesystem::path pins) : maps_(maps), pins_(std::move(pins)) {}

    std::optional<std::uint32_t> find(std::string_view name) const;
    Result<std::uint32_t> free_slot() const;

    /// Attaches both directions in `slot`, or leaves everything as it was. Returns a note for the operator: why this
    /// hook; empty if there is nothing to say.
    Result<std::string> attach(const Device &device, const AttachOptions &options, std::uint32_t slot);
    /// What the slot was attached with.
    AttachOptions options(std::uint32_t slot) const;
    /// Takes the programs of a slot off and frees it. The device may be gone. False: the kernel still holds a program.
    bool detach(std::uint32_t slot);
    /// Takes off what is left of a device that vanished, but keeps the slot.
    void release(std::uint32_t slot);
    /// True if the slot's programs are still where they were put.
    bool is_intact(std::uint32_t slot) const;

  private:
    struct Hooked {
        std::uint8_t hook = FG_HOOK_OFF;
        std::uint32_t program_id = 0;
    };
    std::filesystem::path link_pin(std::uint32_t slot, fg_direction direction) const;
    Result<Hooked> attach_ingress(const Programs &programs, const Device &device, XdpMode mode, std::uint32_t slot,
                                  std::string &note);
    Result<Hooked> attach_xdp(const Programs &programs, const Device &device, bool native, std::uint32_t slot);
    Result<Hooked> attach_tc(int program, const Device &device, fg_direction direction, std::uint32_t slot);
    void undo(std::uint32_t slot);
    Result<void> pin(Fd link, std::uint32_t slot, fg_direction direction);

    Maps &maps_;
    std::filesystem::path pins_;
};

} // namespace flowguard
