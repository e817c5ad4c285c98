#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: sudo scripts/bench.sh [OPTION]...
#
# Installs what is missing, builds, and measures what flowguard costs: nanoseconds a packet in the kernel, milliseconds
# a drain in user space, bytes a flow. Sends nothing to any network. Options go to fg-bench:
#   --only REGEX    cases whose 'TABLE: NAME' matches; tables are flows, blocklist, drain, memory
#   --rounds N      measurements of each program in each case (default 5)
#   --packets N     packets of a measurement (default: what takes a fifth of a second)
#   --long          also 4,000,000 flows and 1,000,000 blocked hosts
#   --json          one JSON document on standard output, with the values of every round
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

build()
{
    as_owner cmake --preset release -DFLOWGUARD_TESTS=ON &&
        as_owner cmake --build --preset release --target fg-bench
}

main()
{
    case ${1:-} in
    -h | --help) print_help && exit ;;
    esac
    require_root
    # Standard output is fg-bench's alone, for --json.
    "$FG_ROOT/scripts/setup.sh" bench >&2
    cd "$FG_ROOT"
    step "Build (release)" "$FG_LOGS/bench-build.log" build >&2
    exec build/release/tests/bench/datapath/fg-bench "$@"
}

main "$@"
