"""What applications see through python-socketio's client: events and acks of every shape, namespaces, refusals, rooms, and
ends of connections, on each of the three ways."""

import logging
import unittest

import socketio
from engineio.payload import Payload
from peer import ENDS_ON, Peer
from support import Proxy, Server, until

MAX_PAYLOAD = 1_000_000
WRAPPING = '42["message",""]'  # Of a text, in an event of that name, on the wire.
SHAPES = [
    None, True, False, 0, -1, 1.5, 1e-7, 1e21, 9007199254740991, '', 'a', '"\\/\b\f\n\r\t\x00\x1e\x7f', '\u2028',
    'Ä 二 😀', '\ud800', [], {}, [[]], [[], {}, None, [1, [2, [3]]]], {'': {'a': [{'b': None}]}, '_placeholder': True},
    {'_placeholder': True, 'num': 0}, 'x' * 100_000, list(range(1_000)),
]
BINARIES = [
    b'', b'\x00', bytes(range(256)), b'\x1e4text', b'b' * 50_000, [b'a', [b'b', {'c': b'd'}]],
    {'a': {'b': [1, b'\xff\xfe', None]}, 'c': b''}, [b'%d' % n for n in range(10)],
]


def deep(levels):
    value = 'deep'
    for level in range(levels):
        value = [value] if level % 2 else {'in': value}
    return value


def setUpModule():
    global sio, rooms
    # A client that is told something while its POST is under way, and leaves, forgets to say so and waits for its poll.
    sio, rooms = (Server(kind, '--ping-interval', '1000') for kind in ('sio', 'rooms'))


def tearDownModule():
    sio.stop()
    rooms.stop()


