"""Everything the benchmark needs, made if it is missing: packages, the generator, Express, the binary."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parent.parent
ROOT = BENCH.parent.parent
WORK = ROOT / "build" / "bench"  # outside version control; a second run finds it ready
EXPRESS = "express@5"

# program or file -> Debian package that brings it
_NEEDED = {
    "g++": "g++", "nginx": "nginx-light", "wrk": "wrk", "node": "nodejs", "webhook": "webhook",
    "valgrind": "valgrind", "taskset": "util-linux", "openssl": "openssl", "/usr/include/openssl/sha.h": "libssl-dev",
}


def say(text):
    print(text, file=sys.stderr, flush=True)


def _run(command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        raise SystemExit(f"bench: {' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout[-3000:]}")


def _is_missing(what):
    found = os.path.exists(what) if what.startswith("/") else shutil.which(what, path=search_path())
    return not found


def search_path():
    """With the directories of system programs, where Debian puts nginx."""
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def _install(packages):
    if not packages:
        return
    if os.geteuid() != 0:
        raise SystemExit("bench: packages are missing: apt-get install " + " ".join(packages))
    say("bench: installing " + " ".join(packages))
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    _run(["apt-get", "update", "-qq"], env=quiet)
    _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages], env=quiet)


def need(program, package):
    """What one figure alone needs."""
    if _is_missing(program):
        _install([package])


def packages():
    wanted = {package for what, package in _NEEDED.items() if _is_missing(what)}
    if not (WORK / "node_modules" / "express").exists() and _is_missing("npm"):
        wanted.add("npm")
    _install(sorted(wanted))


def generator():
    """The load generator, compiled anew only if a source is newer."""
    program = WORK / "load"
    sources = sorted((BENCH / "generator").glob("*.?pp"))
    if program.exists() and program.stat().st_mtime > max(source.stat().st_mtime for source in sources):
        return program
    units = [str(source) for source in sources if source.suffix == ".cpp"]
    _run(["g++", "-std=c++20", "-O2", "-Wall", "-Wextra", *units, "-lcrypto", "-o", str(program)])
    return program


def c_program(name):
    """peers/NAME.c, compiled."""
    return _compiled(BENCH / "peers" / f"{name}.c", WORK / name)


def plugin():
    """peers/plugin.c as a shared object."""
    return _compiled(BENCH / "peers" / "plugin.c", WORK / "plugin.so",
                     "-shared", "-fPIC", "-I", str(ROOT / "handlers" / "sdk"))


def _compiled(source, result, *flags):
    _run(["gcc", "-O2", "-Wall", "-Wextra", *flags, "-o", str(result), str(source)])
    return result


def express():
    """The directory whose node_modules has Express."""
    if not (WORK / "node_modules" / "express").exists():
        say(f"bench: npm install {EXPRESS}")
        _run(["npm", "install", "--no-save", "--no-audit", "--no-fund", EXPRESS], cwd=WORK)
    return WORK


def hookswitch(given):
    if given:
        return Path(given).resolve()
    return build("hookswitch", "hookswitch")


def build(target, path):
    """A program of the release preset, built if it is not there yet."""
    program = ROOT / "build" / "release" / path
    if not program.exists():
        say(f"bench: building {target} with the release preset")
        _run(["cmake", "--preset", "release"], cwd=ROOT)
        _run(["ninja", "-C", "build/release", target], cwd=ROOT)
    return program


def everything(binary):
    WORK.mkdir(parents=True, exist_ok=True)
    packages()
    return {"load": generator(), "express": express(), "hookswitch": hookswitch(binary)}
