/* The interface of a plugin: a shared object that decides about calls, inside of the daemon.
 *
 *     #include <hookswitch/plugin.h>
 *
 *     static int nothing_to_keep;
 *     static void* start(const hookswitch_host* host, const char* settings) {
 *         (void)host;
 *         (void)settings;
 *         return &nothing_to_keep;
 *     }
 *     static void handle(void* self, const hookswitch_event* event, hookswitch_answer* answer) {
 *         (void)self;
 *         (void)event;
 *         answer->result(answer, "Monday to Friday, 9:00 to 17:00");
 *     }
 *     static const hookswitch_plugin plugin = {HOOKSWITCH_PLUGIN_ABI, sizeof plugin, 0, 0,
 *                                              "hours", start, handle, 0};
 *     HOOKSWITCH_EXPORT const hookswitch_plugin* hookswitch_plugin_entry(void) { return &plugin; }
 *
 *     gcc -O2 -shared -fPIC -o hours.so hours.c
 *
 * and in the configuration:
 *
 *     [[handler]]
 *     name = "hours"
 *     type = "plugin"
 *     library = "hours.so"
 *     settings = { language = "en" }      # what start() gets, as JSON
 *
 * C99 or C++; in C++, plugin.hpp is shorter to use. A plugin has nothing to link with. g++ needs -fno-gnu-
 * unique: without it the dynamic linker keeps the first copy of the library for ever, and later copies
 * share objects with it.
 *
 * A plugin is a part of the daemon: one that crashes ends it, and with it every call that is just being
 * answered. (It is started again at once, and events that were acknowledged are not lost.) What may crash,
 * leak, or needs a runtime of its own is better a worker. In return an answer takes microseconds.
 *
 * Trial. The library is loaded, started, stopped and unloaded in a process of its own, within
 * `start_timeout`, before the daemon has anything to do with it; `hookswitch check` does that too. A
 * plugin that crashes or hangs there is never loaded: its handler fails, everything else works.
 *
 * Load. The daemon loads it from a copy in memory, so the file may be replaced or overwritten at any time.
 * A reload loads what is there then, next to the old copy, which finishes what it has in work. Every
 * handler has a copy of its own, global variables included. ($ORIGIN is not the directory of the file,
 * therefore.)
 *
 * Events. handle() is called for each, on as many threads of the plugin's own as the configuration says,
 * never on one that serves connections. At the deadline the caller gets the fallback, whatever the plugin
 * does. What it says later is late. What hangs keeps its thread busy, until `hang_timeout` has passed too;
 * then another thread takes its place, a few times.
 *
 * End. stop() is called when no handle() runs any more, then the library is unloaded. If one hangs,
 * neither.
 *
 * Rules. No exception and no longjmp may leave a function of the plugin. Do not change signal handlers,
 * the locale, the working directory, umask or environment of the process, and do not end it. Threads that
 * the plugin starts have to be gone when stop() returns. All text is UTF-8 and ends with a zero byte. What
 * the plugin is given lives until the function returns, unless it says otherwise; what it gives is copied.
 *
 * Versions. Structures only grow at their end, and `size` says how large this one is, so a plugin keeps
 * working with later daemons without being compiled again. With an earlier daemon, ask HOOKSWITCH_HAS
 * before you use a member that is younger than it. HOOKSWITCH_PLUGIN_ABI changes only if that were not
 * enough; another one is refused. */
#ifndef HOOKSWITCH_PLUGIN_H
#define HOOKSWITCH_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HOOKSWITCH_PLUGIN_ABI 1u

/* Whether the structure that `pointer` points to has this member. */
#define HOOKSWITCH_HAS(pointer, member) \
    ((size_t)((const char*)(&(pointer)->member + 1) - (const char*)(pointer)) <= (pointer)->size)

#if defined(__GNUC__)
#define HOOKSWITCH_EXPORT __attribute__((visibility("default")))
#else
#define HOOKSWITCH_EXPORT
#endif

