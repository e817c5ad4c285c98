// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/capture/byte_stream.h"
#include "flowguard/core/error.h"
#include "flowguard/core/flow.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace flowguard {

/// A frame as a capture holds it.
struct CapturedPacket {
    std::optional<TimeNs> time;          ///< none: the capture does not say
    std::span<const std::uint8_t> frame; ///< as captured, with its link header
    std::uint32_t length = 0;            ///< of the frame on the wire, before the capture cut it
    std::uint32_t link_type = 1;         ///< LINKTYPE_ number, as files have it

    bool cut() const { return frame.size() < length; }
};

/// One format of captures, behind CaptureReader.
class CaptureFormat {
  public:
    virtual ~CaptureFormat() = default;
    virtual bool next(CapturedPacket &packet) = 0;

    ByteWindow &window() { return window_; }
    const ByteWindow &window() const { return window_; }
    const std::string &damage() const { return damage_; }
    const std::vector<std::uint32_t> &link_types() const { return link_types_; }

  protected:
    explicit CaptureFormat(ByteWindow window) : window_(std::move(window)) {}
    /// Keeps the first reason. Returns false, for next().
    bool damaged(std::string reason);
    void note_link_type(std::uint32_t link_type);

    std::uint64_t packets_ = 0; ///< read so far

  private:
    ByteWindow window_;
    std::string damage_;
    std::vector<std::uint32_t> link_types_;
};

/// A pcap or pcapng file, streamed from its beginning to its end or to where it is damaged.
class CaptureReader {
  public:
    /// What is no capture is an error.
    static Result<CaptureReader> open(const std::filesystem::path &path);
    /// `name`: of the stream, for errors.
    static Result<CaptureReader> of(std::unique_ptr<ByteStream> stream, const std::string &name);

    /// False at the end. The bytes are valid until the next call.
    bool next(CapturedPacket &packet) { return format_->next(packet); }
    /// What could not be read, or was passed over; empty if nothing. Complete once next() gave false.
    std::string damage() const;
    /// Of the interfaces that the capture told of so far, each once.
    const std::vector<std::uint32_t> &link_types() const { return format_->link_types(); }
    /// Bytes taken from the file so far.
    std::uint64_t position() const { return format_->window().stream().position(); }

    /// No packet is longer than this: who says so is damaged.
    static constexpr std::uint32_t longest_packet = 16 << 20;

  private:
    explicit CaptureReader(std::unique_ptr<CaptureFormat> format) : format_(std::move(format)) {}
    std::unique_ptr<CaptureFormat> format_;
};

} // namespace flowguard