class Talk:
    """Once for each way."""

    way = None
    numbers = iter(range(1_000))

    def join(self, url=None, **options):
        return Peer.join(self, url or sio.url, self.way, **options)

    def own(self, kind, *flags):
        server = Server(kind, *flags)
        self.addCleanup(server.stop)
        return server

    def fresh(self):
        return f'/dynamic-{next(self.numbers)}'

    def test_auth(self):
        auth = {'token': '123', 'deep': {'list': [1, None, 'ü']}}
        peer = Peer(self, self.way).listen('auth').connect(sio.url, auth)
        self.assertEqual(peer.next('auth'), (auth,))
        self.assertEqual(Peer(self, self.way).listen('auth').connect(sio.url).next('auth'), ({},))
        self.assertEqual(self.join(rooms.url).call('rooms'), [])

    def test_the_id_is_the_namespace_s_and_not_the_session_s(self):
        peer = self.join(rooms.url)
        self.assertEqual(peer.call('id'), peer.sio.get_sid())
        self.assertNotEqual(peer.sio.get_sid(), peer.sio.eio.sid)

    def test_every_json_shape_comes_back(self):
        peer = self.join().listen('message-back')
        for shape in [*SHAPES, deep(200)]:
            peer.emit('message', shape)
            self.assertEqual(peer.next('message-back'), (shape,))
        peer.emit('message', *SHAPES)
        self.assertEqual(peer.next('message-back'), tuple(SHAPES))
        peer.emit('message')
        self.assertEqual(peer.next('message-back'), ())

    def test_binary_comes_back_from_wherever_it_was(self):
        peer = self.join().listen('message-back')
        for shape in BINARIES:
            peer.emit('message', shape)
            self.assertEqual(peer.next('message-back'), (shape,))
        peer.emit('message', b'first', 'then', {'and': [b'last']})
        self.assertEqual(peer.next('message-back'), (b'first', 'then', {'and': [b'last']}))

    def test_acks_from_the_server(self):
        peer = self.join()
        self.assertIsNone(peer.call('message-with-ack'))
        self.assertEqual(peer.call('message-with-ack', 1, 'zwei', [3]), (1, 'zwei', [3]))
        for shape in [{'a': [None]}, *BINARIES]:
            self.assertEqual(peer.call('message-with-ack', shape), shape)

    def test_acks_to_the_server(self):
        answers = iter([(), (1,), (1, [b'two'], {'three': b''}), (b'',)])
        peer = self.join()
        given = []

        def answer(*_):
            # The answer comes back under the same name, but with no ack asked for.
            given.append(next(answers) if len(given) % 2 == 0 else None)
            return given[-1]

        peer.listen('emit-with-ack', answer=answer)
        for question in [(), ('a', {'b': 1}), (b'', [b'c']), ({'d': {'e': b'f'}},)]:
            peer.emit('emit-with-ack', *question)
            self.assertEqual(peer.next('emit-with-ack'), question)
            self.assertEqual(peer.next('emit-with-ack'), given[-2] if given[-1] is None else given[-1])

    def test_calls_that_are_not_answered_time_out(self):
        peer = self.join(rooms.url)
        with self.assertRaises(socketio.exceptions.TimeoutError):
            peer.call('nobody listens', timeout=0.2)
        self.assertEqual(peer.call('count') >= 1, True, 'and the connection is as good as before')
        # An answer that comes too late finds nobody.
        peer.listen('question', answer=lambda *_: 'here')
        with self.assertRaises(socketio.exceptions.TimeoutError):
            peer.call('ask', {'rooms': [peer.sio.get_sid(), 'x'], 'timeout': 300, 'except': []}, b'attached', timeout=0)
        self.assertEqual(peer.next('question'), (b'attached',))
        self.assertEqual(peer.call('id'), peer.sio.get_sid())

    def test_asked_by_the_server(self):
        peer = self.join(rooms.url).listen('question', answer=lambda *args: [*args, 'here'])
        self.assertEqual(peer.call('askme', {'timeout': 5_000}, 1, b'2'), {'answer': [1, b'2', 'here']})
        namespace = self.fresh()
        silent = self.join(rooms.url, namespaces=[namespace])  # A client that does not listen acks all the same.
        self.assertNotIn('timedOut', silent.call('askme', {'timeout': 5_000}, namespace=namespace))

    def test_many_at_once(self):
        # This client takes no more than 16 packets in one answer to a poll, unless it is told to.
        usual = Payload.max_decode_packets
        self.addCleanup(setattr, Payload, 'max_decode_packets', usual)
        Payload.max_decode_packets = 1_000
        peer = self.join().listen('message-back')
        for number in range(200):
            peer.emit('message', number, b'%d' % number)
        until(lambda: len(peer.all('message-back')) == 200, lambda: f'200 answers, has {len(peer.all("message-back"))}')
        # In which order, is in the hands of this client's threads.
        self.assertEqual(sorted(peer.all('message-back')), [(number, b'%d' % number) for number in range(200)])

    def test_namespaces_over_one_connection(self):
        peer = Peer(self, self.way, namespaces=['/', '/custom', '/echo'])
        for namespace in peer.namespaces:
            peer.listen('auth', namespace).listen('message-back', namespace)
        peer.connect(sio.url, {'for': 'all'})
        self.assertEqual([peer.next('auth', namespace) for namespace in ['/', '/custom']], [({'for': 'all'},)] * 2)
        self.assertEqual(len({peer.sio.get_sid(namespace) for namespace in peer.namespaces}), 3)
        peer.emit('message', 'in the main one')
        peer.emit('message', 'in custom', b'with binary', namespace='/custom')
        self.assertEqual(peer.next('message-back'), ('in the main one',))
        self.assertEqual(peer.next('message-back', '/custom'), ('in custom', b'with binary'))
        self.assertEqual(peer.call('echo', [b'e'], namespace='/echo'), [b'e'])
        self.assertEqual([len(peer.all('message-back', namespace)) for namespace in peer.namespaces], [1, 1, 0])

    def test_a_namespace_that_does_not_exist(self):
        peer = Peer(self, self.way, namespaces=['/', '/nowhere'])
        with self.assertRaisesRegex(socketio.exceptions.ConnectionError, '/nowhere'):
            peer.connect(sio.url)
        self.assertEqual(peer.next('connect_error', '/nowhere'), ({'message': 'Invalid namespace'},))
        self.assertEqual(peer.next('connect'), (), 'the other one is')
        self.assertEqual(peer.all('connect', '/nowhere'), [])

    def test_refused_with_data(self):
        for data in [{'why': ['not', {'today': None}]}, 'text', 0, None]:
            peer = Peer(self, self.way)
            with self.assertRaises(socketio.exceptions.ConnectionError):
                peer.connect(rooms.url, {'refuse': True, 'data': data})
            self.assertEqual(peer.next('connect_error'), ({'message': 'refused', 'data': data},))
        peer = Peer(self, self.way)
        with self.assertRaises(socketio.exceptions.ConnectionError):
            peer.connect(rooms.url, {'refuse': True})
        self.assertEqual(peer.next('connect_error'), ({'message': 'refused'},))

    def test_let_in_later(self):
        peer = self.join(rooms.url, auth={'later': 50})
        self.assertEqual(peer.call('id'), peer.sio.get_sid())

    def test_rooms_and_broadcasts(self):
        nsp = self.fresh()
        one, other = (self.join(rooms.url, namespaces=[nsp]).listen('said', nsp) for _ in range(2))

        def send(how, *args):
            self.assertIs(one.call('send', how, 'said', *args, namespace=nsp), True)

        def marked(peer):
            """All that came before a mark that everybody gets."""
            until(lambda: ('mark',) in peer.all('said', nsp), 'the mark')
            heard = peer.all('said', nsp)
            peer.heard.clear()
            return heard

        self.assertIs(other.call('join', 'x', namespace=nsp), True)
        self.assertEqual(other.call('rooms', namespace=nsp), ['x'])
        send({}, 'all', b'bytes')
        send({'broadcast': True}, 'but the sender')
        send({'rooms': ['x', other.sio.get_sid(nsp)]}, 'in x, once', [b'nested'])
        send({'except': ['x']}, 'not in x')
        send({'rooms': ['nobody']}, 'to nobody')
        send({}, 'mark')
        self.assertCountEqual(marked(one), [('all', b'bytes'), ('not in x',), ('mark',)])
        self.assertCountEqual(
            marked(other), [('all', b'bytes'), ('but the sender',), ('in x, once', [b'nested']), ('mark',)])
        self.assertIs(other.call('leave', 'x', namespace=nsp), True)
        send({'rooms': ['x']}, 'to nobody any more')
        send({}, 'mark')
        self.assertEqual((marked(one), marked(other)), ([('mark',)], [('mark',)]))

    def test_put_out_of_one_namespace(self):
        nsp = self.fresh()
        peer = self.join(rooms.url, namespaces=['/', nsp])
        peer.emit('out', False, namespace=nsp)
        self.assertEqual(peer.next('disconnect', nsp), (peer.sio.reason.SERVER_DISCONNECT,))
        self.assertEqual(peer.call('id'), peer.sio.get_sid(), 'the other one stays')
        self.assertEqual(peer.all('disconnect'), [])

    def test_put_out_of_the_last_namespace(self):
        peer = self.join(rooms.url, reconnection=True)
        sid = peer.sio.get_sid()
        peer.emit('out', False)
        self.assertEqual(peer.next('disconnect'), (peer.sio.reason.SERVER_DISCONNECT,))
        self.assertIs(peer.sio.connected, False)
        until(lambda: peer.sio.eio.state != 'connected', 'the client to close the connection')
        self.assertEqual(self.reason_of(sid), 'server namespace disconnect')

    def test_put_out_with_its_connection(self):
        peer = self.join(rooms.url)
        sid = peer.sio.get_sid()
        peer.emit('out', True)
        self.assertEqual(peer.next('disconnect'), (peer.sio.reason.SERVER_DISCONNECT,))
        self.assertEqual(self.reason_of(sid), 'server namespace disconnect')

    def test_the_client_leaves(self):
        peer = self.join(rooms.url)
        sid = peer.call('id')
        peer.settle()
        peer.sio.disconnect()
        self.assertEqual(peer.next('disconnect'), (peer.sio.reason.CLIENT_DISCONNECT,))
        until(lambda: peer.sio.eio.state == 'disconnected', 'the end of the connection')
        # Over websocket this client does not wait until it has said so; over polling the reference first hears the end.
        self.assertIn(self.reason_of(sid), ['client namespace disconnect', 'transport close'])

    def reason_of(self, sid):
        """By which reason the server knows that the main namespace's socket has left."""
        observer = Peer.join(self, rooms.url, 'websocket')
        return until(lambda: dict(observer.call('reasons')).get(sid), 'the server to know of it')

    def test_reconnects_when_the_connection_is_cut(self):
        proxy = Proxy(rooms)
        self.addCleanup(proxy.close)
        nsp = self.fresh()
        peer = self.join(proxy.url, namespaces=['/', nsp], reconnection=True)
        for namespace in peer.namespaces:
            peer.next('connect', namespace)
        for _ in range(3):
            ids = [peer.sio.get_sid(namespace) for namespace in peer.namespaces]
            self.assertIs(peer.call('join', 'x'), True)
            peer.settle()
            # A cut between two polls is none.
            until(lambda: self.way != 'polling' or proxy.asked, 'a poll to wait')
            proxy.cut()
            for namespace in peer.namespaces:
                self.assertEqual(peer.next('disconnect', namespace), (peer.sio.reason.TRANSPORT_ERROR,))
                peer.next('connect', namespace)
            until(lambda: peer.sio.connected, 'the connection to be whole')
            self.assertEqual(peer.call('rooms'), [], 'a new socket, in no room')
            self.assertEqual(peer.call('id', namespace=nsp), peer.sio.get_sid(nsp))
            self.assertNotIn(peer.sio.get_sid(), ids)
            self.assertEqual(peer.sio.transport(), ENDS_ON[self.way])

    def test_the_largest_message_that_is_allowed(self):
        peer = self.join().listen('message-back')
        text = 'x' * (MAX_PAYLOAD - len(WRAPPING))
        peer.settle()
        peer.emit('message', text)
        self.assertEqual(peer.next('message-back'), (text,))

    def test_a_message_that_is_too_large(self):
        quick = self.own('sio', '--max-payload', '10000', '--ping-interval', '300')
        peer = self.join(quick.url).listen('message-back')
        peer.settle()
        peer.emit('message', 'x' * (10_001 - len(WRAPPING)))
        self.assertEqual(peer.next('disconnect'), (peer.sio.reason.TRANSPORT_ERROR,))
        self.assertEqual(peer.all('message-back'), [])

    def test_the_heart_beats(self):
        quick = self.own('rooms', '--ping-interval', '100', '--ping-timeout', '2000')
        pings = Counter('PING')
        peer = self.join(quick.url, engineio_logger=pings.logger)
        until(lambda: pings.count >= 5, 'five pings')
        self.assertEqual(peer.call('count'), 1)
        self.assertEqual(peer.all('disconnect'), [])

    def test_the_server_ends(self):
        own = self.own('rooms')
        peer = self.join(own.url)
        peer.settle()
        own.end()
        self.assertIn(peer.next('disconnect')[0], [peer.sio.reason.TRANSPORT_ERROR, peer.sio.reason.SERVER_DISCONNECT])


class Counter(logging.Handler):
    """Counts the packets of one type that a client says it received."""

    def __init__(self, name):
        super().__init__()
        self.name_of_type = name
        self.count = 0
        self.logger = logging.Logger(f'counter of {name}', logging.INFO)
        self.logger.addHandler(self)

    def emit(self, record):
        if record.msg.startswith('Received packet') and record.args[0] == self.name_of_type:
            self.count += 1


class Polling(Talk, unittest.TestCase):
    way = 'polling'


class Websocket(Talk, unittest.TestCase):
    way = 'websocket'


class Upgrade(Talk, unittest.TestCase):
    way = 'upgrade'


if __name__ == '__main__':
    unittest.main()
