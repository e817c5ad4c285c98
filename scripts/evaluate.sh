#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: scripts/evaluate.sh DIRECTORY [--only TEXT] [--config FILE] [--json FILE] [--floors FILE] [-v]
#
# Analyses the captures of a directory that has a TRUTH.jsonl and says, per detector, what was named, what was missed
# and what was named wrongly. FLOWGUARD names the program; without it the release build is used.
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

case ${1:-} in
-h | --help) print_help && exit ;;
'' | -*) die 2 "which directory? --help explains" ;;
esac
program=${FLOWGUARD:-$FG_ROOT/build/release/userspace/cli/flowguard}
[[ -x $program ]] || die 1 "there is no $program; build it with 'cmake --preset release && cmake --build --preset release'"
export PYTHONDONTWRITEBYTECODE=1
exec /usr/bin/python3 "$FG_ROOT/tests/replay/evaluate.py" "$program" "$@"
