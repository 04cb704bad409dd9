// `hookswitch api`: asks the platform once, or page by page, and shows what it said.

#include "daemon/api_output.hpp"
#include "daemon/api_request.hpp"
#include "daemon/commands.hpp"
#include "daemon/core/json.hpp"
#include "daemon/core/recording.hpp"
#include "daemon/io/wall_clock.hpp"
#include "daemon/platform_commands.hpp"
#include "daemon/progress_line.hpp"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace hookswitch {
namespace {

namespace dom = simdjson::dom;

constexpr std::size_t kPage = 1000;  // the largest there is (protocol reference, 6.1)

std::string name_of(const cli::Api& args) { return "api " + args.resource + ' ' + args.verb; }

int misused(const Console& console, std::string_view what) {
    complain(console, what);
    return 2;
}

int refused(const cli::Api& args, const Console& console, PlatformError error) {
    const auto details = std::exchange(error.details, {});
    complain(console, name_of(args) + ": " + error.what());
    for (const auto& detail : details) console.err << "  " << one_line(detail) << '\n';
    return 1;
}

int odd(const cli::Api& args, const Console& console, std::string_view why) {
    return complain(
        console, name_of(args) + ": the platform's answer is odd: " + std::string(why) + ": --raw shows it");
}

void warn(const cli::Api& args, const Console& console, const PlatformOperation& operation, Era era) {
    std::string what;
    switch (operation.in.at(era)) {
        case Presence::alias:
            what = std::string(operation.path) + " is an older name, use `assistants`";
            break;
        case Presence::deprecated: what = "the platform calls this deprecated"; break;
        case Presence::unknown:
            what = "whether the " + std::string(name_of(era)) + " era has this is not documented";
            break;
        case Presence::yes:
        case Presence::no: return;
    }
    console.err << "hookswitch: " << name_of(args) << ": " << what << '\n';
}

int not_in_era(const cli::Api& args, const Console& console, Era era) {
    const auto* operation = find_operation(args.resource, args.verb);
    return misused(console, name_of(args) + ": the " + std::string(name_of(era)) +
                                " era does not have this: it exists in " + eras_text(operation->in) +
                                ": set platform.era in the configuration, or --era");
}

PlatformClient::Request request_of(const PlatformOperation& operation, const ApiRequest& request) {
    PlatformClient::Request out;
    out.method = operation.method;
    out.path = request.target();
    out.body = request.body;
    return out;
}

// "success" and, of a test, "ok".
bool says_no(dom::element reply) {
    for (const char* key : {"success", "ok"}) {
        bool yes = true;
        if (reply.is_object() && !reply.at_key(key).get(yes) && !yes) return true;
    }
    return false;
}

void print_one(const cli::Api& args, const Console& console, const PlatformOperation& operation,
               dom::element reply) {
    const dom::element inside = unwrap(operation, reply);
    if (args.json) {
        std::string json;
        append_json(json, inside);
        console.out << json << '\n';
    } else if (operation.answer.shape == PlatformAnswer::Shape::done && !says_no(reply)) {
        console.out << "done\n";
    } else {
        print_members(console.out, inside);
        print_around(console.out, envelope_of(operation, reply), reply);
    }
    if (args.resource == "organizations" && args.verb == "create")
        console.err << "the API key is not shown again: keep it in a safe place\n";
}

int show_one(const cli::Api& args, const Console& console, const PlatformOperation& operation,
             std::string body) {
    if (args.raw) {
        console.out << body << (body.empty() || body.ends_with('\n') ? "" : "\n");
        return 0;
    }
    if (body.empty()) body = R"({"success":true})";  // 204 says no more than that
    const auto document = Document::parse(body);
    if (!document) {  // perhaps the only sight of what was made
        console.out << body << '\n';
        return complain(console,
                        name_of(args) + ": the platform's answer is not JSON, it is shown as it came");
    }
    print_one(args, console, operation, document->root());
    return says_no(document->root()) ? 1 : 0;
}

// A list, of which there may be more pages.
class Listing {
public:
    Listing(const cli::Api& args, const Console& console, const PlatformOperation& operation)
        : args_(args),
          console_(console),
          operation_(operation),
          list_(operation, args, console.out),
          progress_(console) {}

