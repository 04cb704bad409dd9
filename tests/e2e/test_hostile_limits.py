"""What strangers can take: tries at a signature, connections, memory. And what they cannot: the place of a sender who
has shown that it holds a secret."""

import contextlib
import time
import unittest

from admin import await_metric, scrape
from deliveries import SECRET, post, request, tool_calls
from rawhttp import PATIENCE, Broken, Connection
from support import Daemon, await_that, config, reply, route, source
from test_reload import Load

KIB, MIB = 1 << 10, 1 << 20
STRANGER = "127.0.0.66"  # all of 127/8 is this machine's


def settings(sources=None, **server):
    return config(server=server, admin={}, sources=sources, handlers=[reply("fixed", {"result": "ok"})],
                  routes=[route("tool-calls", "fixed")])


def daemon(**server):
    return Daemon(settings(**server))


def ask(address, secret=SECRET, client=None, **more):
    headers = [("X-Forwarded-For", client)] if client else []
    return post(address, tool_calls("ping"), secret=secret, headers=headers, **more).status


def large(size):
    body = tool_calls(("ping", {"pad": ""}))
    return body.replace(b'"pad": ""', b'"pad": "' + b"x" * (size - len(body)) + b'"')


class FailedSignatures(unittest.TestCase):
    """Clients of a proxy on this machine, which it believes by default."""

    @classmethod
    def setUpClass(cls):
        cls.daemon = cls.enterClassContext(daemon(failed_signatures=20))

    def setUp(self):
        self.daemon.reload()

    def use_up(self, client, address=None):
        with Connection(address or self.daemon.tcp) as connection:
            headers = [("X-Forwarded-For", client)] if client else []
            for _ in range(20):
                wrong = request(tool_calls("ping"), secret="wrong", headers=headers)
                self.assertEqual(connection.ask(wrong).status, 401)

    def limited(self):
        return scrape(self.daemon).get("limited_signatures_total", source="main")

    def test_one_that_guesses_is_refused_unseen_and_others_are_not(self):
        mark, limited = self.daemon.mark(), self.limited()
        self.use_up("203.0.113.1")
        self.assertEqual(ask(self.daemon.tcp, client="203.0.113.1"), 401)
        self.assertEqual(ask(self.daemon.unix, client="203.0.113.1"), 401)
        self.assertEqual(self.limited(), limited + 2)
        self.assertEqual(self.daemon.wait_for("sender.limited", after=mark)["peer"], "203.0.113.1")
        self.assertEqual(len(self.daemon.records("sender.limited", after=mark)), 1)
        self.assertEqual(ask(self.daemon.tcp, client="203.0.113.2"), 200)

    def test_its_bodies_are_not_waited_for(self):
        self.use_up("203.0.113.5")
        announced = [("X-Forwarded-For", "203.0.113.5"), ("Content-Length", str(2 * MIB))]
        with Connection(self.daemon.tcp) as connection:
            self.assertEqual(connection.ask(request(b"", length=False, headers=announced)).status, 401)
            connection.expect_end()

    def test_it_is_heard_again_with_time(self):
        self.use_up("203.0.113.3")
        self.assertEqual(ask(self.daemon.tcp, client="203.0.113.3"), 401)
        await_that(lambda: ask(self.daemon.tcp, client="203.0.113.3") == 200, "heard again")
        # And now it has proved itself.
        self.use_up("203.0.113.3")
        self.assertEqual(ask(self.daemon.tcp, client="203.0.113.3"), 200)

    def test_it_is_heard_again_after_a_reload(self):
        self.use_up("203.0.113.4")
        self.assertEqual(ask(self.daemon.tcp, client="203.0.113.4"), 401)
        self.daemon.reload()
        self.assertEqual(ask(self.daemon.tcp, client="203.0.113.4"), 200)

    def test_a_proven_sender_is_never_limited(self):
        self.assertEqual(ask(self.daemon.tcp, client="203.0.113.6"), 200)
        for _ in range(3):
            self.use_up("203.0.113.6")
        self.assertEqual(ask(self.daemon.tcp, client="203.0.113.6"), 200)

    def test_ipv6_counts_by_the_customer(self):
        self.use_up("2001:db8:0:1::1")
        self.assertEqual(ask(self.daemon.tcp, client="2001:db8:0:1:ffff::9"), 401)
        self.assertEqual(ask(self.daemon.tcp, client="2001:db8:0:2::1"), 200)

    def test_a_proxy_that_names_no_client_is_never_limited(self):
        limited = self.limited()
        for address in (self.daemon.tcp, self.daemon.unix):
            for client in (None, "unknown", "127.0.0.1"):
                for _ in range(2):
                    self.use_up(client, address)
                self.assertEqual(ask(address, client=client), 200)
        self.assertEqual(self.limited(), limited)

    def test_nobody_uses_up_another_address_by_naming_it(self):
        with daemon(failed_signatures=5, trusted_proxies=[]) as running:
            with Connection(running.tcp, source=STRANGER) as guesser:
                for _ in range(6):
                    wrong = request(tool_calls("x"), secret="wrong", headers=[("X-Forwarded-For", "127.0.0.1")])
                    self.assertEqual(guesser.ask(wrong).status, 401)
                self.assertEqual(guesser.ask(request(tool_calls("x"))).status, 401)
            self.assertEqual(ask(running.tcp), 200)

    def test_one_that_has_gone_already_is_not_taken_for_a_proxy(self):
        """The kernel no longer tells who it was; its word about the client is not believed either."""
        with Daemon(settings(failed_signatures=20, trusted_proxies=[])) as running:
            named = [("X-Forwarded-For", "203.0.113.7")]
            for _ in range(30):
                connection = Connection(running.tcp, source=STRANGER)
                connection.send(request(tool_calls("x"), secret="wrong", headers=named))
                connection.reset()
            await_that(lambda: scrape(running).get("rejected_signatures_total", source="main") >= 10, "some are seen")
            self.assertFalse([r for r in running.records("request.refused") if r["peer"] in ("203.0.113.7", "unix")])


