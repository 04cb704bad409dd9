// Whose account it is: own provider keys, the e-mail domain, the organization, health, and what is left of
// chats.

#include "daemon/core/platform_table.hpp"

namespace hookswitch::platform_table {
namespace {

// clang-format off

constexpr PlatformField kByokKey[] = {
    {"provider", text,   "deepgram, openai, elevenlabs, ...", required},
    {"api_key",  secret, "The key at that provider", required, every_era, {}, "provider-key"},
};
constexpr PlatformField kByokProvider[] = {
    {"provider", text, "deepgram, openai, elevenlabs, ...", required},
};
constexpr PlatformField kByokConfig[] = {
    {"provider", text, "One whose key is stored", required},
    {"config",   json, "Its settings, merged into the stored ones", required, every_era, {}, "settings"},
};

constexpr PlatformField kDomain[] = {
    {"domain_name", text, "mail.example.com", required},
};
constexpr PlatformField kDomainChoice[] = {
    {"resendDomainId", text, "One of `domains available`", required, every_era, {}, "domain-id"},
};

constexpr PlatformField kOrganizationQuery[] = {
    {"include_children", boolean, "Those below it too", optional, since_late},
};
constexpr PlatformField kOrganization[] = {
    {"name",          text, "What it is called", required},
    {"parent_org_id", text, "The one it belongs to"},
};
constexpr PlatformField kRetention[] = {
    {"content_retention_days",  integer, "What was said is kept so long: 30, 90, 180 or 365", required},
    {"metadata_retention_days", integer, "That there was a call, at least as long: 30, 90, 180, 365 or 730", required},
};

constexpr InEras kAccount{unknown, deprecated, deprecated};
constexpr InEras kHealth{unknown, yes, yes};
constexpr InEras kChats{no, no, deprecated};
constexpr auto byok_keys = one_in("byok_keys"), domain = one_in("domain");

constexpr PlatformOperation kOperations[] = {
    {"byok", "get",        "GET",    "/byok",        every_era,   byok_keys, no_body, {}, {}, "Which providers have a key of yours; the keys stay hidden"},
    {"byok", "set",        "POST",   "/byok",        every_era,   byok_keys, body, kByokKey, {}, "Store a key, or replace it"},
    {"byok", "delete",     "DELETE", "/byok",        every_era,   byok_keys, body, kByokProvider, {}, "Remove the key of a provider"},
    {"byok", "config",     "GET",    "/byok/config", before_late, list_in("providers"), no_body, {}, {}, "Which providers and models there are"},
    {"byok", "set-config", "POST",   "/byok/config", since_late,  one_in("byok_config"), body, kByokConfig, {}, "Change settings of a provider"},

    {"domains", "get",       "GET",    "/domains",         every_era, domain, no_body, {}, {}, "The domain that e-mail is sent from"},
    {"domains", "create",    "POST",   "/domains",         every_era, domain, body, kDomain},
    {"domains", "delete",    "DELETE", "/domains",         every_era, done},
    {"domains", "available", "GET",    "/domains/sync",    every_era, list_in("domains"), no_body, {}, {}, "Those that could be selected"},
    {"domains", "select",    "POST",   "/domains/sync",    every_era, domain, body, kDomainChoice, {}, "Use one of the available ones"},
    {"domains", "verify",    "POST",   "/domains/verify",  every_era, domain, no_body, {}, {}, "Have its DNS records checked"},
    {"domains", "refresh",   "POST",   "/domains/refresh", every_era, domain, no_body, {}, {}, "Read its state anew"},

    {"organizations", "get",    "GET",   "/organizations", every_era,   bare, no_body, {}, kOrganizationQuery, "The organization that the API key belongs to"},
    {"organizations", "create", "POST",  "/organizations", since_snake, bare, body, kOrganization, {}, "Make one; its API key is shown this once"},
    {"organizations", "update", "PATCH", "/organizations", since_late,  bare, body, kRetention, {}, "Set how long calls are kept"},

    {"account", "get", "GET", "/account", kAccount, bare, no_body, {}, {}, "The account; `organizations get` says more"},

    {"health", "get", "GET", "/health", kHealth, bare, no_body, {}, {}, "Whether the platform is well; needs no API key"},

    {"chats", "list",    "GET",    "/chats",         kChats, undocumented},
    {"chats", "create",  "POST",   "/chats",         kChats, undocumented, may_body},
    {"chats", "context", "GET",    "/chats/context", kChats, undocumented, no_body, {}, {}, "The context of chats"},
    {"chats", "delete",  "DELETE", "/chats/{id}",    kChats, undocumented},
};

// clang-format on

}  // namespace

std::span<const PlatformOperation> organization_operations() { return kOperations; }

}  // namespace hookswitch::platform_table
