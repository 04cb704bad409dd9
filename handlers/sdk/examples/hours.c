/* A plugin in C: tells the model whether somebody is there, and greets callers accordingly.
 *
 *     gcc -O2 -shared -fPIC -o hours.so hours.c
 *
 *     [[handler]]
 *     name = "hours"
 *     type = "plugin"
 *     library = "hours.so"
 *
 *     [[route]]
 *     event = "tool-calls"
 *     tool = "opening_hours"
 *     handler = "hours"
 */
#define _POSIX_C_SOURCE 200809L /* localtime_r */

#include <hookswitch/plugin.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { OPENS = 9, CLOSES = 17 };

static int is_open(void) {
    const time_t now = time(NULL);
    struct tm local;
    localtime_r(&now, &local);
    return local.tm_wday >= 1 && local.tm_wday <= 5 && local.tm_hour >= OPENS && local.tm_hour < CLOSES;
}

/* Nothing is kept from one event to the next, so several threads need no locks. */
static int nothing;

static void* start(const hookswitch_host* host, const char* settings) {
    (void)settings;
    host->log(host, HOOKSWITCH_INFO, "open on weekdays from 9 to 17");
    return &nothing;
}

static void handle(void* self, const hookswitch_event* event, hookswitch_answer* answer) {
    (void)self;
    if (strcmp(event->type, "tool-calls") == 0 && strcmp(event->tool, "opening_hours") == 0) {
        char text[100];
        snprintf(text, sizeof text, "We are %s. Monday to Friday, %d:00 to %d:00.",
                 is_open() ? "open now" : "closed now", OPENS, CLOSES);
        answer->result(answer, text);
    } else if (strcmp(event->type, "tool-calls") == 0) {
        answer->json(answer, "{\"reply\":{\"error\":\"There is no such tool.\"}}");
    } else if (strcmp(event->type, "assistant-request") == 0 && !is_open()) {
        answer->json(answer, "{\"reply\":{\"assistant_id\":\"asst_night\"}}");
    }
    /* No answer: nothing to say. The saved assistant takes the call; what is told only is done with. */
}

static const hookswitch_plugin plugin = {
    HOOKSWITCH_PLUGIN_ABI, sizeof(hookswitch_plugin), 0, 0, "hours", start, handle, NULL};

HOOKSWITCH_EXPORT const hookswitch_plugin* hookswitch_plugin_entry(void) { return &plugin; }
