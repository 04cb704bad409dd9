#pragma once

// A shared object with the interface of handlers/sdk/hookswitch/plugin.h. Says nothing about threads: whoever
// calls into it may crash or never come back.

#include "daemon/core/result.hpp"
#include "handlers/sdk/hookswitch/plugin.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace hookswitch {

/// A copy of a library's file in memory, so that what is tried is what is loaded, and a file that is
/// overwritten while it is in use changes nothing.
class PluginImage {
public:
    static Result<std::shared_ptr<const PluginImage>> read(const std::filesystem::path& file);
    static Result<std::shared_ptr<const PluginImage>> copy(std::string_view bytes);
    ~PluginImage();
    PluginImage(const PluginImage&) = delete;
    PluginImage& operator=(const PluginImage&) = delete;

    std::string_view bytes() const { return {data_, size_}; }

    /// For the dynamic linker; never that of another image, as long as this one lives.
    std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

private:
    PluginImage(int fd, const char* data, std::size_t size) : fd_(fd), data_(data), size_(size) {}

    int fd_;
    const char* data_;  // the whole of it, mapped
    std::size_t size_;
};

class PluginLibrary {
public:
    using Log = std::function<void(int level, std::string_view text)>;

    /// Runs the library's constructors. Errc::invalid_config if it is no plugin that this daemon can use.
    /// One that is let go of without unload() stays in memory for ever, with all that the plugin was given:
    /// something may still run in it.
    static Result<std::shared_ptr<PluginLibrary>> load(std::shared_ptr<const PluginImage> image);

    /// `log` is called on any thread, until stop() has returned.
    Result<> start(const std::string& settings, bool trial, Log log);

    /// Several threads at once. Errc::handler_failed if it throws, which it must not.
    Result<> handle(const hookswitch_event& event, hookswitch_answer& answer);

    /// After the last handle() has returned. Nothing if start() did not succeed.
    void stop();

    /// Runs the library's destructors. After stop(); nothing but the destructor may follow.
    /// False: it stays in memory all the same, as the dynamic linker does with what has thread-local data
    /// that is in use, or objects that it makes unique in the process.
    bool unload();

    std::string_view name() const { return name_; }
    std::size_t max_threads() const { return plugin_.max_threads; }  // 0: any number

    PluginLibrary(const PluginLibrary&) = delete;
    PluginLibrary& operator=(const PluginLibrary&) = delete;

private:
    // What the plugin has of the daemon; it gets the address of the first part.
    struct Host : hookswitch_host {
        Log log_line;
    };

    PluginLibrary(std::shared_ptr<const PluginImage> image, void* object)
        : image_(std::move(image)), object_(object) {}

    static void let_go(PluginLibrary* library);
    Result<> find_interface();

    std::shared_ptr<const PluginImage> image_;
    void* object_;  // null once unloaded
    std::string name_;
    hookswitch_plugin plugin_{};  // as much as it has; the rest is zero
    Host host_{};
    void* self_ = nullptr;
};

}  // namespace hookswitch
