"""A worker that takes every event and never answers one, and does not stop when it is asked to."""
import signal
import sys

signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('{"hookswitch":1}', flush=True)
for _ in sys.stdin:
    pass
while True:
    signal.pause()
