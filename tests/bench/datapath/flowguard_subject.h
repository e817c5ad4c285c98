// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "subject.h"

#include "flowguard/kernel/drain.h"
#include "flowguard/kernel/programs.h"

namespace flowguard::bench {

/// Records of the product's tables on this host, unless told otherwise; all programs get as many.
std::uint32_t usual_capacity();

/// Blocks the hosts 10.0.0.0, 10.0.0.1, ... and the prefixes 11.0.0.0/24, 11.0.1.0/24, ...
Result<void> fill_blocklist(Maps &maps, std::uint32_t hosts, std::uint32_t prefixes);

/// Blocks UDP ports from 20000 on, each of a range of its own; or hosts 10.0.0.0, 10.0.0.1, ... with such a port.
Result<void> fill_port_rules(Maps &maps, std::uint32_t rules);
Result<void> fill_address_rules(Maps &maps, std::uint32_t rules);

/// The product: its own maps, programs and drain. All that the benchmark knows of their interfaces is here.
class FlowguardSubject : public Subject {
  public:
    /// Room for at least `flows`, as far as the product goes.
    static Result<std::unique_ptr<FlowguardSubject>> load(std::uint64_t flows);

    int program() const override { return programs_.xdp(); }
    /// The reserved records are for known flows, and here are none.
    Abilities abilities() const override
    {
        return {.capacity = maps_.capacity() - (maps_.capacity() >> FG_RESERVED_SHIFT), .evicts = false, .frags = true};
    }
    Result<Counted> drain() override;
    std::uint64_t kernel_bytes() const override;

    Maps &maps() { return maps_; }
    Result<void> drain_into(const RecordVisitor &visit) { return drain_.run(visit); }

  private:
    FlowguardSubject(Maps maps, Programs programs)
        : maps_(std::move(maps)),
          programs_(std::move(programs)),
          drain_(maps_)
    {
    }

    Maps maps_;
    Programs programs_;
    Drain drain_;
    fg_ledger_entry seen_{};
};

} // namespace flowguard::bench
