#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: scripts/vmlinux.sh
#
# Writes vmlinux/ARCH/vmlinux.h anew from the running kernel's own description of its types, and says so in
# vmlinux/README.md.
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

btf=/sys/kernel/btf/vmlinux

architecture()
{
    case $(uname -m) in
    x86_64) echo x86 ;;
    aarch64) echo arm64 ;;
    *) die 1 "$(uname -m) has no place in vmlinux/ yet; add it here and to scripts/cmake/BpfObject.cmake" ;;
    esac
}

main()
{
    local directory
    [[ ${1:-} == -h || ${1:-} == --help ]] && print_help && exit
    require_btf "$btf"
    directory=$FG_ROOT/vmlinux/$(architecture)
    mkdir -p "$directory"
    PATH=$PATH:/usr/sbin bpftool btf dump file "$btf" format c >"$directory/vmlinux.h.new"
    mv "$directory/vmlinux.h.new" "$directory/vmlinux.h"
    sed -i "s#^| ${directory##*/} .*#| ${directory##*/} | Linux $(uname -r | sed "s,-.*,,"), $(uname -m) |#" "$FG_ROOT/vmlinux/README.md"
}

main "$@"