class Room(unittest.TestCase):
    """At max_connections."""

    def known(self, stack, running):
        connection = stack.enter_context(Connection(running.tcp))
        self.assertEqual(connection.ask(request(tool_calls("ping"))).status, 200)
        return connection

    def test_strangers_make_room_for_newcomers_and_known_senders_do_not(self):
        with daemon(max_connections=4, trusted_proxies=[]) as running, contextlib.ExitStack() as stack:
            silent, slow = (stack.enter_context(Connection(running.tcp, source=STRANGER)) for _ in range(2))
            slow.send(request(tool_calls("ping"))[:50])
            await_metric(running, "connections", 2)
            known = [self.known(stack, running) for _ in range(4)]
            for stranger in (silent, slow):
                stranger.expect_end()
            metrics = await_metric(running, "connections", 4)
            self.assertEqual(metrics.get("connections_evicted_total"), 2)
            self.assertEqual(metrics.get("connections_refused_total"), 0)

            # Now there is no stranger, and one that is told so is none that could make room.
            refused = [stack.enter_context(Connection(running.tcp, source=STRANGER)) for _ in range(4)]
            for connection in refused:
                self.assertEqual(connection.response().status, 503)
            for connection in known:
                self.assertEqual(connection.ask(request(tool_calls("ping"))).status, 200)
            self.assertEqual(scrape(running).get("connections_refused_total"), 4)
            self.assertEqual(scrape(running).get("connections_evicted_total"), 2)

    def test_a_flood_of_connections_shuts_out_nobody(self):
        with daemon(max_connections=20, trusted_proxies=[]) as running, contextlib.ExitStack() as stack:
            known = self.known(stack, running)
            for _ in range(10):
                for _ in range(20):
                    stack.enter_context(Connection(running.tcp, source=STRANGER))
                self.assertEqual(ask(running.tcp), 200)
                self.assertEqual(known.ask(request(tool_calls("ping"))).status, 200)


