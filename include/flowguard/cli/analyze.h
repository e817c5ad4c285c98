// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/capture/analysis.h"
#include "flowguard/core/json.h"

#include <string>
#include <vector>

namespace flowguard {

/// Which addresses were taken as ours.
struct Home {
    Locality locality;
    std::vector<std::string> addresses; ///< addresses and prefixes; empty: private ranges alone
    std::string how;                    ///< "given", "private ranges", "the busiest host, ..."
};

/// What `analyze` found, for its two ways of telling.
struct AnalysisReport {
    const Analysis &analysis;
    const Home &home;
    std::string file;
    std::vector<std::string> link_types;
    std::string damage; ///< empty: none
};

struct ReportScope {
    bool statistics = true; ///< else incidents alone
    std::size_t rows = 0;   ///< of each list; 0: all
};

Json report_to_json(const AnalysisReport &report, const ReportScope &scope);
void print_report(const AnalysisReport &report, const ReportScope &scope);

/// One flow in EVE layout, as seen by the analysis at this moment.
Json analyzed_flow_to_json(const Flow &flow, const Analysis &analysis, const Locality &locality);

/// One line on standard error while a terminal is there to see it; gone at the end.
class Progress {
  public:
    /// `size`: of the file; 0: not known.
    Progress(std::uint64_t size, bool shown);
    ~Progress();
    Progress(const Progress &) = delete;
    Progress &operator=(const Progress &) = delete;

    /// To be called for each packet: it looks at the clock now and then only.
    void update(std::uint64_t position, std::uint64_t packets)
    {
        if (shown_ && packets % packets_between_looks == 0)
            look(position, packets);
    }

  private:
    static constexpr std::uint64_t packets_between_looks = 16'384;
    void look(std::uint64_t position, std::uint64_t packets);

    std::uint64_t size_;
    bool shown_;
    bool drawn_ = false;
    TimeNs begin_;
    TimeNs latest_;
};

} // namespace flowguard
