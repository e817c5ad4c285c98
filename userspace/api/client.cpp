// SPDX-License-Identifier: Apache-2.0
#include "flowguard/api/client.h"

#include "flowguard/api/message.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <fmt/format.h>

#include <array>
#include <chrono>

namespace flowguard {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

namespace {

constexpr auto patience = std::chrono::seconds(
    30); /* for each step: a drain may hold an answer up, a dead lock must not */

Error connect_error(const boost::system::error_code &error)
{
    if (error == boost::system::errc::permission_denied)
        return {ExitCode::Permission, "not permitted to talk to the daemon: run as root or be in group flowguard"};
    return {ExitCode::NotRunning, "no daemon runs: start one with 'flowguard attach IFACE'"};
}

Error talk_error(const boost::system::error_code &error)
{
    return {ExitCode::NotRunning, fmt::format("the daemon ended or does not answer ({})", error.message())};
}

/// One request and its answer over one connection.
class Exchange {
  public:
    Exchange() : stream_(io_) {}

    Result<void> send(const std::filesystem::path &path, http::request<http::string_body> &message)
    {
        boost::system::error_code error;
        stream_.socket().connect(asio::local::stream_protocol::endpoint(path.string()), error);
        if (error)
            return std::unexpected(connect_error(error));
        message.set(http::field::host, "flowguard");
        message.prepare_payload();
        error = finish([&](auto done) { http::async_write(stream_, message, done); });
        if (!error)
            error = finish([&](auto done) { http::async_read_header(stream_, buffer_, parser_, done); });
        if (error)
            return std::unexpected(talk_error(error));
        parser_.body_limit(boost::none);
        return {};
    }

    unsigned status() { return parser_.get().result_int(); }

    /// Appends the next piece of the body; false at its end.
    Result<bool> read(std::string &text)
    {
        if (parser_.is_done())
            return false;
        std::array<char, 65536> piece{};
        parser_.get().body().data = piece.data();
        parser_.get().body().size = piece.size();
        const auto error = finish([&](auto done) { http::async_read(stream_, buffer_, parser_, done); });
        if (error && error != http::error::need_buffer)
            return std::unexpected(talk_error(error));
        text.append(piece.data(), piece.size() - parser_.get().body().size);
        return true;
    }

    Result<Json> read_json()
    {
        std::string text;
        for (;;) {
            auto more = read(text);
            if (!more)
                return std::unexpected(more.error());
            if (!*more)
                break;
        }
        Json json = Json::parse(text, nullptr, false);
        if (json.is_discarded())
            return fail(ExitCode::Failed, "the daemon's answer is no JSON; is it of another version?");
        if (status() >= 300)
            return fail(static_cast<ExitCode>(json.value("code", 1)), json.value("error", "the daemon failed"));
        return json;
    }

  private:
    /// Runs one asynchronous operation to its end: only those can time out.
    template <class Start> boost::system::error_code finish(Start start)
    {
        boost::system::error_code result;
        stream_.expires_after(patience);
        start([&result](const boost::system::error_code &error, std::size_t) { result = error; });
        io_.restart();
        io_.run();
        return result;
    }

    asio::io_context io_;
    beast::basic_stream<asio::local::stream_protocol> stream_;
    beast::flat_buffer buffer_;
    http::response_parser<http::buffer_body> parser_;
};

std::string target(const std::string &path, const Query &query)
{
    std::string text = path;
    for (const auto &[name, value] : query)
        text += fmt::format("{}{}={}", text.size() == path.size() ? '?' : '&', name, percent_encode(value));
    return text;
}

Result<Json> ask(const std::filesystem::path &socket, http::verb method, const std::string &target, const Json *body)
{
    http::request<http::string_body> message(method, target, 11);
    if (body)
        message.body() = body->dump(-1, ' ', false, Json::error_handler_t::replace);
    Exchange exchange;
    if (auto sent = exchange.send(socket, message); !sent)
        return std::unexpected(sent.error());
    return exchange.read_json();
}

} // namespace

Result<Json> Client::get(const std::string &path, const Query &query) const
{
    return ask(socket_, http::verb::get, target(path, query), nullptr);
}

Result<Json> Client::post(const std::string &path, const Json &body) const
{
    return ask(socket_, http::verb::post, path, &body);
}

Result<Json> Client::remove(const std::string &path, const Query &query) const
{
    return ask(socket_, http::verb::delete_, target(path, query), nullptr);
}

Result<void> Client::lines(const std::string &path, const Query &query,
                           const std::function<bool(std::string_view)> &sink) const
{
    http::request<http::string_body> message(http::verb::get, target(path, query), 11);
    Exchange exchange;
    if (auto sent = exchange.send(socket_, message); !sent)
        return sent;
    if (exchange.status() >= 300)
        return std::unexpected(exchange.read_json().error());
    std::string text;
    for (;;) {
        auto more = exchange.read(text);
        if (!more)
            return std::unexpected(more.error());
        std::size_t begin = 0;
        for (std::size_t end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
            if (!sink(std::string_view(text).substr(begin, end - begin)))
                return {};
        text.erase(0, begin);
        if (!*more)
            return {};
    }
}

} // namespace flowguard
