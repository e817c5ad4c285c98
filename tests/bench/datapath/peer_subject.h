// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "peers.h"
#include "subject.h"

#include <bpf/libbpf.h>

#include <vector>

struct peers_bpf;

namespace flowguard::bench {

/// The plain flow counter on a kernel map of one type, preallocated.
class PeerSubject : public Subject {
  public:
    static Result<std::unique_ptr<PeerSubject>> load(bpf_map_type type, std::uint32_t capacity);
    ~PeerSubject() override;

    int program() const override;
    Abilities abilities() const override;
    Result<Counted> drain() override;
    std::uint64_t kernel_bytes() const override;

    /// Reads all flows in batches, and with `clear` takes them out.
    Result<Counted> read(bool clear);

  private:
    PeerSubject(peers_bpf *skeleton, bpf_map_type type, std::uint32_t capacity);
    int map() const;
    Result<std::uint64_t> take_overflow();

    peers_bpf *skeleton_;
    bpf_map_type type_;
    std::uint32_t capacity_;
    std::vector<fg_peer_key> keys_;
    std::vector<fg_peer_counts> values_;
};

} // namespace flowguard::bench
