// SPDX-License-Identifier: Apache-2.0
#include "flowguard/tui/top.h"

#include "flowguard/cli/command.h"
#include "flowguard/cli/output.h"
#include "flowguard/tui/table.h"

#include <langinfo.h>

#include <memory>
#include <optional>
#include <string_view>
#include <sys/ioctl.h>
#include <unistd.h>

namespace flowguard {
namespace {

struct Options {
    bool once = false;
    std::string by = "flow";
    std::string sort = "rate";
    std::string filter;
    std::optional<std::size_t> limit;
};

Result<Json> fetch(const Client &client, const TopOptions &options, std::uint64_t after_tick)
{
    return client.get("/v1/top", {{"by", std::string(view_name(options.by))},
                                  {"sort", std::string(sort_name(options.sort))},
                                  {"filter", options.filter},
                                  {"n", std::to_string(options.limit)},
                                  {"after", std::to_string(after_tick)}});
}

TableOptions table_options()
{
    winsize size{};
    const bool terminal = isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
    return {.width = terminal ? size.ws_col : 0, .ascii = std::string_view(nl_langinfo(CODESET)) != "UTF-8"};
}

Result<void> print_once(const Context &context, const TopOptions &options)
{
    const auto document = fetch(context.client(), options, 0);
    if (!document)
        return std::unexpected(document.error());
    if (context.json)
        print_json(*document);
    else
        for (const std::string &line : render_table(*document, table_options()))
            print_line(line);
    return {};
}

/// One document per tick, until the reader or the daemon goes away.
Result<void> stream(const Context &context, const TopOptions &options)
{
    for (std::uint64_t tick = 0;;) {
        const auto document = fetch(context.client(), options, tick);
        if (!document)
            return std::unexpected(document.error());
        const auto now = document->value("tick", std::uint64_t{0});
        if (now == tick)
            continue; /* the wait ran out */
        tick = now;
        print_json(*document);
        if (std::fflush(stdout) != 0)
            return {};
    }
}

Result<void> run(const Context &context, const Options &options)
{
    const auto by = parse_top_by(options.by);
    if (!by)
        return std::unexpected(by.error());
    const auto sort = parse_sort_by(options.sort);
    if (!sort)
        return std::unexpected(sort.error());
    TopOptions top{.by = *by, .sort = *sort, .filter = options.filter};
    constexpr std::size_t printed_rows = 20;
    const bool live = !options.once && !context.json && isatty(STDOUT_FILENO);
    top.limit = options.limit.value_or(live ? top.limit : printed_rows);
    if (live)
        return run_top(top,
                       [client = context.client()](const TopOptions &wanted, std::uint64_t after,
                                                   const std::stop_token &) { return fetch(client, wanted, after); });
    return context.json && !options.once ? stream(context, top) : print_once(context, top);
}

} // namespace

Run build_top(CLI::App &command)
{
    auto options = std::make_shared<Options>();
    command.add_flag("--once", options->once, "Print one table and end; the default when the output is no terminal");
    command.add_option("--by", options->by, "flow, remote, local or service")->capture_default_str();
    command.add_option("-n", options->limit, "Rows; 0: all")->check(CLI::Range(0U, 1000000000U));
    command.add_option("--sort", options->sort, "rate, bytes, packets or start")->capture_default_str();
    command.add_option("--filter", options->filter, "Only flows that match, in tcpdump's words");
    return [options](const Context &context) { return run(context, *options); };
}

} // namespace flowguard
