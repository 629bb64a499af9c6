"""Packets as MessagePack, through python-socketio's client, which brings its own notion of them, on each of the three ways."""

import math
import unittest

import socketio
from peer import Peer
from support import IS_REFERENCE, Server, until

SHAPES = [
    None, True, -1, 127, 128, 65_536, 2**32, -(2**33), 1.5, '', 'ü 二 😀', 'x' * 70_000, [], {}, [1] * 20, {'a': [{'b': None}]},
    b'', b'\x00\xff', b'b' * 70_000, {'nested': [b'binary', {'deep': b'er'}]},
]


def known(test):
    """What the reference does, and our server does not yet. Once it does, this has to go: success is unexpected then."""
    return test if IS_REFERENCE else unittest.expectedFailure(test)


def setUpModule():
    global sio, rooms
    sio, rooms = (Server(kind, '--msgpack', '--ping-interval', '1000') for kind in ('sio', 'rooms'))


def tearDownModule():
    sio.stop()
    rooms.stop()


class Talk:
    """Once for each way."""

    way = None

    def peer(self, **options):
        return Peer(self, self.way, serializer='msgpack', **options)

    def test_every_shape_comes_back_as_an_event_and_as_an_ack(self):
        peer = self.peer().listen('auth').listen('message-back').connect(sio.url, {'token': ['ü']})
        self.assertEqual(peer.next('auth'), ({'token': ['ü']},))
        for shape in SHAPES:
            peer.emit('message', shape)
            self.assertEqual(peer.next('message-back'), (shape,))
            self.assertEqual(peer.call('message-with-ack', shape), shape)
        self.assertEqual(peer.call('message-with-ack', *SHAPES), tuple(SHAPES))
        self.assertIsNone(peer.call('message-with-ack'))

    def test_acks_to_the_server(self):
        peer = self.peer().listen('question', answer=lambda *args: [*args, 'here']).connect(rooms.url)
        self.assertEqual(peer.call('askme', {'timeout': 5_000}, 1, b'2'), {'answer': [1, b'2', 'here']})

    def test_namespaces_and_refusals(self):
        peer = self.peer(namespaces=['/', '/echo']).connect(sio.url)
        self.assertEqual(peer.call('echo', {'e': b'e'}, namespace='/echo'), {'e': b'e'})
        peer = self.peer(namespaces=['/nowhere'])
        with self.assertRaises(socketio.exceptions.ConnectionError):
            peer.connect(sio.url)
        self.assertEqual(peer.next('connect_error', '/nowhere'), ({'message': 'Invalid namespace'},))
        self.refused_with({'why': ['not', None]})

    def refused_with(self, data):
        peer = self.peer()
        with self.assertRaises(socketio.exceptions.ConnectionError):
            peer.connect(rooms.url, {'refuse': True, 'data': data})
        self.assertEqual(peer.next('connect_error'), ({'message': 'refused', 'data': data},))

    def echo(self, shape):
        """What comes back, if the connection outlives it."""
        peer = self.peer().listen('message-back').connect(sio.url)
        peer.emit('message', shape)
        until(lambda: peer.all('message-back') or peer.all('disconnect'), 'an answer or an end')
        self.assertEqual(peer.all('disconnect'), [])
        [answer] = peer.next('message-back')
        return answer

    def test_an_object_that_looks_like_an_attachment(self):
        self.assertEqual(self.echo({'_placeholder': True, 'num': 0}), {'_placeholder': True, 'num': 0})

    def test_an_object_that_looks_like_an_attachment_and_a_real_one(self):
        shape = [{'_placeholder': True, 'num': 0, 'more': 1}, b'x']
        self.assertEqual(self.echo(shape), shape)

    @known
    def test_more_than_ten_times_binary(self):
        shape = [b'%d' % number for number in range(11)]
        self.assertEqual(self.echo(shape), shape)

    @known
    def test_numbers_that_are_none(self):
        self.assertEqual(self.echo(math.inf), math.inf)
        self.assertTrue(math.isnan(self.echo(math.nan)))

    @known
    def test_a_refusal_with_binary(self):
        self.refused_with({'why': b'binary'})

    def test_an_auth_that_is_no_object_but_binary(self):
        peer = self.peer().connect(sio.url, b'x', wait=False)
        until(lambda: peer.all('connect') or peer.sio.eio.state != 'connected', 'an answer or an end')
        self.assertEqual(peer.all('connect'), [])

    def test_put_out(self):
        peer = self.peer().connect(rooms.url)
        self.assertEqual(peer.call('id'), peer.sio.get_sid())
        peer.emit('out', False)
        self.assertEqual(peer.next('disconnect'), (peer.sio.reason.SERVER_DISCONNECT,))


class Polling(Talk, unittest.TestCase):
    way = 'polling'


class Websocket(Talk, unittest.TestCase):
    way = 'websocket'


class Upgrade(Talk, unittest.TestCase):
    way = 'upgrade'


if __name__ == '__main__':
    unittest.main()
