# SPDX-License-Identifier: Apache-2.0
# flowguard_bpf_object(TARGET SOURCE): compiles SOURCE for BPF and makes its skeleton <name>.skel.h, in an interface
# library TARGET. clang writes the list of headers, so that a changed header never leaves a stale object.
find_program(FLOWGUARD_BPF_CLANG NAMES clang clang-19 clang-18 clang-17 clang-16 clang-15 clang-14 REQUIRED)
find_program(FLOWGUARD_BPFTOOL NAMES bpftool HINTS /usr/sbin REQUIRED)

function(flowguard_bpf_object target source)
    get_filename_component(name ${source} NAME)
    string(REPLACE ".bpf.c" "" name ${name})
    set(directory ${CMAKE_CURRENT_BINARY_DIR}/bpf)
    set(object ${directory}/${name}.bpf.o)
    set(skeleton ${directory}/${name}.skel.h)
    set(vmlinux ${PROJECT_SOURCE_DIR}/vmlinux/x86)
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
        set(vmlinux ${PROJECT_SOURCE_DIR}/vmlinux/arm64)
    endif()
    file(MAKE_DIRECTORY ${directory})

    add_custom_command(
        OUTPUT ${object}
        COMMAND ${FLOWGUARD_BPF_CLANG} -g -O2 -std=gnu11 -target bpf -mcpu=v3 -Wall -Wextra -Werror
                -Wno-missing-declarations -isystem ${vmlinux} -I${PROJECT_SOURCE_DIR}/include
                -I${PROJECT_SOURCE_DIR}/bpf -MD -MF ${object}.d -MT ${object}
                -c ${PROJECT_SOURCE_DIR}/${source} -o ${object}
        DEPENDS ${PROJECT_SOURCE_DIR}/${source}
        DEPFILE ${object}.d
        COMMENT "Compiling ${source} for BPF"
        VERBATIM)
    add_custom_command(
        OUTPUT ${skeleton}
        COMMAND sh -c "'${FLOWGUARD_BPFTOOL}' gen skeleton '${object}' name ${name}_bpf > '${skeleton}.new' && mv '${skeleton}.new' '${skeleton}'"
        DEPENDS ${object}
        COMMENT "Generating ${name}.skel.h"
        VERBATIM)
    add_custom_target(${target}_skeleton DEPENDS ${skeleton})
    add_library(${target} INTERFACE)
    add_dependencies(${target} ${target}_skeleton)
    target_include_directories(${target} SYSTEM INTERFACE ${directory})
endfunction()
