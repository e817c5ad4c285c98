#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: scripts/check_tidy.sh [FILE...]
#
# Runs clang-tidy over FILEs, or over all of our sources, as build/release compiles them.
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

main()
{
    local files=("$@")
    [[ ${1:-} == -h || ${1:-} == --help ]] && print_help && exit
    cd "$FG_ROOT"
    [[ -e build/release/compile_commands.json ]] || die 1 "build/release is not configured; run 'cmake --preset release'"
    ((${#files[@]} > 0)) || mapfile -t files < <(find userspace -name '*.cpp' | sort)
    # Debian's default clang may be older than the C++ of these sources.
    printf '%s\0' "${files[@]}" | xargs -0 -n 1 -P "$(nproc)" clang-tidy-19 -p build/release --quiet
}

main "$@"
