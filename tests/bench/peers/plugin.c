/* A plugin that answers at once: what the daemon's threads cost. */
#include <hookswitch/plugin.h>

static int nothing_to_keep;

static void* start(const hookswitch_host* host, const char* settings) {
    (void)host;
    (void)settings;
    return &nothing_to_keep;
}

static void handle(void* self, const hookswitch_event* event, hookswitch_answer* answer) {
    (void)self;
    (void)event;
    answer->json(answer, "{\"reply\":{\"result\":{\"name\":\"Jan Jansen\"}}}");
}

static const hookswitch_plugin plugin = {HOOKSWITCH_PLUGIN_ABI, sizeof plugin, 0, 0, "bench", start, handle, 0};

HOOKSWITCH_EXPORT const hookswitch_plugin* hookswitch_plugin_entry(void) { return &plugin; }
