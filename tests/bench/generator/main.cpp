// load --port N --body FILE --secret-file FILE --event TYPE [--name value ...]: prints one JSON object.
#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>

#include "load.hpp"

namespace {

using namespace bench;
using Options = std::map<std::string, std::string>;

Options read_options(int argc, char** argv) {
    Options options;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string_view name = argv[i];
        if (!name.starts_with("--")) throw std::runtime_error("not an option: " + std::string(name));
        options[std::string(name.substr(2))] = argv[i + 1];
    }
    return options;
}

std::string text(const Options& options, const std::string& name, const std::string& otherwise = "") {
    const auto found = options.find(name);
    return found == options.end() ? otherwise : found->second;
}

double number(const Options& options, const std::string& name, double otherwise) {
    const auto found = options.find(name);
    return found == options.end() ? otherwise : std::stod(found->second);
}

std::string read_file(const std::string& name) {
    std::ifstream in(name, std::ios::binary);
    if (!in) throw std::runtime_error("cannot open '" + name + "'");
    return {std::istreambuf_iterator<char>(in), {}};
}

RequestSettings request_settings(const Options& options) {
    RequestSettings settings;
    settings.host = "127.0.0.1:" + text(options, "port");
    settings.path = text(options, "path", settings.path);
    settings.event = text(options, "event");
    settings.secret = read_file(text(options, "secret-file"));
    settings.body_template = read_file(text(options, "body"));
    settings.scheme = text(options, "scheme") == "body" ? Scheme::body : Scheme::flireo;
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    settings.timestamp = std::to_string(std::chrono::duration_cast<std::chrono::seconds>(now).count());
    return settings;
}

LoadSettings load_settings(const Options& options) {
    LoadSettings settings;
    settings.port = static_cast<std::uint16_t>(number(options, "port", 0));
    settings.connections = static_cast<std::size_t>(number(options, "connections", 64));
    settings.warmup = std::chrono::duration<double>(number(options, "warmup", 0));
    settings.measured = std::chrono::duration<double>(number(options, "seconds", 1));
    settings.requests = static_cast<std::uint64_t>(number(options, "requests", 0));
    settings.rate = number(options, "rate", 0);
    settings.poisson = text(options, "arrivals") == "poisson";
    settings.spin = text(options, "spin") == "yes";
    settings.expect = text(options, "expect");
    settings.fresh = text(options, "fresh") == "yes";
    if (const std::string source = text(options, "source"); !source.empty())
        settings.source = ntohl(inet_addr(source.c_str()));
    return settings;
}

std::string quoted(const std::string& value) {
    std::string out = "\"";
    for (char c : value) {
        if (c == '"' || c == '\\') out += '\\';
        out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
    return out + "\"";
}

void write_latencies(const LoadResult& result, const std::string& file) {
    std::ofstream out(file);
    for (std::uint32_t value : result.tenths_of_us) out << value << '\n';
}

void print(const LoadResult& result) {
    std::vector<std::uint32_t> sorted = result.tenths_of_us;
    std::sort(sorted.begin(), sorted.end());
    const auto quantile = [&sorted](double share) {
        if (sorted.empty()) return 0.0;
        return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))] / 10.0;
    };
    std::printf("{\"requests\":%zu,\"seconds\":%.4f,\"per_second\":%.1f,\"busy\":%.3f,", sorted.size(),
                result.seconds, static_cast<double>(sorted.size()) / result.seconds, result.busy);
    std::printf(
        "\"latency_us\":{\"min\":%.1f,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f},",
        quantile(0), quantile(0.5), quantile(0.9), quantile(0.99), quantile(0.999), quantile(1));
    std::printf(
        "\"not_200\":%lu,\"unexpected\":%lu,\"duplicates\":%lu,\"lost\":%lu,\"starved\":%lu,\"sample\":%s}\n",
        result.not_200, result.unexpected, result.duplicates, result.lost, result.starved,
        quoted(result.sample).c_str());
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const Options options = read_options(argc, argv);
        // Numbers start from the clock: no two runs, however quick, send the same body.
        const auto now = std::chrono::system_clock::now().time_since_epoch();
        SignedRequest request(request_settings(options), static_cast<std::uint64_t>(now.count()));
        Load load(load_settings(options), std::move(request));
        const LoadResult result = load.run();
        if (const std::string file = text(options, "latencies"); !file.empty()) write_latencies(result, file);
        print(result);
    } catch (const std::exception& e) {
        std::fprintf(stderr, "load: %s\n", e.what());
        return 1;
    }
    return 0;
}
