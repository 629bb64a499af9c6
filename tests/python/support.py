"""A server as a child process, a proxy that can cut its connections, and waiting, which always has a deadline.

Which server it is, is told by the environment: SANKET_SUITE_BIN is the path of the `suite` example (default: the release
build of this workspace); SANKET_TARGET=reference takes the Node server beside the Node clients' tests instead. Knows nothing
of Socket.IO.
"""

import os
import re
import socket
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

# The sync client hands every packet to a thread of its own, and trusts that they get to run in the order of their start:
# an attachment that overtakes its header is taken for a packet. With slices this long they do, on a busy machine too.
sys.setswitchinterval(1)

# No proxy of the environment stands between a client and this machine.
os.environ['NO_PROXY'] = os.environ['no_proxy'] = '*'

REPOSITORY = Path(__file__).resolve().parents[2]
REFERENCE = ['node', str(REPOSITORY / 'tests/clients/support/reference-suite.mjs')]
BINARY = os.environ.get('SANKET_SUITE_BIN', str(REPOSITORY / 'target/release/examples/suite'))
IS_REFERENCE = os.environ.get('SANKET_TARGET') == 'reference'
SUITE = REFERENCE if IS_REFERENCE else [BINARY]

PATIENCE = 10
STOP = 5


def until(condition, what, seconds=PATIENCE):
    """Looks every few milliseconds until `condition()` is true, and returns it."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f'waited {seconds} s in vain for {what() if callable(what) else what}')
        time.sleep(0.005)
    return value


def within(act, what, seconds=PATIENCE):
    """What `act()` returns or raises, if it does so in time."""
    outcome = []

    def run():
        try:
            outcome.append((act(), None))
        except Exception as error:
            outcome.append((None, error))

    threading.Thread(target=run, daemon=True).start()
    until(lambda: outcome, what, seconds)
    value, error = outcome[0]
    if error is not None:
        raise error
    return value


class Server:
    """One of the kinds of server that suites talk to. `url` is where it listens."""

    def __init__(self, kind, *flags):
        self.stderr = ''
        self.child = subprocess.Popen(
            [*SUITE, kind, '--port', '0', *flags], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True)
        threading.Thread(target=self._read, daemon=True).start()
        try:
            self.url = until(self._said, lambda: f'the server to say where it listens\n{self.stderr}')
        except TimeoutError:
            self.child.kill()
            raise
        self.port = int(self.url.rsplit(':', 1)[1])

    def _read(self):
        with self.child.stderr:
            for line in self.child.stderr:
                self.stderr += line

    def _said(self):
        said = re.search(r'listening on (http://\S+?)/?\s', self.stderr)
        return said and said[1]

    def end(self):
        """Asks the server to end."""
        self.child.terminate()

    def stop(self):
        """Asks the server to end, and is content only with a clean and timely end."""
        self.end()
        if IS_REFERENCE:
            # It waits until clients have closed their side, and over websocket these do not.
            self.child.kill()
            self.child.wait(STOP)
            return
        try:
            code = self.child.wait(STOP)
        except subprocess.TimeoutExpired:
            self.child.kill()
            raise
        if code != 0 or 'panicked' in self.stderr:
            raise AssertionError(f'the server ended badly, with {code}\n{self.stderr}')


class Proxy:
    """Stands before a server, and can cut all connections at once. Knows bytes only."""

    def __init__(self, server):
        self.server = server
        self.open = set()
        self.asked = set()  # The connections on which the client spoke last.
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.url = f'http://127.0.0.1:{self.listener.getsockname()[1]}'
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(('127.0.0.1', self.server.port), PATIENCE)
            except OSError:
                return
            server.settimeout(None)
            self.open |= {client, server}
            for one, other, say in ((client, server, self.asked.add), (server, client, self.asked.discard)):
                threading.Thread(target=self._pass_on, args=(one, other, partial(say, client)), daemon=True).start()

    def _pass_on(self, one, other, say):
        try:
            while data := one.recv(65_536):
                say()
                other.sendall(data)
        except OSError:
            pass
        self._end(one, other)

    def _end(self, *sockets):
        for each in sockets:
            self.open.discard(each)
            self.asked.discard(each)
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            each.close()

    def cut(self):
        """Ends every connection there is. New ones go through."""
        self._end(*list(self.open))

    def close(self):
        self.listener.close()
        self.cut()
