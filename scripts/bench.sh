#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: sudo scripts/bench.sh [datapath] [OPTION]...
#        sudo scripts/bench.sh live [OPTION]...
#        sudo scripts/bench.sh analyze [OPTION]...
#        sudo scripts/bench.sh detect [OPTION]...
#
# Installs what is missing, builds, and measures. Sends nothing to any network but to namespaces of its own.
#   datapath   what a packet costs in the kernel, a drain in user space, a flow in memory, beside plain hash counters and
#              xdp-filter (tests/bench/datapath)
#   live       frames over veth: dropping beside xdp-filter, nftables and ipset; the share of packets that monitors see
#              (tests/bench/live)
#   analyze    capture files of millions of short frames, beside nfpcapd and tshark (tests/bench/analyze)
#   detect     a tick of detection over 100,000 active flows: time and memory (tests/bench/detect)
# --help after one of these words tells its options; all have --json, the first three --only REGEX and
# --rounds N, the first two --long.
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

build()
{
    as_owner cmake --preset release -DFLOWGUARD_TESTS=ON &&
        as_owner cmake --build --preset release --target "$@"
}

main()
{
    local bench=datapath
    case ${1:-} in
    -h | --help) print_help && exit ;;
    datapath | live | analyze | detect) bench=$1 && shift ;;
    esac
    require_root
    # Standard output is the benchmark's alone, for --json.
    "$FG_ROOT/scripts/setup.sh" bench >&2
    cd "$FG_ROOT"
    step "Build (release)" "$FG_LOGS/bench-build.log" build fg-bench fg-bench-detect flowguard fg-generate >&2
    if [[ $bench == live ]]; then
        exec tests/bench/live/run.py "$@"
    elif [[ $bench == analyze ]]; then
        PYTHONDONTWRITEBYTECODE=1 exec tests/bench/analyze/run.py "$@"
    fi
    [[ $bench == detect ]] && exec build/release/tests/bench/detect/fg-bench-detect "$@"
    exec build/release/tests/bench/datapath/fg-bench "$@"
}

main "$@"
