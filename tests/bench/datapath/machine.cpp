// SPDX-License-Identifier: Apache-2.0
#include "machine.h"

#include <fmt/format.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sched.h>
#include <sys/utsname.h>
#include <thread>

namespace flowguard::bench {
namespace {

/// The value of a line "name : value" of /proc/cpuinfo.
std::string cpu_field(const std::string &name)
{
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);) {
        const std::size_t colon = line.find(": ");
        if (line.starts_with(name) && colon != std::string::npos)
            return line.substr(colon + 2);
    }
    return "";
}

std::string describe_jit()
{
    std::ifstream file("/proc/sys/net/core/bpf_jit_enable");
    std::string value;
    /* Kernels built with BPF_JIT_ALWAYS_ON may hide the knob in namespaces. */
    if (!(file >> value))
        return "unknown";
    return value == "0" ? "off" : "on";
}

} // namespace

Result<unsigned> pin_thread()
{
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return fail(ExitCode::Failed, fmt::format("cannot read this thread's CPUs: {}", std::strerror(errno)));
    for (unsigned cpu = CPU_SETSIZE; cpu-- > 0;) {
        if (!CPU_ISSET(cpu, &allowed))
            continue;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        if (sched_setaffinity(0, sizeof one, &one) != 0)
            return fail(ExitCode::Failed, fmt::format("cannot stay on CPU {}: {}", cpu, std::strerror(errno)));
        return cpu;
    }
    return fail(ExitCode::Failed, "this thread may run on no CPU");
}

Machine describe_machine(unsigned pinned_to)
{
    utsname names{};
    uname(&names);
    double load = 0;
    if (getloadavg(&load, 1) != 1)
        load = 0;
    const bool guest = cpu_field("flags").find("hypervisor") != std::string::npos;
    const std::string model = cpu_field("model name");
    return {.cpu = model.empty() ? names.machine : model,
            .cores = std::thread::hardware_concurrency(),
            .kernel = names.release,
            .jit = describe_jit(),
            .bpf_compiler = FG_BPF_COMPILER,
            .virtualized = guest ? "yes" : "no",
            .load = load,
            .pinned_to = pinned_to};
}

} // namespace flowguard::bench
