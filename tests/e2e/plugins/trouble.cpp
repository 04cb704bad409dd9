// A plugin that does whatever a plugin should not, as its settings, the tool and the compiler's options say.

#include <hookswitch/plugin.h>

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>

#ifndef VERSION
#define VERSION "1"
#endif
#ifndef MAX_THREADS
#define MAX_THREADS 0
#endif
#ifndef ABI
#define ABI HOOKSWITCH_PLUGIN_ABI
#endif
#ifndef SIZE
#define SIZE sizeof(hookswitch_plugin)
#endif

#ifdef UNRESOLVED
extern "C" void hookswitch_test_nobody_has_this();
#endif

namespace {

[[noreturn]] void hang() {
    for (;;) pause();
}

#ifdef CONSTRUCTOR
struct Constructor {
    Constructor() { CONSTRUCTOR; }
} constructor;
#endif

const hookswitch_host* host = nullptr;
std::string settings;
int events = 0;  // of this copy of the library

bool set(const char* word) { return settings.find(word) != settings.npos; }

bool is(const char* text, const char* word) { return strcmp(text, word) == 0; }

// The text between quotes that follows "name": in the settings.
std::string setting(const std::string& name) {
    const auto at = settings.find("\"" + name + "\":\"");
    if (at == settings.npos) return "";
    const auto begin = at + name.size() + 4;
    return settings.substr(begin, settings.find('"', begin) - begin);
}

// Blocks until the test opens the gate, by a file of that name.
void wait_at(const std::string& gate) {
    while (access(gate.c_str(), F_OK) != 0) usleep(2000);
}

void* start(const hookswitch_host* given, const char* given_settings) {
    host = given;
    settings = given_settings;
    if (set("start-aborts")) abort();
    if (set("start-hangs")) hang();
    if (set("later-waits") && !given->trial) wait_at(setting("gate"));
    if (set("start-throws")) throw 1;
    if (set("start-refuses") || (set("later-refuses") && !given->trial)) {
        host->log(host, HOOKSWITCH_ERROR, "no licence");
        return nullptr;
    }
    host->log(host, HOOKSWITCH_INFO, "version " VERSION);
    return &events;
}

void stop(void*) {
    if (set("stop-aborts")) abort();
    if (set("stop-hangs") && !host->trial) hang();
    host->log(host, HOOKSWITCH_INFO, "stopped");
}

std::string facts(const hookswitch_event& e) {
    return std::string(e.id) + ' ' + e.type + ' ' + e.source + ' ' + e.call_id + ' ' + e.caller + ' ' +
           e.called + ' ' + e.tool + ' ' + e.arguments + ' ' + std::to_string(e.attempt) + ' ' +
           std::to_string(e.left_ms(&e));
}

void answer_tool(const hookswitch_event& event, hookswitch_answer* answer) {
    const char* const tool = event.tool;
    if (is(tool, "facts")) return answer->result(answer, facts(event).c_str());
    if (is(tool, "event")) {
        const std::string json = std::string(R"({"reply":{"result":)") + event.json + "}}";
        return answer->json(answer, json.c_str());
    }
    if (is(tool, "version")) return answer->result(answer, (VERSION " " + std::to_string(events)).c_str());
    if (is(tool, "thread")) return answer->result(answer, std::to_string(syscall(SYS_gettid)).c_str());
    if (is(tool, "wait")) {
        wait_at(setting("gate"));
        return answer->result(answer, event.left_ms(&event) > 0 ? "waited" : "waited in vain");
    }
    if (is(tool, "garbage")) return answer->json(answer, "not JSON");
    if (is(tool, "other")) return answer->json(answer, R"({"id":"another","reply":{"result":1}})");
    if (is(tool, "long")) return answer->result(answer, std::string(5u << 20, 'x').c_str());
    if (is(tool, "fails")) return answer->fail(answer, "CRM is down", 1);
    if (is(tool, "throws")) throw std::string("a secret");
    if (is(tool, "logs")) host->log(host, HOOKSWITCH_WARN, "two\nlines");
    if (is(tool, "quoted")) return answer->result(answer, "\"a\\b\"\n\xc3\xbc");
    if (is(tool, "says"))
        answer->json(answer,
                     R"({"reply":{"result":"said"},"actions":[{"type":"say","content":"One moment."}]})");
}

void handle(void*, const hookswitch_event* event, hookswitch_answer* answer) {
    __atomic_add_fetch(&events, 1, __ATOMIC_RELAXED);
    if (event->tool[0]) return answer_tool(*event, answer);
    if (is(event->type, "assistant-request"))
        return answer->json(answer, R"({"reply":{"assistant_id":"asst_plugin"}})");
    if (set("told-waits")) wait_at(setting("gate"));
    if (set("told-aborts")) abort();
    if (set("told-fails") && event->attempt < 3) return answer->fail(answer, "not yet", 1);
    if (set("told-rejects")) return answer->fail(answer, "never", 0);
    host->log(host, HOOKSWITCH_INFO, "told");
}

const hookswitch_plugin plugin = {ABI, SIZE, MAX_THREADS, 0, "trouble", start, handle, stop};

}  // namespace

#ifndef NO_ENTRY
HOOKSWITCH_EXPORT const hookswitch_plugin* hookswitch_plugin_entry() {
#ifdef UNRESOLVED
    hookswitch_test_nobody_has_this();
#endif
    return &plugin;
}
#endif
