"""One socketio.Client on a chosen way of transport, that keeps what it hears in order. Knows no server's events."""

import threading

import socketio

from support import PATIENCE, until, within

# The way that clients go if nothing is said is polling first, and then the upgrade.
WAYS = {'polling': ['polling'], 'websocket': ['websocket'], 'upgrade': None}
ENDS_ON = {'polling': 'polling', 'websocket': 'websocket', 'upgrade': 'websocket'}


class Peer:
    def __init__(self, case, way, namespaces=('/',), reconnection=False, **options):
        self.case = case
        self.way = way
        self.namespaces = list(namespaces)
        self.heard = []  # (namespace, event, arguments), in order of arrival.
        self._read = set()
        self.sio = socketio.Client(
            reconnection=reconnection, reconnection_delay=0.01, reconnection_delay_max=0.05, randomization_factor=0,
            handle_sigint=False, **options)
        for namespace in self.namespaces:
            for event in ('connect', 'disconnect', 'connect_error'):
                self.listen(event, namespace)
        case.addCleanup(self.close)

    @classmethod
    def join(cls, case, url, way, auth=None, **options):
        return cls(case, way, **options).connect(url, auth)

    def connect(self, url, auth=None, wait=True):
        """Returns when it is in all of its namespaces, unless it is not to wait for them."""
        within(
            lambda: self.sio.connect(
                url, auth=auth, transports=WAYS[self.way], namespaces=self.namespaces, wait=wait, wait_timeout=PATIENCE),
            'the connection')
        self.case.assertEqual(self.sio.transport(), ENDS_ON[self.way])
        return self

    def listen(self, event, namespace='/', answer=lambda *_: None):
        """Listens for an event; what `answer` gives for its arguments is the ack, if one is asked for."""
        def hear(*args):
            given = answer(*args)
            self.heard.append((namespace, event, args))
            return given
        self.sio.on(event, hear, namespace=namespace)
        return self

    def next(self, event, namespace='/'):
        """The arguments of the next `event` that was not read; the ones before it are not passed over."""
        def look():
            for at, (where, what, _) in enumerate(list(self.heard)):
                if at not in self._read and (where, what) == (namespace, event):
                    self._read.add(at)
                    return [at]
        [at] = until(look, lambda: f'"{event}" in {namespace}; heard {str(self.heard)[-600:]}')
        return self.heard[at][2]

    def all(self, event, namespace='/'):
        return [args for where, what, args in list(self.heard) if (where, what) == (namespace, event)]

    def emit(self, event, *args, namespace='/'):
        self.sio.emit(event, args, namespace=namespace)

    def call(self, event, *args, namespace='/', timeout=PATIENCE):
        """What the ack says: nothing, its only argument, or a tuple of them."""
        return self.sio.call(event, args, namespace=namespace, timeout=timeout)

    def settle(self):
        """Waits until all that was emitted is sent: a client that leaves while a POST is under way forgets to say so."""
        until(lambda: self.sio.eio.queue.unfinished_tasks == 0, 'all to be sent')

    def close(self):
        # In its own time: the end of a poll is waited for without a deadline.
        threading.Thread(target=self.sio.shutdown, daemon=True).start()
