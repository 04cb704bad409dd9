"""A worker for tests that does one thing wrong. How it starts is its first argument; what it does with
an event is the name of the tool that is called, or the status of a status-update."""
import json
import os
import signal
import subprocess
import sys


def say(frame):
    line = frame if isinstance(frame, str) else json.dumps(frame)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def answer(event, **more):
    result = {"pid": os.getpid(), "attempt": event["attempt"], "deadline_ms": event["deadline_ms"]}
    say({"id": event["id"], "reply": {"result": {**result, **more}}})


def pause():
    while True:
        signal.pause()


# ---- what it does with an event

held = []


def hold(event):
    """Answered after the next event that is let go."""
    held.append(event)


def release(event):
    answer(event)
    while held:
        answer(held.pop())


def crash_first(event):
    if event["attempt"] == 1:
        os._exit(3)
    answer(event)


def crash(event):
    os._exit(3)


def answer_and_exit(event):
    answer(event)
    os._exit(0)


def hang(event):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    pause()


def twice(event):
    answer(event)
    answer(event)
    say({"id": "nobody's", "reply": {}})


def some_garbage(event):
    for line in ("", "print debugging", "[1]", '{"id":7}', '{"id":', "\x00\xff", "[" * 2000):
        say(line)
    answer(event)


def garbage(event):
    if event["attempt"] == 2:
        return answer(event)
    for i in range(2000):
        say(f"line {i}")
    pause()


def long_line(event):
    if event["attempt"] == 2:
        return answer(event)
    sys.stdout.write("x" * (5 << 20))
    sys.stdout.flush()
    pause()


def long_answer(event):
    answer(event, text="x" * (3 << 20))


def close_output(event):
    if event["attempt"] == 2:
        return answer(event)
    os.close(1)
    pause()


def close_input(event):
    os.close(0)  # before the answer, or the next event could still be on its way into the pipe
    answer(event)
    pause()


def fail(event):
    say({"id": event["id"], "error": {"message": "CRM is down", "retry": True}})


def wrong_reply(event):
    say({"id": event["id"], "reply": 5})


def complain(event):
    for i in range(500):
        sys.stderr.write(f"complaint {i} " + "x" * 5000 + "\n")
    sys.stderr.flush()
    answer(event)


def act(event):
    say({"call": "c9", "actions": [{"type": "say", "content": "Done."}]})
    say({"id": event["id"], "reply": {"result": 1}, "actions": [{"type": "end-call"}, {"type": "sing"}]})


def leave_child(event):
    child = subprocess.Popen(["sleep", "1000"])
    answer(event, child=child.pid)


def surroundings(event):
    answer(event, greeting=os.environ["GREETING"], directory=os.getcwd())


# ---- how it starts


def normal():
    say({"hookswitch": 1})


def hello():
    say("Loading the model...")
    pause()


def version():
    say({"hookswitch": 2})
    pause()


def silent():
    pause()


def broken():
    sys.exit(1)


def broken_once():
    """The first to make the directory fails; whoever finds it made works."""
    try:
        os.mkdir("started")
    except FileExistsError:
        return normal()
    sys.exit(1)


def flood():
    normal()
    while True:
        say({"call": "c9", "actions": []})


def stubborn():
    """Does not stop when asked to."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    normal()
    serve()
    pause()


def deaf_first():
    """The first to make the directory does not read; the other greets after it."""
    try:
        os.mkdir("started")
    except FileExistsError:
        open("gate").close()
        return normal()
    normal()
    open("gate", "w").close()
    pause()


def serve():
    for line in sys.stdin:
        event = json.loads(line)
        name = event["tool_call"]["name"] if event["tool_call"] else event["call"]["status"]
        globals().get(name, answer)(event)


if __name__ == "__main__":
    globals()[sys.argv[1]]()
    serve()
