#include "daemon/api_request.hpp"

#include "daemon/commands.hpp"
#include "daemon/core/json.hpp"
#include "daemon/core/moment.hpp"
#include "daemon/core/object_text.hpp"
#include "daemon/core/query.hpp"

#include <algorithm>

namespace hookswitch {
namespace {

namespace dom = simdjson::dom;

// A JSON object that is put together from members as text.
class Members {
public:
    void set(std::string_view name, std::string json) {
        const auto member = std::ranges::find(members_, name, &Member::first);
        if (member == members_.end())
            members_.emplace_back(name, std::move(json));
        else
            member->second = std::move(json);
    }

    std::string text() const {
        ObjectText out;
        for (const auto& [name, json] : members_) out.json(name, json);
        return out.finish();
    }

private:
    using Member = std::pair<std::string, std::string>;
    std::vector<Member> members_;
};

// The parser names what it reads "body": say which file that is, "number.json:1:7: ...".
Error in_file(const std::filesystem::path& file, const Error& error) {
    const std::string_view what = error.what();
    const bool placed = what.starts_with("body:");
    return Error(error.code(),
                 file.string() + (placed ? "" : ": ") + std::string(what.substr(placed ? 4 : 0)));
}

Result<> read_data(const std::filesystem::path& file, std::istream& in, Members& out) {
    TRY(const std::string text, read_file(file, in));
    auto document = Document::parse(text);
    if (!document) return in_file(file, document.error());
    dom::object object;
    if (document->root().get(object))
        return fail(Errc::malformed_body, file.string() + ": not a JSON object");
    for (const auto [name, value] : object) {
        std::string json;
        append_json(json, value);
        out.set(name, std::move(json));
    }
    return {};
}

// A secret is the text of its file, less the newline at its end; anything else is JSON.
Result<std::string> read_member(const cli::ApiMember& member, std::istream& in) {
    TRY(const std::string text, read_file(member.value, in));
    if (member.field->type == PlatformField::Type::secret) {
        if (without_newline(text).empty()) return fail(Errc::malformed_body, member.value + ": is empty");
        return json_string(without_newline(text));
    }
    auto document = Document::parse(text);
    if (!document) return in_file(member.value, document.error());
    std::string json;
    append_json(json, document->root());
    return json;
}

Result<> exists_in(const PlatformField& field, Era era, const std::string& given_as) {
    if (field.in.at(era) != Presence::no) return {};
    return fail(Errc::invalid_config, given_as + " does not exist in the " + std::string(name_of(era)) +
                                          " era: it is for " + eras_text(field.in) + ": see --era");
}

Result<std::string> json_of(const cli::ApiMember& member, Era era, std::istream& in) {
    if (member.from == cli::ApiMember::From::null) return std::string("null");
    if (member.by_option)
        if (auto exists = exists_in(*member.field, era, member.name); !exists) return exists.error();
    if (member.from == cli::ApiMember::From::file) {
        auto json = read_member(member, in);
        if (!json) return std::move(json).error().in(member.name);
        return json;
    }
    return member.value;
}

Result<std::string> body_of(const cli::Api& args, Era era, std::istream& in) {
    if (!args.data && args.members.empty()) return std::string();
    Members body;
    if (args.data)
        if (auto read = read_data(*args.data, in, body); !read) return std::move(read).error().in("--data");
    for (const auto& member : args.members) {
        TRY(std::string json, json_of(member, era, in));
        body.set(member.field ? member.field->name_in(era) : member.name, std::move(json));
    }
    return body.text();
}

std::string seen_from(Milliseconds now, const PlatformField& field, const std::string& text) {
    if (!field.name.ends_with("_date")) return text;
    const auto moment = parse_moment(text);
    return moment && !moment->at ? iso_time(moment->seen_from(now)) : text;
}

}  // namespace

std::string ApiRequest::target() const {
    std::string out = path;
    for (std::size_t i = 0; i < query.size(); ++i)
        out.append(i == 0 ? "?" : "&")
            .append(query[i].first)
            .append("=")
            .append(percent_encode(query[i].second));
    return out;
}

Result<ApiRequest> api_request(const cli::Api& args, const PlatformOperation& operation, Era era,
                               Milliseconds now, std::istream& in) {
    ApiRequest request;
    TRY(request.path, operation.path_with(args.ids));
    for (const auto& [field, text] : args.query) {
        if (auto exists = exists_in(*field, era, "--" + field->option_name()); !exists) return exists.error();
        request.query.emplace_back(field->name_in(era), seen_from(now, *field, text));
    }
    TRY(request.body, body_of(args, era, in));
    return request;
}

}  // namespace hookswitch
