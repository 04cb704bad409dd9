#include "tests/support/fault_vfs.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

namespace hookswitch::test {
namespace {

constexpr std::size_t kSector = 512;

struct Change {
    enum Kind { write, truncate, remove } kind = write;
    std::size_t at = 0;  // of a truncation: the new size
    std::string bytes;
};

// One name in the directory.
struct File {
    std::optional<std::string> safe;  // what is on the disk for certain; nullopt: no such file
    std::size_t size = 0;             // as the program sees it
    bool exists = false;
    std::vector<Change> unsynced;  // in order
};

void apply(const Change& change, std::string& content) {
    if (change.kind == Change::truncate) return content.resize(change.at);
    content.resize(std::max(content.size(), change.at + change.bytes.size()));
    content.replace(change.at, change.bytes.size(), change.bytes);
}

// The parts of a write that do not cross a sector's boundary.
std::vector<Change> sectors(const Change& write) {
    std::vector<Change> parts;
    for (std::size_t from = 0; from < write.bytes.size();) {
        const std::size_t at = write.at + from;
        const std::size_t size = std::min(kSector - at % kSector, write.bytes.size() - from);
        parts.push_back({Change::write, at, write.bytes.substr(from, size)});
        from += size;
    }
    return parts;
}

bool changes(FaultVfs::On on) {
    return on == FaultVfs::On::write || on == FaultVfs::On::sync || on == FaultVfs::On::truncate;
}

int without_power(FaultVfs::On on) {
    switch (on) {
        case FaultVfs::On::open: return SQLITE_CANTOPEN;
        case FaultVfs::On::sync: return SQLITE_IOERR_FSYNC;
        case FaultVfs::On::truncate: return SQLITE_IOERR_TRUNCATE;
        default: return SQLITE_IOERR_WRITE;
    }
}

}  // namespace

class FaultDisk {
public:
    using On = FaultVfs::On;

    explicit FaultDisk(std::uint64_t seed);
    ~FaultDisk();

    // The sqlite3_file that SQLite sees; the system's own lies behind it in memory.
    struct Handle : sqlite3_file {
        FaultDisk* disk = nullptr;
        File* file = nullptr;  // null: a temporary one, of which nothing is expected
        std::string_view name;
        sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
    };

    int open(const char* name, Handle& handle, int flags, int* out_flags);
    int remove(const char* name, int sync);
    int write(Handle& handle, const char* bytes, std::size_t size, std::size_t at);
    int truncate(Handle& handle, std::size_t size);
    int sync(Handle& handle);
    int read_fault(Handle& handle);
    void closed();
    void lose_unsynced();

    mutable std::mutex mutex;
    std::string name;
    std::vector<FaultVfs::Fault> faults;
    std::optional<std::uint64_t> space;
    std::uint64_t cut_in = 0;  // changes until then; 0: not planned
    bool cut = false;
    std::uint64_t writes = 0, syncs = 0;

    std::uint64_t used() const {
        std::uint64_t sum = 0;
        for (const auto& [path, file] : files) sum += file.exists ? file.size : 0;
        return sum;
    }

private:
    int fault(On on, std::string_view file);
    void sync_directory();
    std::optional<std::string> left_of(const File& file);
    bool chance(int one_in) { return random() % static_cast<unsigned>(one_in) == 0; }

