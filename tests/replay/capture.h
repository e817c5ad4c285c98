// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/abi/parser.h"
#include "flowguard/core/error.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>

struct pcap; // pcap/pcap.h and linux/bpf.h cannot be included together

namespace flowguard::test {

struct Frame {
    std::span<const std::uint8_t> bytes; ///< as captured, from where the kernel program would begin
    std::uint32_t wire_length = 0;       ///< before the capture cut it
};

/// A capture file, read from its beginning to its end or to where it is damaged.
class Capture {
  public:
    static Result<Capture> open(const std::filesystem::path &path);

    /// How the kernel would see these frames; none for link types that flowguard is never attached to.
    std::optional<fg_link> link() const;
    std::string link_name() const;
    /// False at the end. The bytes are valid until the next call.
    bool next(Frame &frame);
    /// Why reading ended before the end of the file; empty if it did not.
    const std::string &damage() const { return damage_; }

  private:
    struct Closer {
        void operator()(pcap *file) const;
    };
    explicit Capture(pcap *file);
    std::uint32_t pseudo_header_length() const;

    std::unique_ptr<pcap, Closer> file_;
    int link_type_;
    std::string damage_;
};

} // namespace flowguard::test