    int show(ApiRequest request, const AskPlatform& ask) {
        if (args_.all && !number(request, "limit")) set(request, "limit", kPage);
        offset_ = number(request, "offset").value_or(0);
        for (;;) {
            auto reply = ask(request_of(operation_, request));
            progress_.hide();
            if (!reply) return refused(args_, console_, reply.error());
            const auto document = Document::parse(reply->body);
            if (!document) return odd(args_, console_, document.error().what());
            const dom::element root = document->root();
            if (!unwrap(operation_, root).is_array()) return odd(args_, console_, "there is no list in it");
            add(root);
            if (!more(request)) return finish(root);
            progress_.show(operation_.resource, list_.count(), total_);
            set(request, "offset", offset_);
        }
    }

private:
    static std::optional<std::size_t> number(const ApiRequest& request, std::string_view name) {
        const auto parameter = std::ranges::find(request.query, name, [](const auto& p) { return p.first; });
        if (parameter == request.query.end()) return std::nullopt;
        return std::stoull(parameter->second);
    }

    static void set(ApiRequest& request, std::string_view name, std::size_t value) {
        std::erase_if(request.query, [&](const auto& parameter) { return parameter.first == name; });
        request.query.emplace_back(name, std::to_string(value));
    }

    // Prints a page, without what the page before had already: newer ones have moved it on.
    void add(dom::element root) {
        std::vector<dom::element> fresh;
        std::unordered_set<std::string> ids;
        dom::array items;
        if (unwrap(operation_, root).get(items)) return;
        for (const dom::element item : items) {
            std::string id;
            dom::element value;
            if (item.is_object() && !item.at_key("id").get(value)) append_json(id, value);
            if (id.empty() || !before_.contains(id)) fresh.push_back(item);
            if (!id.empty()) ids.insert(std::move(id));
        }
        list_.add(fresh);
        before_ = std::move(ids);
        returned_ = items.size();
        offset_ += returned_;
        repeated_ = fresh.empty();
        std::uint64_t total = 0;
        total_.reset();
        if (root.is_object() && !root.at_pointer("/pagination/total").get(total)) total_ = total;
    }

    // Whether there is another page, as far as the last one tells. Its total counts: it may have changed.
    bool more(const ApiRequest& request) const {
        if (!args_.all || returned_ == 0 || !console_.out) return false;
        if (total_) return offset_ < *total_;
        return !repeated_ && returned_ >= number(request, "limit").value_or(kPage);
    }

    int finish(dom::element root) {
        list_.finish();
        if (args_.json) return 0;
        if (list_.count() == 0) console_.err << "there is none\n";
        print_around(console_.out, envelope_of(operation_, root), root);
        if (!args_.all && total_ && offset_ < *total_)
            console_.err << list_.count() << " of " << *total_ << ": --all shows the others, --offset "
                         << offset_ << " the next\n";
        return 0;
    }

    const cli::Api& args_;
    const Console& console_;
    const PlatformOperation& operation_;
    ApiList list_;
    ProgressLine progress_;
    std::size_t offset_ = 0, returned_ = 0;
    bool repeated_ = false;
    std::optional<std::uint64_t> total_;
    std::unordered_set<std::string> before_;
};

}  // namespace

int run(const cli::Api& args, const Console& console) {
    const auto* any_era = find_operation(args.resource, args.verb);
    auto settings = platform_of(args.place, console.in, any_era->authenticated());
    if (!settings) return complain(console, name_of(args) + ": " + settings.error().what());
    const Era era = settings->era;
    const auto* operation = find_operation(args.resource, args.verb, era);
    if (!operation) return not_in_era(args, console, era);
    auto request = api_request(args, *operation, era, wall_now(), console.in);
    if (!request) {
        const bool usage = request.error() == Errc::bad_request || request.error() == Errc::invalid_config;
        complain(console, name_of(args) + ": " + request.error().what());
        return usage ? 2 : 1;
    }
    warn(args, console, *operation, era);
    const AskPlatform ask = connect_platform(*settings, console);
    if (operation->answer.shape == PlatformAnswer::Shape::list && !args.raw)
        return Listing(args, console, *operation).show(*std::move(request), ask);
    auto reply = ask(request_of(*operation, *request));
    if (!reply) return refused(args, console, reply.error());
    return show_one(args, console, *operation, std::move(reply->body));
}

}  // namespace hookswitch