    sqlite3_vfs* const real;
    sqlite3_vfs vfs{};
    std::map<std::string, File, std::less<>> files;
    int open_files = 0;
    std::mt19937_64 random;
};

namespace {

using Handle = FaultDisk::Handle;

Handle& handle_of(sqlite3_file* file) { return *static_cast<Handle*>(file); }
FaultDisk& disk_of(sqlite3_vfs* vfs) { return *static_cast<FaultDisk*>(vfs->pAppData); }

int close_file(sqlite3_file* base) {
    Handle& handle = handle_of(base);
    const int code = handle.real()->pMethods->xClose(handle.real());
    handle.disk->closed();
    return code;
}

int read_file(sqlite3_file* base, void* to, int size, sqlite3_int64 at) {
    Handle& handle = handle_of(base);
    if (const int code = handle.disk->read_fault(handle)) return code;
    return handle.real()->pMethods->xRead(handle.real(), to, size, at);
}

// Passes a call on to the system's own file.
template <auto Method, class... Arguments>
int pass(sqlite3_file* base, Arguments... arguments) {
    sqlite3_file* real = handle_of(base).real();
    return (real->pMethods->*Method)(real, arguments...);
}

void barrier(sqlite3_file* base) {
    sqlite3_file* real = handle_of(base).real();
    real->pMethods->xShmBarrier(real);
}

constexpr sqlite3_io_methods io_methods() {
    sqlite3_io_methods m{};
    m.iVersion = 2;  // without memory-mapped files: writes to them would not be seen
    m.xClose = close_file;
    m.xRead = read_file;
    m.xWrite = [](sqlite3_file* base, const void* bytes, int size, sqlite3_int64 at) {
        Handle& handle = handle_of(base);
        return handle.disk->write(handle, static_cast<const char*>(bytes), static_cast<std::size_t>(size),
                                  static_cast<std::size_t>(at));
    };
    m.xTruncate = [](sqlite3_file* base, sqlite3_int64 size) {
        Handle& handle = handle_of(base);
        return handle.disk->truncate(handle, static_cast<std::size_t>(size));
    };
    m.xSync = [](sqlite3_file* base, int) {
        Handle& handle = handle_of(base);
        return handle.disk->sync(handle);
    };
    m.xFileSize = pass<&sqlite3_io_methods::xFileSize, sqlite3_int64*>;
    m.xLock = pass<&sqlite3_io_methods::xLock, int>;
    m.xUnlock = pass<&sqlite3_io_methods::xUnlock, int>;
    m.xCheckReservedLock = pass<&sqlite3_io_methods::xCheckReservedLock, int*>;
    m.xFileControl = [](sqlite3_file* base, int what, void* value) {
        // It would grow the file behind our back.
        if (what == SQLITE_FCNTL_SIZE_HINT) return SQLITE_OK;
        return pass<&sqlite3_io_methods::xFileControl, int, void*>(base, what, value);
    };
    m.xSectorSize = pass<&sqlite3_io_methods::xSectorSize>;
    m.xDeviceCharacteristics = pass<&sqlite3_io_methods::xDeviceCharacteristics>;
    m.xShmMap = pass<&sqlite3_io_methods::xShmMap, int, int, int, void volatile**>;
    m.xShmLock = pass<&sqlite3_io_methods::xShmLock, int, int, int>;
    m.xShmBarrier = barrier;
    m.xShmUnmap = pass<&sqlite3_io_methods::xShmUnmap, int>;
    return m;
}

constexpr sqlite3_io_methods kMethods = io_methods();

}  // namespace

FaultDisk::FaultDisk(std::uint64_t seed) : real(sqlite3_vfs_find(nullptr)), random(seed) {
    static std::atomic<int> serial{0};
    name = "fault-" + std::to_string(++serial);
    vfs = *real;  // but for opening and deleting it is the system's, which does not look at pAppData there
    vfs.iVersion = std::min(vfs.iVersion, 2);
    vfs.szOsFile = static_cast<int>(sizeof(Handle)) + real->szOsFile;
    vfs.zName = name.c_str();
    vfs.pAppData = this;
    vfs.xOpen = [](sqlite3_vfs* self, const char* path, sqlite3_file* file, int flags, int* out_flags) {
        auto* handle = new (file) Handle();
        return disk_of(self).open(path, *handle, flags, out_flags);
    };
    vfs.xDelete = [](sqlite3_vfs* self, const char* path, int sync_directory) {
        return disk_of(self).remove(path, sync_directory);
    };
    sqlite3_vfs_register(&vfs, 0);
}

FaultDisk::~FaultDisk() { sqlite3_vfs_unregister(&vfs); }

// SQLITE_OK: nothing stands in the way.
int FaultDisk::fault(On on, std::string_view file) {
    if (changes(on) && cut_in > 0 && --cut_in == 0) cut = true;
    if (cut && on != On::read) return without_power(on);
    for (auto f = faults.begin(); f != faults.end(); ++f) {
        if (f->on != on || !file.ends_with(f->file)) continue;
        if (f->nth > 1) {
            --f->nth;
            continue;
        }
        const int code = f->code;
        if (f->nth == 1) faults.erase(f);
        return code;
    }
    return SQLITE_OK;
}

int FaultDisk::open(const char* path, Handle& handle, int flags, int* out_flags) {
    const std::lock_guard lock(mutex);
    if (const int code = fault(On::open, path ? path : "")) return code;
    const int code = real->xOpen(real, path, handle.real(), flags, out_flags);
    if (code != SQLITE_OK) return code;
    ++open_files;
    handle.disk = this;
    handle.pMethods = &kMethods;
    if (!path) return SQLITE_OK;

    auto [it, fresh] = files.try_emplace(path);
    handle.file = &it->second;
    handle.name = it->first;
    File& file = it->second;
    if (file.exists) return SQLITE_OK;
    sqlite3_int64 size = 0;
    handle.real()->pMethods->xFileSize(handle.real(), &size);
    file.exists = true;
    file.size = static_cast<std::size_t>(size);
    if (fresh && size > 0) {  // it was there before us, and is safe
        file.safe.emplace(file.size, '\0');
        handle.real()->pMethods->xRead(handle.real(), file.safe->data(), static_cast<int>(size), 0);
    } else if (fresh && (flags & SQLITE_OPEN_MAIN_DB)) {
        file.safe.emplace();  // whoever uses a database that he created empty has synced its directory
    }
    return SQLITE_OK;
}

int FaultDisk::remove(const char* path, int sync) {
    const std::lock_guard lock(mutex);
    if (cut) return SQLITE_IOERR_DELETE;
    const int code = real->xDelete(real, path, 0);
    const auto it = files.find(path);
    if (code != SQLITE_OK || it == files.end()) return code;
    File& file = it->second;
    file.exists = false;
    file.size = 0;
    file.unsynced.push_back({Change::remove, 0, {}});
    if (sync) sync_directory();
    return SQLITE_OK;
}

int FaultDisk::write(Handle& handle, const char* bytes, std::size_t size, std::size_t at) {
    const std::lock_guard lock(mutex);
    ++writes;
    const bool was_cut = cut;
    const int failure = fault(On::write, handle.name);
    const auto record = [&](std::size_t n) {
        if (!handle.file || n == 0) return;
        handle.file->unsynced.push_back({Change::write, at, std::string(bytes, n)});
        handle.file->size = std::max(handle.file->size, at + n);
    };
    // The power fails while this is on its way: it may get there yet.
    if (cut && !was_cut && handle.file)
        handle.file->unsynced.push_back({Change::write, at, std::string(bytes, size)});
    if (failure) return failure;

    std::size_t fits = size;
    if (space && handle.file && at + size > handle.file->size) {
        const std::uint64_t taken = used();
        const std::uint64_t left = *space > taken ? *space - taken : 0;
        fits = std::min<std::size_t>(size, handle.file->size - std::min(at, handle.file->size) + left);
    }
    const int code = fits == 0 ? SQLITE_OK
                               : handle.real()->pMethods->xWrite(handle.real(), bytes, static_cast<int>(fits),
                                                                 static_cast<sqlite3_int64>(at));
    if (code == SQLITE_OK) record(fits);
    return code == SQLITE_OK && fits < size ? SQLITE_FULL : code;
}

int FaultDisk::truncate(Handle& handle, std::size_t size) {
    const std::lock_guard lock(mutex);
    const bool was_cut = cut;
    const int failure = fault(On::truncate, handle.name);
    if (cut && !was_cut && handle.file) handle.file->unsynced.push_back({Change::truncate, size, {}});
    if (failure) return failure;
    const int code = handle.real()->pMethods->xTruncate(handle.real(), static_cast<sqlite3_int64>(size));
    if (code != SQLITE_OK || !handle.file) return code;
    handle.file->unsynced.push_back({Change::truncate, size, {}});
    handle.file->size = size;
    return code;
}

int FaultDisk::sync(Handle& handle) {
    const std::lock_guard lock(mutex);
    ++syncs;
    const int failure = fault(On::sync, handle.name);
    File* file = handle.file;
    if (!file || cut) return failure;
    if (failure) {
        file->safe = left_of(*file);
        file->unsynced.clear();
        return failure;
    }
    // The real one would only take time: it is this class that decides what is lost. SQLite's own files
    // have it sync the directory too as long as their names are new.
    sync_directory();
    for (const Change& change : file->unsynced) apply(change, *file->safe);
    file->unsynced.clear();
    return SQLITE_OK;
}

// Which names there are, not what is in the files.
void FaultDisk::sync_directory() {
    for (auto& [path, file] : files) {
        const auto removed = std::find_if(file.unsynced.rbegin(), file.unsynced.rend(),
                                          [](const Change& c) { return c.kind == Change::remove; });
        if (removed != file.unsynced.rend()) {
            file.unsynced.erase(file.unsynced.begin(), removed.base());
            file.safe.reset();
        }
        if (file.exists && !file.safe) file.safe.emplace();
    }
}

int FaultDisk::read_fault(Handle& handle) {
    const std::lock_guard lock(mutex);
    return faults.empty() ? SQLITE_OK : fault(On::read, handle.name);
}

void FaultDisk::closed() {
    const std::lock_guard lock(mutex);
    --open_files;
}

// Each file by itself, as the disk has no order between them: all, nothing or some of what was not
// synced. The first two are what happens most often.
std::optional<std::string> FaultDisk::left_of(const File& file) {
    std::optional<std::string> content = file.safe;
    if (chance(4)) return content;
    const bool all = chance(4);
    for (const Change& change : file.unsynced) {
        // Where the directory is as it was before, so is the file, whatever came after.
        const bool names = change.kind == Change::remove || !content;
        if (names && !all && chance(2)) return content;
        if (change.kind == Change::remove) {
            content.reset();
            continue;
        }
        if (!content) content.emplace();
        if (change.kind == Change::truncate && (all || chance(2))) apply(change, *content);
        if (change.kind == Change::write)
            for (const Change& part : sectors(change))
                if (all || chance(2)) apply(part, *content);
    }
    return content;
}

void FaultDisk::lose_unsynced() {
    const std::lock_guard lock(mutex);
    if (open_files > 0) throw std::logic_error("a machine that lost its power has no file open");
    for (auto& [path, file] : files) {
        std::optional<std::string> content = left_of(file);
        std::filesystem::remove(path + "-shm");
        std::filesystem::remove(path);
        file = {};
        if (!content) continue;
        std::ofstream(path, std::ios::binary) << *content;
        file.exists = true;
        file.size = content->size();
        file.safe = std::move(content);
    }
    cut = false;
    cut_in = 0;
}

FaultVfs::FaultVfs(std::uint64_t seed) : disk_(std::make_unique<FaultDisk>(seed)) {}
FaultVfs::~FaultVfs() = default;
const std::string& FaultVfs::name() const { return disk_->name; }

void FaultVfs::inject(Fault fault) {
    const std::lock_guard lock(disk_->mutex);
    disk_->faults.push_back(std::move(fault));
}

void FaultVfs::limit_space(std::uint64_t bytes) {
    const std::lock_guard lock(disk_->mutex);
    disk_->space = bytes;
}

void FaultVfs::heal() {
    const std::lock_guard lock(disk_->mutex);
    disk_->faults.clear();
    disk_->space.reset();
}

void FaultVfs::cut_power() {
    const std::lock_guard lock(disk_->mutex);
    disk_->cut = true;
}

void FaultVfs::cut_power_at(std::uint64_t nth) {
    const std::lock_guard lock(disk_->mutex);
    disk_->cut_in = nth;
}

bool FaultVfs::power_is_cut() const {
    const std::lock_guard lock(disk_->mutex);
    return disk_->cut;
}

void FaultVfs::lose_unsynced() { disk_->lose_unsynced(); }

std::uint64_t FaultVfs::writes() const {
    const std::lock_guard lock(disk_->mutex);
    return disk_->writes;
}

std::uint64_t FaultVfs::syncs() const {
    const std::lock_guard lock(disk_->mutex);
    return disk_->syncs;
}

std::uint64_t FaultVfs::space_used() const {
    const std::lock_guard lock(disk_->mutex);
    return disk_->used();
}

}  // namespace hookswitch::test
