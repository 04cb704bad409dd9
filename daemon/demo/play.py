"""Starts the daemon and plays a call at it with the local platform; shows what both saw of it.

Called by daemon/run-demo: play.py BINARY [--once]. The daemon logs into a file; the directory of that
file, with the secrets and the bookings, is temporary, and is kept only if something went wrong.
"""

import datetime
import hashlib
import hmac
import http.client
import json
import os
import re
import secrets
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import namedtuple
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PATIENCE = 30  # seconds for the daemon to start or to drain
WIDTH = min(shutil.get_terminal_size((100, 24)).columns, 110)
INDENT = " " * 15

Answer = namedtuple("Answer", "status duplicate text ms")


class Failure(Exception):
    """What went wrong, in words for whoever started the demo."""


def free_port():
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        return any_port.getsockname()[1]


def write_private(file, text):
    file.touch(mode=0o600)
    file.write_text(text)


def next_workday():
    day = datetime.date.today() + datetime.timedelta(days=1)
    while day.weekday() > 4:
        day += datetime.timedelta(days=1)
    return day


# ---- the daemon ------------------------------------------------------------------------------------------


class Daemon:
    def __init__(self, binary, state):
        self.binary, self.state, self.journal = binary, state, state / "hookswitch.db"
        self.secret_file, self.log_file = state / "webhook-secret", state / "daemon.log"
        self.secret, self.platform = secrets.token_hex(32), f"127.0.0.1:{free_port()}"
        write_private(self.secret_file, self.secret)
        write_private(state / "api-key", "fl_test_" + secrets.token_hex(16))
        self.render()
        try:
            with self.log_file.open("wb") as log:
                self.process = subprocess.Popen(
                    [binary, "serve", "-c", str(state / "demo.toml")],
                    env={**os.environ, "HOOKSWITCH_STATE": str(state), "HOOKSWITCH_HANDLERS": str(ROOT / "handlers")},
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    start_new_session=True)  # Ctrl-C is for the player, which then drains the daemon
        except OSError as error:
            raise Failure(f"{binary} cannot be started: {error.strerror}") from None

    def render(self):
        """Fills in what only this run knows; again when what was edited is to be taken in."""
        for name in ("demo.toml", "call.toml"):
            text = (HERE / name).read_text()
            text = text.replace("@platform@", self.platform).replace("@date@", str(next_workday()))
            (self.state / name).write_text(text)

    def log(self):
        return self.log_file.read_text(errors="replace")

    def wait_for(self, pattern, count=1):
        """The last of so many matches in the log."""
        give_up = time.monotonic() + PATIENCE
        while len(found := re.findall(pattern, self.log())) < count:
            self.must_live()
            if time.monotonic() > give_up:
                raise Failure(f"the daemon was not ready within {PATIENCE} s")
            time.sleep(0.01)
        return found[-1]

    def must_live(self):
        if self.process.poll() is not None:
            raise Failure(f"the daemon ended with exit code {self.process.returncode}")

    def start(self):
        self.address = self.wait_for(r"server\.listening address=(\S+:\d+)")
        self.wait_for(r"server\.ready")
        self.wait_for(r"worker\.started")

    def stop(self):
        """Drains: what is in work is finished first. A second Ctrl-C does not hurry it."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if self.process.poll() is None:
            self.process.terminate()
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failure(f"the daemon did not end within {PATIENCE} s") from None
        if code:
            raise Failure(f"the daemon ended with exit code {code}")

    def post(self, event, body, secret=None):
        """One delivery, as the platform makes it."""
        timestamp = str(int(time.time()))
        signed = timestamp.encode() + b"." + body
        digest = hmac.new((secret or self.secret).encode(), signed, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "HMS-Sovereign/1.0",
            "X-Webhook-Event": event,
            "X-Webhook-Timestamp": timestamp,
            "X-Webhook-Signature": f"sha256={digest}",
        }
        connection = http.client.HTTPConnection(self.address, timeout=PATIENCE)
        try:
            connection.connect()
            start = time.perf_counter()
            connection.request("POST", "/webhook", body, headers)
            response = connection.getresponse()
            text = response.read().decode()
            ms = (time.perf_counter() - start) * 1000
        except (OSError, http.client.HTTPException) as error:
            self.must_live()
            raise Failure(f"posting {event} to {self.address}: {error or type(error).__name__}") from None
        finally:
            connection.close()
        return Answer(response.status, response.getheader("X-Hookswitch-Duplicate") == "true", text, ms)


# ---- what is shown ---------------------------------------------------------------------------------------

COLOURS = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "blue": 34, "magenta": 35, "cyan": 36}
WHO = {"caller": "yellow", "assistant": "green", "platform": "blue", "hookswitch": "magenta"}


def paint(text, colour):
    plain = not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if plain else f"\033[{COLOURS[colour]}m{text}\033[0m"


def line(who, text):
    print(f"  {paint(f'{who:>11}', WHO[who])}  {text}")


def says(who, text):
    if text:
        line(who, f"“{text}”")


def pretty(value, width, column=0):
    """JSON with as much on each line as fits, the rest below what it belongs to."""
    short = json.dumps(value, ensure_ascii=False)
    if column + len(short) <= width or not value or not isinstance(value, (dict, list)):
        return short
    if isinstance(value, dict):
        keys, values, (left, right) = [json.dumps(k, ensure_ascii=False) + ": " for k in value], value.values(), "{}"
    else:
        keys, values, (left, right) = [""] * len(value), value, "[]"
    column += 1
    parts = [key + pretty(v, width, column + len(key)) for key, v in zip(keys, values)]
    return left + (",\n" + " " * column).join(parts) + right


def show_json(text):
    try:
        text = pretty(json.loads(text), WIDTH - len(INDENT))
    except ValueError:
        pass  # then as it is
    for part in text.splitlines():
        print(INDENT + paint(part, "cyan"))


def show_answer(answer):
    status = paint(str(answer.status), "green" if answer.status == 200 else "red")
    again = ", X-Hookswitch-Duplicate: true" if answer.duplicate else ""
    line("hookswitch", f"{status} in {paint(f'{answer.ms:.1f} ms', 'bold')}{again}")
    show_json(answer.text)


def heading(title, event=""):
    print(f"\n {paint(f'{title:<40}', 'bold')}{paint(event, 'dim')}" if event else f"\n {paint(title, 'bold')}")


# ---- the play --------------------------------------------------------------------------------------------


def show_narrated(text):
    """One line of what the local platform tells: "5c4d030f  assistant: Hello"."""
    what = text.split("  ", 1)[-1]
    who, _, rest = what.partition(": ")
    if who == "user":
        says("caller", rest)
    elif who == "assistant":
        says("assistant", rest)
    elif who == "system":
        line("platform", f"The model is told: {rest}")
    elif what.startswith("command "):
        _, kind, body = what.split(" ", 2)
        line("hookswitch", f"{paint(kind, 'bold')}, by the platform's REST API")
        show_json(body)
    else:
        line("platform", what)


def play_call(daemon, recording):
    """The whole call, with what happens as it happens."""
    state = daemon.state
    command = [daemon.binary, "simulate", "--listen", daemon.platform, "--api-key-file", state / "api-key",
               "--to", f"http://{daemon.address}/webhook", "--secret-file", daemon.secret_file,
               "--scenario", state / "call.toml", "--compare", "--record", recording]
    with (state / "platform.log").open("wb") as log:
        player = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True,
                                  start_new_session=True)
        try:
            summary = False  # follows what happens
            for text in player.stdout:
                text = text.rstrip("\n")
                summary = summary or re.match(r"\d+ calls in ", text)
                print("  " + paint(text, "dim")) if summary else show_narrated(text)
            code = player.wait(PATIENCE)
        finally:
            if player.poll() is None:
                player.terminate()
                player.wait()
    if code:
        raise Failure(f"the local platform ended with exit code {code}: {(state / 'platform.log').read_text().strip()}")


def deliveries(recording):
    for text in recording.read_text().splitlines():
        delivery = json.loads(text)
        yield delivery, json.loads(delivery["body"])["message"]


def play(daemon):
    """The whole call. Then the booking once more, and once by somebody who does not know the secret."""
    recording = daemon.state / "call.jsonl"
    recording.unlink(missing_ok=True)
    heading("The call", "hookswitch simulate")
    play_call(daemon, recording)
    call_id, booking, first = None, None, None
    for delivery, message in deliveries(recording):
        call_id = message["call"]["id"]
        if message["type"] == "tool-calls" and "book_appointment" in delivery["body"]:
            booking, first = delivery["body"].encode(), delivery["reply"]["body"]
    show_journal(daemon, call_id)

    heading("And when it goes wrong")
    line("platform", "The booking once more, in case you missed it.")
    again = daemon.post("tool-calls", booking)
    show_answer(again)
    if (again.text, again.duplicate) != (first, True):
        raise Failure("the second delivery did not get the first one's answer")
    print(INDENT + paint("The first answer again; the desk was not asked and booked nothing twice.", "dim"))

    line("platform", "The same, signed with another secret: somebody else.")
    refused = daemon.post("tool-calls", booking, secret="guessed")
    show_answer(refused)
    if refused.status != 401:
        raise Failure(f"a bad signature was answered {refused.status} instead of 401")


def show_journal(daemon, call_id):
    """The call as the journal has it, once the desk has got all of it."""
    command = [daemon.binary, "events", "show", "--journal", daemon.journal, call_id]
    for _ in range(100):
        shown = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        if shown.returncode != 0:
            raise Failure(f"events show: {shown.stderr.strip()}")
        if shown.stdout.count(" delivered in ") == 3:
            break
        time.sleep(0.02)  # the records of deliveries are written a moment after them
    else:
        raise Failure("the desk did not get all that it is told")
    heading("The same call in the daemon's journal", "hookswitch events show")
    for text in shown.stdout.splitlines():
        print("  " + paint(text, "dim"))


def shell_path(path):
    """As short as it can be typed from where the demo was started."""
    short = os.path.relpath(path)
    return shlex.quote(str(path) if short.startswith("..") else short)


def show_what_next(daemon, binary, once):
    rows = [
        ("the answers", ROOT / "handlers/python/desk.py", "edit greet() or add a @tool"),
        ("the people", ROOT / "handlers/python/contacts.json", "who is greeted by name"),
        ("the routes", HERE / "demo.toml", "which event goes to which handler"),
        ("the call", HERE / "call.toml", "what the caller says, and which tools the model uses"),
        ("how to write one", ROOT / "handlers/README.md", "in Python, Node or anything else"),
        ("the daemon's log", daemon.log_file, "there as long as the demo is up"),
    ]
    rows = [(what, shell_path(path), why) for what, path, why in rows]
    widest = max(len(path) for _, path, _ in rows)
    heading("Your turn")
    for what, path, why in rows:
        print(f"  {what:<18}{paint(f'{path:<{widest}}', 'cyan')}  {paint(why, 'dim')}")
    print(f"  send your own event{', while the demo is up (without --once)' if once else ''}:")
    print(f"    {shell_path(binary)} send --to http://{daemon.address}/webhook \\\n"
          f"        --secret-file {daemon.secret_file} \\\n"
          f"        {shell_path(ROOT / 'tests/fixtures/camel-tool-calls-single.json')}")


def stay_up(daemon):
    """Until Ctrl-C, or the daemon's end. On a terminal, Enter takes in what was edited and plays again."""
    at_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    again = "Enter takes in your edits and plays again, " if at_terminal else ""
    while True:
        print(f"\n Hookswitch stays up at http://{daemon.address}/webhook: {again}Ctrl-C ends it.")
        while not select.select([sys.stdin] if at_terminal else [], [], [], 0.5)[0]:
            daemon.must_live()
        if not sys.stdin.readline():  # Ctrl-D
            return
        if reload(daemon):
            play(daemon)


