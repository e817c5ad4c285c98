# SPDX-License-Identifier: Apache-2.0
# flowguard_module(NAME SOURCES ... USES ... LIBRARIES ...): one module of user space, as target flowguard_NAME.
# USES names other modules; layers make the direction of dependencies a rule that configuring checks.
set(FLOWGUARD_LAYER_core 0)
set(FLOWGUARD_LAYER_detect 1)
set(FLOWGUARD_LAYER_kernel 2)
set(FLOWGUARD_LAYER_capture 2)
set(FLOWGUARD_LAYER_feeds 2)
set(FLOWGUARD_LAYER_store 2)
set(FLOWGUARD_LAYER_outputs 2)
set(FLOWGUARD_LAYER_api 2)
set(FLOWGUARD_LAYER_tui 2)
set(FLOWGUARD_LAYER_daemon 3)
set(FLOWGUARD_LAYER_cli 4)

# Settings of every target of ours, tests too.
#
# clang reads precompiled headers lazily, which halves the time of a build without optimisation; g++ gains nothing by them.
# ARGN are headers beside the common ones.
function(flowguard_settings target)
    if(FLOWGUARD_PRECOMPILE AND (ARGN OR target STREQUAL flowguard_core))
        target_precompile_headers(${target} PRIVATE ${PROJECT_SOURCE_DIR}/scripts/cmake/precompiled.h ${ARGN})
    elseif(FLOWGUARD_PRECOMPILE)
        target_precompile_headers(${target} REUSE_FROM flowguard_core)
    endif()
    # Warnings are the business of g++; clang is there for its sanitizers, fuzzer and static analysis.
    if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
        target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
                                                 -Wnon-virtual-dtor -Wsuggest-override -Werror)
    else()
        target_compile_options(${target} PRIVATE -w)
    endif()
    if(FLOWGUARD_SANITIZE)
        target_compile_options(${target} PRIVATE -fsanitize=address,undefined -fno-sanitize-recover=all
                                                 -fno-omit-frame-pointer)
        target_link_options(${target} PUBLIC -fsanitize=address,undefined)
    endif()
endfunction()

function(flowguard_module name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;USES;LIBRARIES")
    if(NOT DEFINED FLOWGUARD_LAYER_${name})
        message(FATAL_ERROR "Module ${name} has no layer: add it to scripts/cmake/Module.cmake")
    endif()
    add_library(flowguard_${name} STATIC ${arg_SOURCES})
    target_link_libraries(flowguard_${name} PUBLIC flowguard_abi ${arg_LIBRARIES})
    foreach(used IN LISTS arg_USES)
        if(NOT FLOWGUARD_LAYER_${used} LESS FLOWGUARD_LAYER_${name})
            message(FATAL_ERROR "Module ${name} must not use ${used}: dependencies point to lower layers only")
        endif()
        target_link_libraries(flowguard_${name} PUBLIC flowguard_${used})
    endforeach()
    flowguard_settings(flowguard_${name})
endfunction()
