"""A worker that greets and then reads nothing, so that its pipe fills up."""
import signal

signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('{"hookswitch":1}', flush=True)
while True:
    signal.pause()
