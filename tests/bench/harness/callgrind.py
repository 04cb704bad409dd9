"""Reads a callgrind profile: instructions that were spent in each place itself, not in what it called.

A place is (object, file, function). The file is that of the inlined source, so the attribution survives
link-time optimisation: a Boost function inlined into ours still counts as Boost's.
"""
import re
from collections import Counter

_NAME = re.compile(r"(c?)(ob|fl|fi|fe|fn)=\((\d+)\)(?: (.*))?$")
_COST = re.compile(r"[+\-*]?\d* (\d+)$")


def read_profile(path):
    """Counter of (object, file, function) -> instructions."""
    names = {"ob": {}, "fl": {}, "fn": {}}  # the format writes a name once and then only its number
    place = {"ob": "", "fl": "", "fn": ""}
    spent = Counter()
    skip_next = False
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            line = line.rstrip("\n")
            if match := _NAME.match(line):
                callee, kind, number, text = match.groups()
                kind = "fl" if kind in ("fi", "fe") else kind
                if text is not None:
                    names[kind][number] = text
                if not callee:
                    place[kind] = names[kind][number]
            elif line.startswith("calls="):
                skip_next = True  # the next line is what the callee cost, which is counted at the callee
            elif match := _COST.match(line):
                if not skip_next:
                    spent[place["ob"], place["fl"], place["fn"]] += int(match[1])
                skip_next = False
    return spent


_SYSTEM_CALLS = re.compile(r"^(__libc_|__)?(epoll_\w+|recv\w*|send\w*|readv?|writev?|accept4?|ioctl|p?poll|timerfd_\w+"
                           r"|eventfd\w*|clock_gettime\w*|[gs]etsockopt|close|shutdown|fcntl\w*)$")
_MEMORY = re.compile(r"malloc|calloc|realloc|free|_int_|tcache|unlink_chunk|operator new|operator delete"
                     r"|mem(cpy|move|set|chr|cmp|mem)|str(len|cmp|chr)", re.I)

HMAC, PARSE, IO, HTTP, MEMORY, REST = "HMAC (libcrypto)", "JSON parse (simdjson)", "I/O (Asio, system calls)", \
    "HTTP head (Beast)", "memory (malloc, memcpy)", "rest"
CATEGORIES = [IO, HMAC, PARSE, HTTP, MEMORY, REST]


def category(place):
    binary, file, function = place
    if "libcrypto" in binary:
        return HMAC
    if "simdjson" in binary or "simdjson" in file:
        return PARSE
    if "/boost/asio/" in file:
        return IO
    if "/boost/beast/" in file:
        return HTTP
    is_libc = re.search(r"/(libc|libpthread|ld-linux)[^/]*$|vgpreload|linux-vdso", binary)
    name = function.partition("'")[0].partition("@")[0]
    if is_libc and _SYSTEM_CALLS.match(name):
        return IO
    if (is_libc or "libstdc++" in binary) and _MEMORY.search(name):
        return MEMORY
    if "/include/c++/" in file or "/boost/" in file or file in ("", "???"):  # inlined: whoever it was inlined into
        return _by_function(function)
    return REST


def _by_function(function):
    owner = function.partition("(")[0]
    for mark, kind in (("simdjson::", PARSE), ("boost::beast::", HTTP), ("boost::asio::", IO), ("EVP_", HMAC)):
        if owner.startswith(mark) or f" {mark}" in owner:
            return kind
    return REST
