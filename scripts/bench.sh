#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: sudo scripts/bench.sh [datapath] [OPTION]...
#        sudo scripts/bench.sh live [OPTION]...
#
# Installs what is missing, builds, and measures. Sends nothing to any network but to namespaces of its own.
#   datapath   what a packet costs in the kernel, a drain in user space, a flow in memory, beside plain hash counters and
#              xdp-filter (tests/bench/datapath)
#   live       frames over veth: dropping beside xdp-filter, nftables and ipset; the share of packets that monitors see
#              (tests/bench/live)
# --help after either word tells its options; both have --only REGEX, --rounds N, --long and --json.
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
    datapath | live) bench=$1 && shift ;;
    esac
    require_root
    # Standard output is the benchmark's alone, for --json.
    "$FG_ROOT/scripts/setup.sh" bench >&2
    cd "$FG_ROOT"
    step "Build (release)" "$FG_LOGS/bench-build.log" build fg-bench flowguard fg-generate >&2
    if [[ $bench == live ]]; then
        exec tests/bench/live/run.py --flowguard build/release/userspace/cli/flowguard \
            --generate build/release/tests/bench/generate/fg-generate "$@"
    fi
    exec build/release/tests/bench/datapath/fg-bench "$@"
}

main "$@"
