// sign, verify and send, and what they share with replay.

#include "daemon/commands.hpp"

#include "daemon/core/event.hpp"
#include "daemon/io/read_file.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <exception>
#include <sstream>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;

// Empty if the body does not say, or is broken: that is worth sending too.
std::string event_type(std::string_view body) {
    const auto event = parse_event(body);
    return event ? std::string(event->type) : std::string();
}

std::string age_text(std::int64_t sent_at) {
    const std::int64_t age = unix_seconds_now() - sent_at;
    return age >= 0 ? fmt::format("age {} s", age) : fmt::format("{} s in the future", -age);
}

// Returns whether all replies were 2xx. Borrows everything: its caller waits for it.
asio::awaitable<bool> send_all(HttpClient& client, const cli::Send& args, const SigningKey& key,
                               const Console& console) {
    bool all_good = true;
    for (const auto& file : args.bodies) {
        auto body = read_file(file, console.in);
        if (!body) {
            complain(console, "send: " + body.error().what());
            all_good = false;
            continue;
        }
        HttpClient::Request request;
        request.target = args.to.target;
        request.headers = signed_headers(key, std::to_string(unix_seconds_now()), event_type(*body), *body);
        request.headers.emplace_back("Content-Type", "application/json");
        request.headers.emplace_back("User-Agent", "hookswitch/" HOOKSWITCH_VERSION);
        request.body = *std::move(body);
        const auto started = steady_clock::now();
        const auto reply = co_await client.send(std::move(request));
        const std::chrono::duration<double, std::milli> took = steady_clock::now() - started;
        if (reply)
            console.out << fmt::format("{}: {} in {:.1f} ms\n{}\n", file.string(), reply->status,
                                       took.count(), reply->body);
        else
            complain(console, fmt::format("send {}: {}", file.string(), no_reply_because(reply.error())));
        all_good = all_good && reply && reply->status / 100 == 2;
    }
    co_return all_good;
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& file, std::istream& in) {
    if (file != "-") return read_file(file);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

Result<Secret> read_secret_text(const std::filesystem::path& file, std::istream& in) {
    TRY(auto text, read_file(file, in));
    text.resize(without_newline(text).size());
    if (text.empty()) return fail(Errc::invalid_config, file.string() + " is empty");
    return Secret(std::move(text));
}

Result<SigningKey> read_secret(const std::filesystem::path& file, std::istream& in) {
    auto secret = read_secret_text(file, in);
    if (!secret) return std::move(secret).error().in("read the secret");
    return SigningKey(*secret);
}

HttpHeaders signed_headers(const SigningKey& key, std::string_view timestamp, std::string_view event,
                           std::string_view body) {
    HttpHeaders headers;
    if (!event.empty()) headers.emplace_back("X-Webhook-Event", event);
    headers.emplace_back("X-Webhook-Timestamp", timestamp);
    headers.emplace_back("X-Webhook-Signature", "sha256=" + key.sign(timestamp, body));
    return headers;
}

std::int64_t unix_seconds_now() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

std::string no_reply_because(const Error& error) {
    namespace errc = boost::system::errc;
    if (error == Errc::deadline_exceeded) return "no reply in time: see --timeout";
    if (error.code() == errc::connection_refused || error.code() == errc::no_such_file_or_directory)
        return error.what() + ": is the receiver running, and does it listen there?";
    if (error.what().find("certificate verify failed") != std::string::npos)
        return error.what() + ": name the authority that signed it with --ca-file";
    return error.what();
}

int complain(const Console& console, std::string_view what) {
    console.err << "hookswitch: " << what << '\n';
    return 1;
}

int run(const cli::Sign& args, const Console& console) {
    const auto key = read_secret(args.secret_file, console.in);
    if (!key) return complain(console, "sign: " + key.error().what());
    const auto body = read_file(args.body, console.in);
    if (!body) return complain(console, "sign: " + body.error().what());
    const std::string event = args.event.empty() ? event_type(*body) : args.event;
    const std::string timestamp =
        args.timestamp.empty() ? std::to_string(unix_seconds_now()) : args.timestamp;
    for (const auto& [name, value] : signed_headers(*key, timestamp, event, *body))
        console.out << name << ": " << value << '\n';
    return 0;
}

int run(const cli::Verify& args, const Console& console) {
    const auto key = read_secret(args.secret_file, console.in);
    if (!key) return complain(console, "verify: " + key.error().what());
    const auto body = read_file(args.body, console.in);
    if (!body) return complain(console, "verify: " + body.error().what());
    SignaturePolicy policy;
    policy.keys = {*key};
    policy.max_age = std::chrono::duration_cast<std::chrono::seconds>(args.max_age);
    SignatureHeaders headers;
    headers.signature = args.signature;
    headers.timestamp = args.timestamp;
    const auto verified = verify(policy, headers, *body, std::chrono::system_clock::now());
    if (!verified) {
        console.out << "signature does not hold: " << verified.error().what() << '\n';
        return 1;
    }
    console.out << "signature holds (" << age_text(std::stoll(args.timestamp)) << ")\n";
    return 0;
}

int run(const cli::Send& args, const Console& console) {
    const auto key = read_secret(args.secret_file, console.in);
    if (!key) return complain(console, "send: " + key.error().what());
    asio::io_context ctx(1);
    auto client = HttpClient::make(ctx.get_executor(), args.to, args.client);
    if (!client) return complain(console, "send: " + client.error().what());
    bool all_good = false;
    asio::co_spawn(ctx, send_all(*client, args, *key, console),
                   [&](const std::exception_ptr& thrown, bool good) {
                       if (thrown) std::rethrow_exception(thrown);  // out of ctx.run()
                       all_good = good;
                   });
    ctx.run();
    return all_good ? 0 : 1;
}

int run(const cli::Exit& args, const Console& console) {
    (args.status == 0 ? console.out : console.err) << args.text;
    return args.status;
}

}  // namespace hookswitch
