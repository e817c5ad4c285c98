#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: sudo scripts/test.sh [--quick]
#
# Installs what is missing, builds, and runs every test and check. Stops at the first stage that fails.
#   --quick   leaves out the sanitizers, clang-tidy (of what the last ten commits changed) and the oldest kernel
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

current=''
summary=()
declare -A background=() # name: process group

check_shell() { shellcheck scripts/*.sh .ci/run; }

# build_release UNITS: ON or OFF, for those that run under the sanitizers instead.
build_release()
{
    as_owner cmake --preset release -DFLOWGUARD_TESTS=ON -DFLOWGUARD_UNIT_TESTS="$1" &&
        as_owner cmake --build --preset release
}

# Only pure code: what loads programs or makes namespaces has been run in the release build.
sanitized_units()
{
    as_owner cmake --preset sanitize &&
        as_owner cmake --build --preset sanitize --target units &&
        as_owner ctest --test-dir build/sanitize --output-on-failure --no-tests=error -L unit
}

# in_background NAME LOG COMMAND...: on the time that the system tests leave, which mostly wait; never on theirs.
in_background()
{
    as_owner mkdir -p "$FG_LOGS"
    set -m
    (
        chrt --idle --pid 0 "$BASHPID"
        "${@:3}"
    ) >"$FG_LOGS/$2" 2>&1 </dev/null &
    background[$1]=$!
    set +m
}

# from_background NAME LOG: waits for it; prints what it printed.
from_background()
{
    local code=0
    wait "${background[$1]}" || code=$?
    unset "background[$1]"
    cat "$FG_LOGS/$2"
    return "$code"
}

tests() { ctest --test-dir build/release --output-on-failure --no-tests=error --parallel 2; }

# stage NAME LOG COMMAND...: a step; its time goes into the summary.
stage()
{
    local start
    start=$(now)
    current=$1
    step "$1" "$FG_LOGS/$2" "${@:3}"
    summary+=("$(printf '%7s s  %s' "$(seconds_since "$start")" "$1")")
}

finish()
{
    local code=$? group
    for group in "${background[@]}"; do
        kill -- "-$group" 2>/dev/null || true
    done
    ((${#summary[@]} > 0)) && printf '\nStages\n' && printf '%s\n' "${summary[@]}"
    # pytest and googletest name what failed; ctest only the suite.
    [[ -e $FG_LOGS/ctest.log ]] && printf '\n' &&
        sed -n '/^\(FAILED\|ERROR\|\[  FAILED  \]\) /p; /tests passed/,$p' "$FG_LOGS/ctest.log" | sed '/^$/d' | sort -u
    if ((code != 0)); then
        printf 'FAILED: %s\n' "${current:-getting ready}"
        exit 1
    fi
}

main()
{
    local quick=0
    case ${1:-} in
    '') ;;
    --quick) quick=1 ;;
    -h | --help) print_help && exit ;;
    *) die 2 "unknown argument '$1'; --help explains" ;;
    esac
    require_root
    "$FG_ROOT/scripts/setup.sh" test
    cd "$FG_ROOT"
    rm -f "$FG_LOGS/ctest.log"
    trap finish EXIT
    stage "Shell scripts (shellcheck)" shellcheck.log check_shell
    stage "Format (clang-format)" format.log scripts/check_format.sh
    if ((quick)); then
        stage "Build (release)" build.log build_release ON
        stage "Tests" ctest.log tests
        return
    fi
    stage "Build (release)" build.log build_release OFF
    in_background sanitize units.log sanitized_units
    in_background tidy clang-tidy.log as_owner scripts/check_tidy.sh --recent 10
    stage "Tests" ctest.log tests
    stage "Kernel 6.1 (qemu)" kernels.log scripts/test-kernels.sh 6.1
    stage "Unit tests under sanitizers" sanitize.log from_background sanitize units.log
    stage "Static analysis (clang-tidy)" tidy.log from_background tidy clang-tidy.log
}

main "$@"
