"""The asyncio client, which speaks through another HTTP library than the other one: all goes well, on each of the three
ways."""

import asyncio
import unittest

import socketio
from peer import ENDS_ON, WAYS
from support import PATIENCE, Server


def setUpModule():
    global sio
    sio = Server('sio', '--ping-interval', '1000')


def tearDownModule():
    sio.stop()


class Happy(unittest.IsolatedAsyncioTestCase):
    async def talk(self, way):
        heard = asyncio.Queue()
        client = socketio.AsyncClient(reconnection=False, handle_sigint=False)
        client.on('auth', lambda auth: heard.put_nowait(auth))
        client.on('message-back', lambda *args: heard.put_nowait(args))
        client.on('disconnect', lambda reason: heard.put_nowait(reason))

        async def next_heard():
            return await asyncio.wait_for(heard.get(), PATIENCE)

        auth = {'token': ['ü']}
        await client.connect(
            sio.url, auth=auth, transports=WAYS[way], namespaces=['/', '/echo'], wait_timeout=PATIENCE)
        self.assertEqual(client.transport(), ENDS_ON[way])
        self.assertEqual(await next_heard(), auth)
        for args in [(), (1, 'zwei', None), (b'\x00', {'nested': [b'']}), ('x' * 100_000,)]:
            await client.emit('message', args)
            self.assertEqual(await next_heard(), args)
        self.assertEqual(await client.call('message-with-ack', {'a': b'b'}, timeout=PATIENCE), {'a': b'b'})
        self.assertEqual(await client.call('echo', (1, b'2'), namespace='/echo', timeout=PATIENCE), (1, b'2'))
        with self.assertRaises(socketio.exceptions.TimeoutError):
            await client.call('message', timeout=0.1)
        self.assertEqual(await next_heard(), ())
        await asyncio.wait_for(client.disconnect(), PATIENCE)
        self.assertEqual(await next_heard(), client.reason.CLIENT_DISCONNECT)

    async def test_polling(self):
        await self.talk('polling')

    async def test_websocket(self):
        await self.talk('websocket')

    async def test_upgrade(self):
        await self.talk('upgrade')


if __name__ == '__main__':
    unittest.main()
