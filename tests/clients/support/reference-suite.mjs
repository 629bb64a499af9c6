// The servers that suites talk to, on the reference implementation: node reference-suite.mjs KIND [--port N] [flags], with
// the flags of the `suite` example. A test that passes here expects the right thing.
import { parseArgs } from 'node:util'

const { values, positionals: [kind] } = parseArgs({
  allowPositionals: true,
  options: {
    port: { type: 'string', default: process.env.PORT ?? '0' },
    'ping-interval': { type: 'string' },
    'ping-timeout': { type: 'string' },
    'connect-timeout': { type: 'string' },
    'max-payload': { type: 'string' },
    recovery: { type: 'boolean', default: false },
    msgpack: { type: 'boolean', default: false }
  }
})
const number = (name) => values[name] === undefined ? undefined : Number(values[name])
const given = (options) => Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))

const { serve } = await import(kind.startsWith('eio') ? './reference-engine.mjs' : './reference-socket.mjs')
const { http, close } = serve(kind, {
  options: given({
    pingInterval: number('ping-interval'),
    pingTimeout: number('ping-timeout'),
    connectTimeout: number('connect-timeout'),
    maxHttpBufferSize: number('max-payload')
  }),
  recovery: values.recovery,
  msgpack: values.msgpack
})
http.listen(Number(values.port), '127.0.0.1', () => {
  console.error(`listening on http://127.0.0.1:${http.address().port}`)
})
process.once('SIGTERM', () => close(() => process.exit(0)))