def reload(daemon):
    """Whether the daemon could take in what was edited."""
    before = daemon.log()
    daemon.render()
    daemon.process.send_signal(signal.SIGHUP)
    done = daemon.wait_for(r"reload\.(done|failed)", len(re.findall(r"reload\.(?:done|failed)", before)) + 1)
    if done == "failed":
        print(f"\n {paint('Your edits do not work yet; what was there before goes on:', 'red')}")
        print(daemon.log()[len(before):].rstrip())
    return done == "done"


def show_failure(failure, log_file):
    log = log_file.read_text(errors="replace").splitlines() if log_file.exists() else []
    print(f"hookswitch: the demo failed: {failure}", file=sys.stderr)
    if log:
        print(f"The end of its log, {log_file}:", *log[-20:], sep="\n    ", file=sys.stderr)


def run(binary, state, once):
    daemon = Daemon(binary, state)
    try:
        daemon.start()
        print(f"\n {paint('One telephone call, played by the local platform', 'bold')}"
              f"\n  to http://{daemon.address}/webhook, answered by handlers/python/desk.py")
        play(daemon)
        show_what_next(daemon, binary, once)
        if not once:
            stay_up(daemon)
    except KeyboardInterrupt:
        print()
        if once:
            raise
    finally:
        daemon.stop()
    print(" The daemon has finished what was in work and ended.")


def main(binary, *options):
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # like Ctrl-C: drain, clean up
    sys.stdout.reconfigure(line_buffering=True, errors="replace")
    state = Path(tempfile.mkdtemp(prefix="hookswitch-demo-"))
    try:
        run(binary, state, "--once" in options)
    except Failure as failure:  # the directory stays, for its log
        show_failure(failure, state / "daemon.log")
        return 1
    except KeyboardInterrupt:
        shutil.rmtree(state, ignore_errors=True)
        return 130
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    shutil.rmtree(state, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
