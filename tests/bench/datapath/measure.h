// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "driver.h"
#include "subject.h"

#include "flowguard/core/grouped.h"

#include <regex>
#include <string>
#include <vector>

namespace flowguard::bench {

struct Settings {
    unsigned rounds = 5;
    std::uint64_t packets = 0; ///< of a measurement; 0: as many as take a fifth of a second
    bool extended = false;     ///< --long
    std::regex only;

    bool wants(const std::string &table, const std::string &name) const
    {
        return std::regex_search(table + ": " + name, only);
    }
};

/// One line of a table of packet costs: a program in a case, with what was measured in each round.
struct PacketCost {
    std::string name;
    std::string subject;
    std::string unavailable;    ///< why there are no numbers; empty if there are
    std::string note;           ///< what to know when reading them
    std::uint64_t packets = 0;  ///< of one round
    std::vector<double> ns;     ///< per packet, without the driver, by this thread's CPU time
    std::vector<double> driver; ///< per packet, the driver with a program that does nothing
    std::vector<double> kernel; ///< per packet, with the driver, by the kernel's own measurement
    std::vector<double> wall;   ///< per packet, with the driver, with whatever else ran meanwhile
};

/// What the packets of a case are, and how its runs are made.
struct Case {
    enum class Table : std::uint8_t {
        Warm,  ///< every flow is there before anything is measured
        Empty, ///< each run fills an empty table; it is cleared between them
        Full,  ///< no room is left before anything is measured
    };

    std::string name;
    Traffic traffic;
    Table table = Table::Warm;
    std::uint64_t packets = 0; ///< of a run; 0: by time
    bool dropped = false;      ///< all packets, and not none
};

/// Measures all contenders in turns, so that what happens to the machine meanwhile happens to all of them. An error is
/// a wrong count or verdict: then no number means anything.
Result<std::vector<PacketCost>> measure(Driver &driver, const Settings &settings, const Case &one,
                                        const std::vector<Contender> &contenders);

double median(std::vector<double> values);

} // namespace flowguard::bench
