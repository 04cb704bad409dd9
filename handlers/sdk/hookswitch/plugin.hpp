// Plugins in C++: a class becomes the interface of plugin.h. C++17 or newer.
//
//     #include <hookswitch/plugin.hpp>
//
//     struct Hours {
//         Hours(hookswitch::plugin::Host host, std::string_view settings);   // throws to refuse them
//         void handle(const hookswitch::plugin::Event& event, hookswitch::plugin::Answer& answer);
//     };
//     HOOKSWITCH_PLUGIN(Hours, "hours", 0)
//
//     g++ -std=c++20 -O2 -shared -fPIC -fno-gnu-unique -o hours.so hours.cpp
//
// The third word is max_threads of plugin.h: 0 if handle() may run on several threads at once, else 1. What
// handle() throws is logged and gives the fallback; what the destructor throws ends the process.
#ifndef HOOKSWITCH_PLUGIN_HPP
#define HOOKSWITCH_PLUGIN_HPP

#include <hookswitch/plugin.h>

#include <exception>
#include <string>
#include <string_view>

namespace hookswitch::plugin {

using Event = hookswitch_event;

class Host {
public:
    explicit Host(const hookswitch_host* host) : host_(host) {}

    bool trial() const { return host_->trial != 0; }

    void debug(const std::string& text) const { host_->log(host_, HOOKSWITCH_DEBUG, text.c_str()); }
    void info(const std::string& text) const { host_->log(host_, HOOKSWITCH_INFO, text.c_str()); }
    void warn(const std::string& text) const { host_->log(host_, HOOKSWITCH_WARN, text.c_str()); }
    void error(const std::string& text) const { host_->log(host_, HOOKSWITCH_ERROR, text.c_str()); }

private:
    const hookswitch_host* host_;
};

class Answer {
public:
    explicit Answer(hookswitch_answer* answer) : answer_(answer) {}

    void json(const std::string& json) { answer_->json(answer_, json.c_str()); }
    void result(const std::string& text) { answer_->result(answer_, text.c_str()); }
    void fail(const std::string& why, bool retry = true) {
        answer_->fail(answer_, why.c_str(), retry ? 1 : 0);
    }

private:
    hookswitch_answer* answer_;
};

template <class T>
void* start(const hookswitch_host* host, const char* settings) {
    try {
        return new T(Host(host), std::string_view(settings));
    } catch (const std::exception& e) {
        host->log(host, HOOKSWITCH_ERROR, e.what());
    } catch (...) {
        host->log(host, HOOKSWITCH_ERROR, "an exception of unknown type");
    }
    return nullptr;
}

template <class T>
void handle(void* self, const hookswitch_event* event, hookswitch_answer* answer) {
    try {
        Answer to(answer);
        static_cast<T*>(self)->handle(*event, to);
    } catch (const std::exception& e) {
        answer->fail(answer, e.what(), 1);
    } catch (...) {
        answer->fail(answer, "an exception of unknown type", 1);
    }
}

template <class T>
void stop(void* self) {
    delete static_cast<T*>(self);
}

}  // namespace hookswitch::plugin

/* Exports `type` as the plugin of this library. */
#define HOOKSWITCH_PLUGIN(type, name, max_threads)                                        \
    extern "C" HOOKSWITCH_EXPORT const hookswitch_plugin* hookswitch_plugin_entry(void) { \
        static const hookswitch_plugin plugin = {HOOKSWITCH_PLUGIN_ABI,                   \
                                                 sizeof(hookswitch_plugin),               \
                                                 max_threads,                             \
                                                 0,                                       \
                                                 name,                                    \
                                                 hookswitch::plugin::start<type>,         \
                                                 hookswitch::plugin::handle<type>,        \
                                                 hookswitch::plugin::stop<type>};         \
        return &plugin;                                                                   \
    }

#endif
