#include "handlers/plugin_library.hpp"

#include "daemon/io/read_file.hpp"

#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#ifndef MFD_EXEC  // Linux 6.3
#define MFD_EXEC 0x0010U
#endif

namespace hookswitch {
namespace {

// A plugin of the first version has as much; a smaller one was never compiled with plugin.h.
constexpr std::size_t kFirstSize = offsetof(hookswitch_plugin, stop) + sizeof(hookswitch_plugin::stop);

Error last_system_error(std::string_view doing) {
    return fail(boost::system::error_code(errno, boost::system::system_category()), doing);
}

int create_memory_file() {
    const int fd = ::memfd_create("hookswitch-plugin", MFD_CLOEXEC | MFD_EXEC);
    return fd < 0 && errno == EINVAL ? ::memfd_create("hookswitch-plugin", MFD_CLOEXEC) : fd;
}

bool write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t n = ::write(fd, bytes.data(), bytes.size());
        if (n < 0 && errno != EINTR) return false;
        if (n > 0) bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

// Of the dynamic linker, which names the file as we made it.
std::string linker_error(const PluginImage& image) {
    const char* text = ::dlerror();
    std::string why = text ? text : "unknown error of the dynamic linker";
    const std::string path = image.path() + ": ";
    if (why.starts_with(path)) why.erase(0, path.size());
    return why;
}

// For ever; reachable, so that no leak is reported.
template <class T>
void keep(T what) {
    static std::mutex mutex;
    static auto* const kept = new std::vector<T>;
    const std::lock_guard lock(mutex);
    kept->push_back(std::move(what));
}

// The last error that a plugin logged while it was starting: why it refused.
struct Refusal {
    std::mutex mutex;
    std::string why;
};

PluginLibrary::Log noting_errors(std::shared_ptr<Refusal> in, PluginLibrary::Log log) {
    return [in = std::move(in), log = std::move(log)](int level, std::string_view text) {
        if (level == HOOKSWITCH_ERROR) {
            const std::lock_guard lock(in->mutex);
            in->why = text;
        }
        log(level, text);
    };
}

}  // namespace

// ---- the file

Result<std::shared_ptr<const PluginImage>> PluginImage::read(const std::filesystem::path& file) {
    TRY(const std::string bytes, read_file(file));
    return copy(bytes);
}

Result<std::shared_ptr<const PluginImage>> PluginImage::copy(std::string_view bytes) {
    if (bytes.empty()) return fail(Errc::invalid_config, "the file is empty");
    const int fd = create_memory_file();
    if (fd < 0) return last_system_error("create a file in memory");
    std::shared_ptr<PluginImage> image(new PluginImage(fd, nullptr, bytes.size()));
    if (!write_all(fd, bytes)) return last_system_error("fill a file in memory");
    void* const mapped = ::mmap(nullptr, bytes.size(), PROT_READ, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) return last_system_error("map a file in memory");
    image->data_ = static_cast<const char*>(mapped);
    return std::shared_ptr<const PluginImage>(std::move(image));
}

PluginImage::~PluginImage() {
    if (data_) ::munmap(const_cast<char*>(data_), size_);
    ::close(fd_);
}

// ---- the library

Result<std::shared_ptr<PluginLibrary>> PluginLibrary::load(std::shared_ptr<const PluginImage> image) {
    void* const object = ::dlopen(image->path().c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!object) return fail(Errc::invalid_config, linker_error(*image));
    std::shared_ptr<PluginLibrary> library(new PluginLibrary(std::move(image), object), &let_go);
    if (auto r = library->find_interface(); !r) {
        library->unload();
        return r.error();
    }
    return library;
}

void PluginLibrary::let_go(PluginLibrary* library) {
    if (library->object_)
        keep(library);
    else
        delete library;
}

Result<> PluginLibrary::find_interface() {
    void* const symbol = ::dlsym(object_, "hookswitch_plugin_entry");
    if (!symbol) return fail(Errc::invalid_config, "it exports no hookswitch_plugin_entry");
    const auto entry = reinterpret_cast<decltype(&hookswitch_plugin_entry)>(symbol);
    const hookswitch_plugin* const plugin = entry();
    if (!plugin) return fail(Errc::invalid_config, "hookswitch_plugin_entry returned NULL");
    if (plugin->abi != HOOKSWITCH_PLUGIN_ABI)
        return fail(Errc::invalid_config, "it is built for version " + std::to_string(plugin->abi) +
                                              " of the interface, this daemon has " +
                                              std::to_string(HOOKSWITCH_PLUGIN_ABI));
    if (plugin->size < kFirstSize)
        return fail(Errc::invalid_config, "its hookswitch_plugin has " + std::to_string(plugin->size) +
                                              " bytes, and should have " + std::to_string(kFirstSize));
    std::memcpy(&plugin_, plugin, std::min<std::size_t>(plugin->size, sizeof plugin_));
    if (!plugin_.start || !plugin_.handle)
        return fail(Errc::invalid_config, "its hookswitch_plugin has no start or no handle");
    name_ = plugin_.name ? plugin_.name : "";
    return {};
}

Result<> PluginLibrary::start(const std::string& settings, bool trial, Log log) {
    host_.abi = HOOKSWITCH_PLUGIN_ABI;
    host_.size = sizeof(hookswitch_host);
    host_.trial = trial ? 1 : 0;
    const auto refusal = std::make_shared<Refusal>();
    host_.log_line = noting_errors(refusal, std::move(log));
    host_.log = [](const hookswitch_host* host, int level, const char* text) {
        if (!host || !text) return;
        const auto* const self = static_cast<const Host*>(host);
        self->log_line(level, text);
    };
    try {
        self_ = plugin_.start(&host_, settings.c_str());
    } catch (const std::exception& e) {
        return fail(Errc::invalid_config, "it threw an exception in start(): " + std::string(e.what()));
    } catch (...) {
        return fail(Errc::invalid_config, "it threw an exception in start()");
    }
    if (self_) return {};
    const std::lock_guard lock(refusal->mutex);
    return fail(Errc::invalid_config,
                "it refused to start" + (refusal->why.empty() ? "" : ": " + refusal->why));
}

Result<> PluginLibrary::handle(const hookswitch_event& event, hookswitch_answer& answer) {
    try {
        plugin_.handle(self_, &event, &answer);
        return {};
    } catch (...) {  // it went through C code; what it skipped there nobody knows
        return fail(Errc::handler_failed, "the plugin threw an exception");
    }
}

void PluginLibrary::stop() {
    if (void* const self = std::exchange(self_, nullptr); self && plugin_.stop) plugin_.stop(self);
}

// If it stays, the number of its file must not become that of another: the linker would take one for the
// other.
bool PluginLibrary::unload() {
    ::dlclose(std::exchange(object_, nullptr));
    void* const still = ::dlopen(image_->path().c_str(), RTLD_LAZY | RTLD_NOLOAD);
    if (!still) return true;
    ::dlclose(still);
    keep(image_);
    return false;
}

}  // namespace hookswitch
