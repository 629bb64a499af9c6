"""Engine.IO alone, through python-engineio's client, on each of the three ways: what is said comes back."""

import queue
import threading
import unittest

import engineio
from engineio.payload import Payload
from peer import ENDS_ON, WAYS
from support import PATIENCE, Server, until, within

# This client reads JSON wherever it can, so none of these is any.
TEXTS = ['', 'text', 'ü 二 😀', '0', '12 monkeys', 'b64?', '\\n\n\x00', '\u2028', '{', 'x' * 100_000]
BINARIES = [b'', b'\x00', b'4text', b'\x1e', bytes(range(256)), b'b' * 100_000]
MAX_PAYLOAD = 1_000_000


def setUpModule():
    global eio
    eio = Server('eio', '--ping-interval', '1000')


def tearDownModule():
    eio.stop()


class Echo:
    """Once for each way."""

    way = None

    def join(self, url=None):
        client = engineio.Client(handle_sigint=False)
        client.heard, client.ended = queue.Queue(), queue.Queue()
        client.on('message', client.heard.put)
        client.on('disconnect', client.ended.put)
        within(lambda: client.connect(url or eio.url, transports=WAYS[self.way]), 'the connection')
        self.addCleanup(threading.Thread(target=client.disconnect, daemon=True).start)
        self.assertEqual(client.transport(), ENDS_ON[self.way])
        return client

    def test_text_and_binary_come_back(self):
        client = self.join()
        for message in [*TEXTS, *BINARIES]:
            client.send(message)
            self.assertEqual(client.heard.get(timeout=PATIENCE), message)

    def test_many_come_back(self):
        usual = Payload.max_decode_packets
        self.addCleanup(setattr, Payload, 'max_decode_packets', usual)
        Payload.max_decode_packets = 1_000
        client = self.join()
        sent = [message for number in range(200) for message in (f'text {number}', b'binary %d' % number)]
        for message in sent:
            client.send(message)
        # In which order, is in the hands of this client's threads.
        self.assertCountEqual([client.heard.get(timeout=PATIENCE) for _ in sent], sent)

    def test_the_largest_message_that_is_allowed(self):
        client = self.join()
        text = 'x' * (MAX_PAYLOAD - 1)
        client.send(text)
        self.assertEqual(client.heard.get(timeout=PATIENCE), text)
        if self.way != 'polling':
            client.send(b'x' * MAX_PAYLOAD)
            self.assertEqual(client.heard.get(timeout=PATIENCE), b'x' * MAX_PAYLOAD)

    def test_the_client_leaves(self):
        client = self.join()
        client.send('all')
        client.heard.get(timeout=PATIENCE)
        until(lambda: client.queue.unfinished_tasks == 0, 'all to be sent')
        within(client.disconnect, 'the end of the connection')
        self.assertEqual(client.ended.get(timeout=PATIENCE), client.reason.CLIENT_DISCONNECT)

    def test_the_server_ends(self):
        own = Server('eio')
        self.addCleanup(own.stop)
        client = self.join(own.url)
        own.end()
        self.assertIn(client.ended.get(timeout=PATIENCE), [client.reason.SERVER_DISCONNECT, client.reason.TRANSPORT_ERROR])


class Polling(Echo, unittest.TestCase):
    way = 'polling'


class Websocket(Echo, unittest.TestCase):
    way = 'websocket'


class Upgrade(Echo, unittest.TestCase):
    way = 'upgrade'


if __name__ == '__main__':
    unittest.main()