typedef struct hookswitch_host hookswitch_host;
typedef struct hookswitch_event hookswitch_event;
typedef struct hookswitch_answer hookswitch_answer;
typedef struct hookswitch_plugin hookswitch_plugin;

/* Levels of hookswitch_host.log. */
#define HOOKSWITCH_DEBUG 0
#define HOOKSWITCH_INFO 1
#define HOOKSWITCH_WARN 2
#define HOOKSWITCH_ERROR 3

/* The daemon, as a plugin sees it. Lives until stop() has returned. */
struct hookswitch_host {
    uint32_t abi; /* the newest that this daemon knows */
    uint32_t size;

    /* Not 0: this is the trial. Settings should be checked; what must happen only once or would disturb
     * others (taking a port, a lock, a name) should be left. No event will come. */
    uint32_t trial;
    uint32_t reserved;

    /* Writes one line to the daemon's log; within handle() with the id of event and call. Any thread. */
    void (*log)(const hookswitch_host* host, int level, const char* text);
};

/* One event, or one tool call of an event. Text that is not known is "", never NULL. */
struct hookswitch_event {
    uint32_t size;
    uint32_t attempt; /* of handing it over, from 1: delivery is at least once */

    const char* id;        /* the same for every attempt */
    const char* type;      /* "assistant-request", "tool-calls", "status-update", ... */
    const char* source;    /* name of the [[source]] */
    const char* call_id;   /* */
    const char* caller;    /* their numbers */
    const char* called;    /* */
    const char* tool;      /* name of the tool that the model calls, */
    const char* arguments; /* and its arguments, a JSON object */

    /* All of it, as a worker gets it: one JSON object, see the README. */
    const char* json;
    size_t json_length;

    /* Milliseconds left until the deadline, now; 0 after it: nobody waits for the answer any more. */
    int64_t (*left_ms)(const hookswitch_event* event);
};

/* Takes the answer, on the thread that handle() was called on. The last call counts; none of them: there is
 * nothing to say, which is right for events that are told only. */
struct hookswitch_answer {
    uint32_t size;
    uint32_t reserved;

    /* {"reply":{...},"actions":[...]} or {"error":{"message":"...","retry":true}}, as a worker answers;
     * without an id. At most 4 MiB. */
    void (*json)(hookswitch_answer* answer, const char* json);

    /* The result of a tool call: a text for the model. The same as json() with {"reply":{"result":"text"}}.
     */
    void (*result)(hookswitch_answer* answer, const char* text);

    /* No answer, and why, for the log: the fallback is given. `retry` not 0: an event that nobody waits for
     * comes again; 0: it is a dead letter. */
    void (*fail)(hookswitch_answer* answer, const char* why, int retry);
};

/* What a plugin exports. `self` is what start() returned. */
struct hookswitch_plugin {
    uint32_t abi;  /* HOOKSWITCH_PLUGIN_ABI */
    uint32_t size; /* sizeof(hookswitch_plugin) */

    /* How many threads may be in handle() at once; 0: any number. With 1 the plugin needs no locks, and one
     * event that hangs holds up all that follow. */
    uint32_t max_threads;
    uint32_t reserved;

    const char* name; /* for the log */

    /* Called first, once, with the `settings` of the handler as a JSON object. NULL refuses them; say why
     * with host->log and HOOKSWITCH_ERROR. */
    void* (*start)(const hookswitch_host* host, const char* settings);

    /* Decides about an event. */
    void (*handle)(void* self, const hookswitch_event* event, hookswitch_answer* answer);

    /* Called last, if start() did not return NULL. May be NULL. Should be done in a second. */
    void (*stop)(void* self);
};

/* The one function that a plugin exports. The structure must live as long as the library is loaded. */
HOOKSWITCH_EXPORT const hookswitch_plugin* hookswitch_plugin_entry(void);

#ifdef __cplusplus
}
#endif

#endif
