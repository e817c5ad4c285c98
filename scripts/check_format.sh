#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: scripts/check_format.sh [--fix]
#
# Says which C and C++ files clang-format would change, and how; --fix changes them.
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

sources() { find bpf include tests userspace -name '*.h' -o -name '*.c' -o -name '*.cpp' | sort; }

main()
{
    cd "$FG_ROOT"
    case ${1:-} in
    '') sources | xargs clang-format --dry-run --Werror || die 1 "not formatted; 'scripts/check_format.sh --fix' mends that" ;;
    --fix) sources | xargs clang-format -i ;;
    -h | --help) print_help ;;
    *) die 2 "unknown argument '$1'; --help explains" ;;
    esac
}

main "$@"