class Memory(unittest.TestCase):
    def half(self, stack, running, size=1900 * KIB, share=0.6, headers=(), **more):
        """A connection on which this share of a signed request has been sent; and the rest."""
        data = request(large(size), headers=headers)
        connection = stack.enter_context(Connection(running.tcp, **more))
        connection.send_what_it_takes(data[: int(size * share)])
        return connection, data[int(size * share) :]

    def running(self, **server):
        return daemon(threads=1, max_body_memory="4MiB", failed_signatures=0, **server)

    def held(self, running):
        return scrape(running).get("body_memory_bytes")

    def test_halves_of_large_bodies_are_bounded_and_a_whole_one_comes_through(self):
        with self.running(trusted_proxies=[]) as running, contextlib.ExitStack() as stack:
            for _ in range(10):
                self.half(stack, running, source=STRANGER)
                self.assertLessEqual(self.held(running), 4 * MIB)
            self.assertEqual(post(running.tcp, large(1900 * KIB)).status, 200)
            # A sender that has proved itself may take its time.
            slow, rest = self.half(stack, running)
            for _ in range(10):
                self.half(stack, running, source=STRANGER)
            self.assertLessEqual(self.held(running), 4 * MIB)
            self.assertEqual(slow.ask(rest).status, 200)
            self.assertGreaterEqual(scrape(running).get("connections_evicted_total"), 15)

    def test_many_small_halves_are_bounded_too(self):
        with self.running(trusted_proxies=[]) as running, contextlib.ExitStack() as stack:
            for _ in range(100):
                self.half(stack, running, size=30 * KIB, source=STRANGER)
            await_that(lambda: scrape(running).get("connections_evicted_total") >= 30, "some make room")
            self.assertLessEqual(self.held(running), 4 * MIB)
            self.assertEqual(ask(running.tcp), 200)

    def test_known_senders_are_told_to_come_back(self):
        with self.running(trusted_proxies=[]) as running, contextlib.ExitStack() as stack:
            self.assertEqual(ask(running.tcp), 200)
            first, rest = self.half(stack, running)
            await_that(lambda: self.held(running) > MIB, "the first holds its share")
            self.half(stack, running)
            await_that(lambda: self.held(running) > 3 * MIB, "the second too")
            third, _ = self.half(stack, running)
            response = third.response()
            self.assertEqual((response.status, response.code), (503, "overloaded"))
            self.assertEqual(response.header("retry-after"), "1")
            self.assertEqual(first.ask(rest).status, 200)

    def test_behind_a_proxy_each_client_counts_for_itself(self):
        """A connection of the proxy's on which a signature has held may next carry a stranger's request."""
        with self.running() as running, contextlib.ExitStack() as stack:
            known, stranger = ([("X-Forwarded-For", f"203.0.113.{n}")] for n in (1, 66))
            shared = stack.enter_context(Connection(running.tcp))
            self.assertEqual(shared.ask(request(tool_calls("ping"), headers=known)).status, 200)
            shared.send(request(large(1900 * KIB), headers=stranger)[: 1200 * KIB])
            await_that(lambda: self.held(running) > MIB, "the stranger holds its share")
            kept, rest = self.half(stack, running, headers=known)
            await_that(lambda: self.held(running) > 3 * MIB, "the known one too")
            self.assertEqual(post(running.tcp, large(1900 * KIB), headers=known).status, 200)
            shared.expect_end()
            self.assertEqual(kept.ask(rest).status, 200)

    def test_a_large_body_that_stops_is_told_so(self):
        with self.running(request_timeout="1s") as running, contextlib.ExitStack() as stack:
            stopped, _ = self.half(stack, running)
            response = stopped.response()
            self.assertEqual((response.status, response.code), (408, "request_timeout"))
            self.assertTrue(response.closes)
            await_metric(running, "body_memory_bytes", 0)


class Secrets(unittest.TestCase):
    def used(self, running):
        metrics = scrape(running)
        return [metrics.get("secret_used_total", source="main", key=key) or 0 for key in ("secret", "new")]

    def test_rotation_under_load_shows_when_the_old_secret_rests(self):
        def with_files(*files):
            return settings([source(secret_files=list(files))])

        sent = [SECRET]
        with Daemon(with_files("secret"), files={"new": "the new secret"}) as running:
            with Load(running, secret=lambda: sent[0]) as load:
                self.assertEqual(running.reload(with_files("new", "secret"))["event"], "reload.done")
                load.wait_for_more()
                old, new = self.used(running)
                self.assertGreater(old, 40)
                self.assertEqual(new, 0)
                sent[0] = "the new secret"
                load.wait_for_more(60)
                old, new = self.used(running)
                self.assertGreater(new, 40)
                load.wait_for_more()
                self.assertEqual(self.used(running)[0], old, "the old secret is still used")
                self.assertEqual(running.reload(with_files("new"))["event"], "reload.done")
                load.wait_for_more()
            self.assertEqual(load.failures, [])
            self.assertEqual(ask(running.tcp), 401)

    def test_a_thousand_sources(self):
        names = [f"tenant-{n}" for n in range(1000)]
        files = {f"{name}.secret": f"secret of {name}" for name in names}
        sources = [source(name, f"/hooks/{name}", secret_files=[f"{name}.secret"]) for name in names]
        with Daemon(settings(sources), files=files) as running:
            for name in names[::50]:
                self.assertEqual(ask(running.tcp, f"secret of {name}", path=f"/hooks/{name}"), 200)
                self.assertEqual(ask(running.tcp, "secret of tenant-1", path=f"/hooks/{name}"), 401)
            started = time.monotonic()
            self.assertEqual(running.reload()["event"], "reload.done")
            self.assertLess(time.monotonic() - started, PATIENCE / 4)
            self.assertEqual(scrape(running).sum("secret_used_total"), 20)


if __name__ == "__main__":
    unittest.main()
