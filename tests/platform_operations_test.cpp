#include "daemon/core/platform_operations.hpp"

#include "daemon/core/json.hpp"
#include "daemon/core/query.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace hookswitch {
namespace {

constexpr Era kEras[] = {Era::camel, Era::snake, Era::late};

// Protocol reference, section 8, row by row. The words of the eras as there, "not listed" is "no".
// Operations are "METHOD path=resource verb".
struct Row {
    std::vector<std::string> operations;
    std::string camel, snake, late;
    std::string envelopes;  // "list / one"; of two spellings the camel one first, after a colon the other
};

const std::vector<Row> kSection8{
    {{"GET /agents=agents list", "POST /agents=agents create", "GET /agents/{id}=agents get",
      "PATCH /agents/{id}=agents update", "DELETE /agents/{id}=agents delete"},
     "yes",
     "alias",
     "no",
     "agents / agent"},
    {{"GET /assistants=assistants list", "POST /assistants=assistants create",
      "GET /assistants/{id}=assistants get", "PATCH /assistants/{id}=assistants update",
      "DELETE /assistants/{id}=assistants delete"},
     "no",
     "yes",
     "yes",
     "assistants / assistant"},
    {{"GET /tool-templates=tool-templates list", "POST /tool-templates=tool-templates create",
      "GET /tool-templates/{id}=tool-templates get", "PATCH /tool-templates/{id}=tool-templates update",
      "DELETE /tool-templates/{id}=tool-templates delete"},
     "yes",
     "yes",
     "yes",
     "toolTemplates / toolTemplate : tool_templates / tool_template"},
    {{"GET /numbers=numbers list", "POST /numbers=numbers create", "GET /numbers/{id}=numbers get",
      "PATCH /numbers/{id}=numbers update", "DELETE /numbers/{id}=numbers delete"},
     "yes",
     "yes",
     "yes",
     "numbers / number"},
    {{"GET /calls=calls list"}, "yes", "yes", "yes", "calls"},
    {{"GET /calls/{id}=calls get"}, "yes", "yes", "yes", ""},
    {{"POST /calls/outbound=calls outbound"}, "yes", "yes", "yes", ""},
    {{"POST /calls/{id}/control=calls control"}, "yes", "yes", "yes", ""},
    {{"GET /usage=usage list"}, "yes", "yes", "yes", "logs"},
    {{"GET /sip-trunks=sip-trunks list", "POST /sip-trunks=sip-trunks create",
      "GET /sip-trunks/{id}=sip-trunks get", "DELETE /sip-trunks/{id}=sip-trunks delete"},
     "yes",
     "yes",
     "yes",
     "trunks / trunk"},
    {{"GET /voices=voices list"}, "yes", "yes", "yes", "voices"},
    {{"GET /byok=byok get", "POST /byok=byok set", "DELETE /byok=byok delete"},
     "yes",
     "yes",
     "yes",
     "byok_keys / byok_keys"},
    {{"GET /byok/config=byok config"}, "yes", "yes", "no", "providers"},
    {{"POST /byok/config=byok set-config"}, "no", "no", "yes", "/ byok_config"},
    {{"GET /domains=domains get", "POST /domains=domains create", "DELETE /domains=domains delete"},
     "yes",
     "yes",
     "yes",
     "/ domain"},
    {{"GET /domains/sync=domains available", "POST /domains/sync=domains select"},
     "yes",
     "yes",
     "yes",
     "domains / domain"},
    {{"POST /domains/verify=domains verify", "POST /domains/refresh=domains refresh"},
     "yes",
     "yes",
     "yes",
     "/ domain"},
    {{"GET /analysis-templates=analysis-templates list", "POST /analysis-templates=analysis-templates create",
      "GET /analysis-templates/{id}=analysis-templates get",
      "PATCH /analysis-templates/{id}=analysis-templates update",
      "DELETE /analysis-templates/{id}=analysis-templates delete"},
     "yes",
     "yes",
     "yes",
     "analysisTemplates / analysisTemplate : analysis_templates / analysis_template"},
    {{"GET /organizations=organizations get"}, "yes", "yes", "yes", ""},
    {{"POST /organizations=organizations create"}, "no", "yes", "yes", ""},
    {{"PATCH /organizations=organizations update"}, "no", "no", "yes", ""},
    {{"GET /account=account get"}, "unknown", "deprecated", "deprecated", ""},
    {{"GET /campaigns=campaigns list", "POST /campaigns=campaigns create",
      "GET /campaigns/{id}=campaigns get", "PATCH /campaigns/{id}=campaigns update",
      "DELETE /campaigns/{id}=campaigns delete"},
     "yes",
     "yes",
     "yes",
     "campaigns / campaign"},
    {{"GET /campaigns/{campaign}/leads=campaign-leads list",
      "POST /campaigns/{campaign}/leads=campaign-leads create",
      "DELETE /campaigns/{campaign}/leads/{lead}=campaign-leads delete"},
     "yes",
     "yes",
     "yes",
     "leads / lead"},
    {{"GET /workflows=workflows list", "POST /workflows=workflows create",
      "GET /workflows/{id}=workflows get", "PATCH /workflows/{id}=workflows update",
      "DELETE /workflows/{id}=workflows delete"},
     "no",
     "no",
     "yes",
     "workflows / workflow"},
    {{"GET /mcp-servers=mcp-servers list", "POST /mcp-servers=mcp-servers create",
      "GET /mcp-servers/{id}=mcp-servers get", "PATCH /mcp-servers/{id}=mcp-servers update",
      "DELETE /mcp-servers/{id}=mcp-servers delete"},
     "no",
     "no",
     "yes",
     "mcp_servers / mcp_server"},
    {{"POST /mcp-servers/{id}/test=mcp-servers test"}, "no", "no", "yes", ""},
    {{"GET /health=health get"}, "unknown", "yes", "yes", ""},
    {{"POST /chats=chats create", "GET /chats=chats list", "DELETE /chats/{id}=chats delete",
      "GET /chats/context=chats context"},
     "no",
     "no",
     "deprecated",
     ""},
};

std::string described(const PlatformOperation& operation) {
    return std::string(operation.method) + ' ' + std::string(operation.path) + '=' +
           std::string(operation.resource) + ' ' + std::string(operation.verb);
}

const PlatformOperation& operation(std::string_view resource, std::string_view verb) {
    const auto* found = find_operation(resource, verb);
    if (!found) throw std::logic_error("no such operation: " + std::string(resource) + std::string(verb));
    return *found;
}

std::string word_before(const std::string& text, char end) { return text.substr(0, text.find(end)); }

std::string trimmed(const std::string& text) {
    const auto first = text.find_first_not_of(' '), last = text.find_last_not_of(' ');
    return first == std::string::npos ? "" : text.substr(first, last - first + 1);
}

// "agents / agent" as the envelope of this shape.
std::string expected_envelope(const std::string& envelopes, PlatformAnswer::Shape shape) {
    const auto slash = envelopes.find('/');
    if (shape == PlatformAnswer::Shape::list) return trimmed(word_before(envelopes, '/'));
    if (shape == PlatformAnswer::Shape::one && slash != std::string::npos)
        return trimmed(envelopes.substr(slash + 1));
    return "";
}

TEST(PlatformTable, HasEveryRowOfTheProtocolReferenceAndNoOther) {
    std::set<std::string> expected, got;
    for (const Row& row : kSection8) expected.insert(row.operations.begin(), row.operations.end());
    for (const auto& operation : platform_operations()) got.insert(described(operation));
    EXPECT_EQ(got, expected);
    EXPECT_EQ(got.size(), platform_operations().size()) << "something is there twice";
}

TEST(PlatformTable, KnowsTheErasAndEnvelopesOfEveryOperation) {
    std::map<std::string, const Row*> rows;
    for (const Row& row : kSection8)
        for (const auto& text : row.operations) rows[text] = &row;
    for (const auto& operation : platform_operations()) {
        SCOPED_TRACE(described(operation));
        const Row& row = *rows.at(described(operation));
        EXPECT_EQ(name_of(operation.in.camel), row.camel);
        EXPECT_EQ(name_of(operation.in.snake), row.snake);
        EXPECT_EQ(name_of(operation.in.late), row.late);
        const auto colon = row.envelopes.find(':');
        const std::string camel = word_before(row.envelopes, ':');
        const std::string snake = colon == std::string::npos ? camel : row.envelopes.substr(colon + 1);
        EXPECT_EQ(operation.answer.envelope_in(Era::camel), expected_envelope(camel, operation.answer.shape));
        EXPECT_EQ(operation.answer.envelope_in(Era::snake), expected_envelope(snake, operation.answer.shape));
        EXPECT_EQ(operation.answer.envelope_in(Era::late), expected_envelope(snake, operation.answer.shape));
    }
}

TEST(PlatformTable, ListsWhatAnEraHas) {
    const std::map<Era, std::size_t> counts{{Era::camel, 52}, {Era::snake, 58}, {Era::late, 69}};
    for (const Era era : kEras) {
        std::size_t expected = 0;
        for (const Row& row : kSection8) {
            const auto& presence = era == Era::camel ? row.camel : era == Era::snake ? row.snake : row.late;
            if (presence != "no") expected += row.operations.size();
        }
        EXPECT_EQ(operations_in(era).size(), expected) << name_of(era);
        EXPECT_EQ(expected, counts.at(era)) << name_of(era);
    }
}

TEST(PlatformTable, DescribesEveryResourceAndKeepsItsRowsTogether) {
    std::vector<std::string_view> order;
    for (const auto& row : platform_operations())
        if (order.empty() || order.back() != row.resource) order.push_back(row.resource);
    std::set<std::string_view> described;
    for (const auto& resource : platform_resources()) {
        described.insert(resource.name);
        EXPECT_TRUE(resource.example.starts_with(resource.name)) << resource.name;
        const auto verb = resource.example.substr(resource.name.size() + 1);
        EXPECT_NE(find_operation(resource.name, verb.substr(0, verb.find(' '))), nullptr) << resource.example;
    }
    EXPECT_EQ(std::set(order.begin(), order.end()), described);
    EXPECT_EQ(order.size(), described.size()) << "rows of a resource are apart";
}

TEST(PlatformTable, PagesOnlyCallsAndUsage) {
    for (const auto& row : platform_operations())
        EXPECT_EQ(row.paged(), row.verb == "list" && (row.resource == "calls" || row.resource == "usage"))
            << described(row);
}

TEST(PlatformTable, TakesABodyWhereTheReferenceHasOne) {
    for (const auto& row : platform_operations()) {
        SCOPED_TRACE(described(row));
        const bool changes = row.method == "POST" || row.method == "PATCH";
        const bool nothing_to_say = row.verb == "verify" || row.verb == "refresh";
        const bool removes_a_key = row.path == "/byok" && row.method == "DELETE";
        EXPECT_EQ(row.body != PlatformOperation::Body::none, (changes && !nothing_to_say) || removes_a_key);
        EXPECT_EQ(row.authenticated(), row.resource != "health");
        if (row.body == PlatformOperation::Body::none) {
            EXPECT_TRUE(row.fields.empty());
        }
    }
}

TEST(PlatformTable, KeepsSecretsOutOfArguments) {
    std::set<std::string> secrets;
    for (const auto& row : platform_operations())
        for (const auto& field : row.fields)
            if (field.is_secret()) secrets.insert(std::string(row.resource) + ' ' + std::string(field.name));
    EXPECT_EQ(secrets, (std::set<std::string>{"agents webhook_secret", "assistants webhook_secret",
                                              "byok api_key", "mcp-servers headers",
                                              "sip-trunks auth_password", "sip-trunks password"}));
}

TEST(PlatformTable, SpellsFieldsAsTheEraDoes) {
    for (const auto& field : operation("numbers", "update").fields) {
        if (field.name != "assistant_id") continue;
        EXPECT_EQ(field.name_in(Era::camel), "agent_id");
        EXPECT_EQ(field.name_in(Era::snake), "assistant_id");
        EXPECT_EQ(field.name_in(Era::late), "assistant_id");
        EXPECT_EQ(field.option_name(), "assistant-id");
    }
    EXPECT_EQ(operation("byok", "set").fields[1].option_name(), "provider-key");
}

TEST(FindOperation, TakesAgentsAndAssistantsForOneResource) {
    for (const char* resource : {"agents", "assistants"})
        for (const char* verb : {"list", "create", "get", "update", "delete"}) {
            SCOPED_TRACE(std::string(resource) + ' ' + verb);
            EXPECT_EQ(find_operation(resource, verb, Era::camel)->resource, "agents");
            EXPECT_EQ(find_operation(resource, verb, Era::snake)->resource, resource);
            EXPECT_EQ(find_operation(resource, verb, Era::late)->resource, "assistants");
        }
}

TEST(FindOperation, KnowsWhatAnEraLacks) {
    EXPECT_EQ(find_operation("mcp-servers", "list", Era::snake), nullptr);
    EXPECT_EQ(find_operation("byok", "config", Era::late), nullptr);
    EXPECT_EQ(find_operation("organizations", "create", Era::camel), nullptr);
    EXPECT_EQ(find_operation("numbers", "call", Era::late), nullptr);
    EXPECT_EQ(find_operation("nothing", "list"), nullptr);
    EXPECT_EQ(eras_text(operation("agents", "list").in), "camel, snake (alias)");
    EXPECT_EQ(eras_text(operation("account", "get").in),
              "camel (unknown), snake (deprecated), late (deprecated)");
}

TEST(PathWith, EncodesParameters) {
    using Ids = std::vector<std::string>;
    EXPECT_EQ(operation("calls", "control").path_with(Ids{"call-_+31612345678_abc123"}).value(),
              "/calls/call-_%2B31612345678_abc123/control");
    EXPECT_EQ(operation("campaign-leads", "delete").path_with(Ids{"a/b", "c d?"}).value(),
              "/campaigns/a%2Fb/leads/c%20d%3F");
    EXPECT_EQ(operation("calls", "get").path_with(Ids{"caf\u00e9..~-%"}).value(), "/calls/caf%C3%A9..~-%25");
    EXPECT_EQ(operation("byok", "get").path_with(Ids{}).value(), "/byok");
}

TEST(PathWith, RefusesWhatWouldLeadElsewhere) {
    using Ids = std::vector<std::string>;
    for (const char* bad : {"", ".", ".."}) {
        const auto path = operation("numbers", "delete").path_with(Ids{bad});
        ASSERT_FALSE(path) << bad;
        EXPECT_EQ(path.error(), Errc::bad_request);
        EXPECT_EQ(path.error().what(), "'" + std::string(bad) + "' is not an id");
    }
    EXPECT_EQ(operation("numbers", "get").path_with(Ids{}).error().what(), "takes 1 id");
    EXPECT_EQ(operation("campaign-leads", "delete").path_with(Ids{"a"}).error().what(), "takes 2 ids");
    EXPECT_EQ(operation("usage", "list").path_with(Ids{"a"}).error().what(), "takes 0 ids");
}

TEST(MatchOperation, FindsEveryOperationOfAnEraByItsOwnPath) {
    for (const Era era : kEras) {
        for (const auto* row : operations_in(era)) {
            SCOPED_TRACE(described(*row));
            std::vector<std::string> ids;
            for (const auto name : row->parameters()) ids.push_back("+/" + std::string(name));
            const auto match = match_operation(row->method, row->path_with(ids).value(), era);
            ASSERT_TRUE(match);
            EXPECT_EQ(match->operation, row);
            EXPECT_EQ(match->parameters, ids);
        }
    }
}

TEST(MatchOperation, FindsNothingWhereNothingIs) {
    for (const char* path : {"", "/", "/number", "/numbers/", "/numbers/a/b", "/numbers//", "numbers",
                             "/calls//control", "/agents", "/numbers/%zz", "/numbers/%00", "//numbers"})
        EXPECT_FALSE(match_operation("GET", path, Era::late)) << path;
    EXPECT_FALSE(match_operation("PUT", "/numbers", Era::late));
    EXPECT_FALSE(match_operation("get", "/numbers", Era::late));
    EXPECT_FALSE(match_operation("GET", "/mcp-servers", Era::snake));
    EXPECT_TRUE(match_operation("GET", "/agents", Era::snake));
}

TEST(MethodsOf, NamesWhatAPathTakes) {
    using Methods = std::vector<std::string_view>;
    EXPECT_EQ(methods_of("/numbers", Era::camel), (Methods{"GET", "POST"}));
    EXPECT_EQ(methods_of("/numbers/x", Era::camel), (Methods{"GET", "PATCH", "DELETE"}));
    EXPECT_EQ(methods_of("/calls/outbound", Era::camel), (Methods{"GET", "POST"}));
    EXPECT_EQ(methods_of("/workflows", Era::camel), Methods{});
}

std::string unwrapped(std::string_view resource, std::string_view verb, std::string_view reply) {
    const auto document = Document::parse(reply).value();
    std::string text;
    append_json(text, unwrap(operation(resource, verb), document.root()));
    return text;
}

TEST(Unwrap, AcceptsTheEnvelopeOfEveryEraAndNone) {
    const struct {
        const char *resource, *verb, *reply, *inside;
    } cases[] = {
        {"tool-templates", "list", R"({"toolTemplates":[{"id":1}]})", R"([{"id":1}])"},
        {"tool-templates", "list", R"({"tool_templates":[]})", "[]"},
        {"tool-templates", "list", R"([{"id":1}])", R"([{"id":1}])"},
        {"tool-templates", "get", R"({"toolTemplate":{"id":1}})", R"({"id":1})"},
        {"tool-templates", "update", R"({"tool_template":{"id":1}})", R"({"id":1})"},
        {"tool-templates", "create", R"({"id":1})", R"({"id":1})"},
        {"analysis-templates", "create", R"({"analysisTemplate":{"id":1}})", R"({"id":1})"},
        {"analysis-templates", "create", R"({"analysis_template":{"id":1}})", R"({"id":1})"},
        {"analysis-templates", "create", R"({"id":1,"schema":{}})", R"({"id":1,"schema":{}})"},
        {"agents", "list", R"({"assistants":[1]})", "[1]"},
        {"agents", "get", R"({"assistant":{"id":1}})", R"({"id":1})"},
        {"assistants", "list", R"({"agents":[1]})", "[1]"},
        {"assistants", "get", R"({"agent":{"id":1}})", R"({"id":1})"},
        {"sip-trunks", "create", R"({"trunk":{"id":1}})", R"({"id":1})"},
        {"sip-trunks", "create", R"({"sip_trunk":{"id":1}})", R"({"id":1})"},
        {"usage", "list", R"({"logs":[1],"pagination":{"total":1},"summary":{}})", "[1]"},
        {"byok", "set", R"({"success":true,"byok_keys":{"a":null}})", R"({"a":null})"},
        {"byok", "config", R"({"providers":[1]})", "[1]"},
        {"domains", "get", R"({"domain":null})", "null"},
        {"domains", "get", R"({"domain":{"id":1}})", R"({"id":1})"},
        {"domains", "get", R"({"id":1,"domain":"a.example","verified":true})",
         R"({"id":1,"domain":"a.example","verified":true})"},
        {"domains", "available", R"({"domains":[1],"selected_domain_id":null})", "[1]"},
        {"domains", "available", "[1]", "[1]"},
        {"domains", "select", R"({"domain":{"id":1},"message":"ok"})", R"({"id":1})"},
        {"calls", "get", R"({"id":1,"calls":[]})", R"({"id":1,"calls":[]})"},
        {"numbers", "delete", R"({"success":true})", R"({"success":true})"},
        {"numbers", "list", R"({"numbers":"none"})", R"({"numbers":"none"})"},
        {"numbers", "list", R"("odd")", R"("odd")"},
        {"chats", "list", R"({"chats":[1]})", R"({"chats":[1]})"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(std::string(c.resource) + ' ' + c.verb + ' ' + c.reply);
        EXPECT_EQ(unwrapped(c.resource, c.verb, c.reply), c.inside);
    }
}

TEST(EraNamed, KnowsThree) {
    for (const Era era : kEras) EXPECT_EQ(era_named(name_of(era)), era);
    EXPECT_EQ(era_named("legacy"), std::nullopt);
}

TEST(PathSegment, LeavesOnlyWhatNeedsNoEscape) {
    EXPECT_EQ(path_segment("aZ09-_.~").value(), "aZ09-_.~");
    EXPECT_EQ(path_segment("...").value(), "...");
    EXPECT_EQ(path_segment("/?#%+ \n\u00e9").value(), "%2F%3F%23%25%2B%20%0A%C3%A9");
    EXPECT_EQ(path_segment("..").error(), Errc::bad_request);
}

}  // namespace
}  // namespace hookswitch
