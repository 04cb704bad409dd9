"""What is in a journal file, read with nothing of the daemon's own.

Works beside a running daemon, and on what a killed one has left. The daemon keeps the events of a commit
together in one row, as records of a fixed form; the rest is plain tables.
"""

import ctypes
import ctypes.util
import itertools
import json
import shutil
import sqlite3
import struct
import tempfile
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_HEAD = struct.Struct("<qIBBH12I")
_FIELDS = ("id", "type", "dialect", "source", "call", "status", "caller", "called", "handlers", "dedupe", "head",
           "body")
PLAIN, ZSTD, ERASED = 0, 1, 2


@dataclass
class StoredEvent:
    seq: int
    received_at: int
    waited_for: bool
    size: int
    encoding: int
    stored_size: int  # of the body in its record
    id: str
    type: str
    dialect: str
    source: str
    call: str
    status: str
    caller: str
    called: str
    handlers: list
    dedupe: bytes
    head: bytes
    body: bytes  # None: erased


def _zstd():
    library = ctypes.CDLL(ctypes.util.find_library("zstd") or "libzstd.so.1")
    library.ZSTD_decompress.restype = ctypes.c_size_t
    library.ZSTD_decompress.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
    library.ZSTD_isError.argtypes = [ctypes.c_size_t]
    return library


def _plain(stored, encoding, size):
    if encoding != ZSTD:
        return stored
    library = _zstd()
    text = ctypes.create_string_buffer(size)
    got = library.ZSTD_decompress(text, size, stored, len(stored))
    if library.ZSTD_isError(got) or got != size:
        raise AssertionError("what is stored is no zstd frame of the size that it should have")
    return text.raw


def _records(first, count, data):
    at = 0
    for _ in range(count):
        received_at, size, waited_for, encoding, place, *ends = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        starts = [0, *ends]
        fields = {name: data[at + starts[i] : at + ends[i]] for i, name in enumerate(_FIELDS)}
        at += ends[-1]
        raw = {name: fields.pop(name) for name in ("dedupe", "head", "body", "handlers")}
        body = None if encoding == ERASED else _plain(raw["body"], encoding, size)
        yield StoredEvent(first + place, received_at, bool(waited_for), size, encoding, len(raw["body"]),
                          **{name: value.decode() for name, value in fields.items()},
                          handlers=raw["handlers"].decode().split("\n") if raw["handlers"] else [],
                          dedupe=raw["dedupe"], head=raw["head"], body=body)
    if at != len(data):
        raise AssertionError(f"{len(data) - at} bytes too many in the segment of {first}")


class JournalFile:
    def __init__(self, path):
        self.path = path

    @contextmanager
    def copied(self):
        """A copy elsewhere: to look at a file whose own place is full or read-only. Nobody may have it open."""
        with tempfile.TemporaryDirectory(prefix="hs-journal-") as directory:
            for ending in ("", "-wal"):
                with suppress(FileNotFoundError):
                    shutil.copy(f"{self.path}{ending}", Path(directory, "copy.db" + ending))
            yield JournalFile(Path(directory, "copy.db"))

    def rows(self, sql, *parameters):
        """Rows as dictionaries."""
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=20)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(sql, parameters)]

    def events(self):
        """All events, in their order."""
        found = []
        for row in self.rows("SELECT * FROM segment ORDER BY first"):
            data = _plain(row["data"], row["encoding"], row["size"])
            found += _records(row["first"], row["count"], data)
        if [e.seq for e in found] != sorted({e.seq for e in found}):
            raise AssertionError("the numbers of the events do not strictly grow")
        return found

    def event(self, event_id):
        (found,) = [e for e in self.events() if e.id == event_id]
        return found

    def attempts(self):
        return self.rows("SELECT * FROM attempt ORDER BY seq, handler, attempt")

    def unsettled(self):
        return self.rows("SELECT * FROM unsettled ORDER BY seq, handler")

    def answers(self):
        return {row["seq"]: row for row in self.rows("SELECT * FROM answer")}

    def meta(self, key):
        found = self.rows("SELECT value FROM meta WHERE key = ?", key)
        return found[0]["value"] if found else None

    def check(self):
        """SQLite's own opinion of the file."""
        (row,) = self.rows("PRAGMA integrity_check(5)")
        if row["integrity_check"] != "ok":
            raise AssertionError(f"the file is damaged: {row['integrity_check']}")


def append_events(path, bodies, handlers, kind="status-update"):
    """Adds events of the camel dialect to a journal that nobody has open, as if they had come just now."""
    now = time.time_ns() // 1_000_000
    with closing(sqlite3.connect(path)) as connection, connection:
        ((first,),) = connection.execute(
            "SELECT max(ifnull((SELECT max(first + count) FROM segment), 1),"
            " ifnull((SELECT value FROM meta WHERE key = 'delivered_before'), 1))")
        numbers = itertools.count(first)
        while chunk := list(itertools.islice(bodies, 100)):
            seqs = [next(numbers) for _ in chunk]
            data = b"".join(_record(now, seq - seqs[0], body, f"{seq:026}", kind, handlers)
                            for seq, body in zip(seqs, chunk))
            connection.execute("INSERT INTO segment VALUES(?,?,?,?,?)", (seqs[0], len(chunk), PLAIN, len(data), data))


def _record(received_at, place, body, event_id, kind, handlers):
    call = json.loads(body)["message"]["call"]
    fields = [event_id, kind, "camel", "main", call["id"], call["status"], "+31612345678", "+31850835037", handlers,
              event_id[-16:], "POST /webhook HTTP/1.1\r\n\r\n"]
    parts = [field.encode() for field in fields] + [body]
    ends = itertools.accumulate(map(len, parts))
    return _HEAD.pack(received_at, len(body), 0, PLAIN, place, *ends) + b"".join(parts)
