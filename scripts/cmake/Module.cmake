# SPDX-License-Identifier: Apache-2.0
# flowguard_module(NAME SOURCES ... USES ... LIBRARIES ...): one module of user space, as target flowguard_NAME.
# USES names other modules; layers make the direction of dependencies a rule that configuring checks.
set(FLOWGUARD_LAYER_core 0)
set(FLOWGUARD_LAYER_kernel 1)
set(FLOWGUARD_LAYER_store 1)
set(FLOWGUARD_LAYER_outputs 1)
set(FLOWGUARD_LAYER_api 1)
set(FLOWGUARD_LAYER_tui 1)
set(FLOWGUARD_LAYER_daemon 2)
set(FLOWGUARD_LAYER_cli 3)

# Settings of every target of ours, tests too.
function(flowguard_settings target)
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror)
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
