#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: scripts/check_tidy.sh [--recent N | FILE...]
#
# Runs clang-tidy over FILEs, or over all of our sources, as build/release compiles them. All of them take too long
# for CI, which looks at what is new:
#   --recent N   sources that the last N commits changed, and one that includes each header which they changed; all of
#                them where there are fewer commits to look at, as in a shallow clone, or where the checks themselves changed
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

all_sources() { find userspace -name '*.cpp' | sort; }

# one_of CHANGED: of the sources on standard input one that changed itself, or else the first.
one_of()
{
    local all
    all=$(cat)
    grep -xFm 1 -f <(grep . <<<"$1") <<<"$all" || head -n 1 <<<"$all"
}

# recent_sources N: one a line.
recent_sources()
{
    local changed header
    if ! changed=$(git diff --name-only "HEAD~$1" HEAD 2>/dev/null) || grep -qxF .clang-tidy <<<"$changed"; then
        all_sources
        return
    fi
    {
        grep -xE 'userspace/.*\.cpp' <<<"$changed" || true
        while read -r header; do
            {
                grep -rlF "\"${header##*include/}\"" userspace --include='*.cpp' || true
                grep -rlF "\"${header##*/}\"" "$(dirname "$header")" --include='*.cpp' 2>/dev/null || true
            } | one_of "$changed"
        done < <(grep -xE '(include|userspace)/.*\.h' <<<"$changed")
    } | sort -u | while read -r file; do [[ ! -e $file ]] || printf '%s\n' "$file"; done
}

main()
{
    local files=()
    cd "$FG_ROOT"
    [[ -e build/release/compile_commands.json ]] || die 1 "build/release is not configured; run 'cmake --preset release'"
    case ${1:-} in
    -h | --help) print_help && exit ;;
    --recent)
        [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || die 2 "--recent needs a number of commits"
        mapfile -t files < <(recent_sources "$2")
        ;;
    '') mapfile -t files < <(all_sources) ;;
    *) files=("$@") ;;
    esac
    printf '%s of %s sources\n' "${#files[@]}" "$(all_sources | wc -l)"
    ((${#files[@]} > 0)) || return 0
    # Debian's default clang may be older than the C++ of these sources.
    printf '%s\0' "${files[@]}" | xargs -0 -n 1 -P "$(nproc)" clang-tidy-19 -p build/release --quiet
}

main "$@"
