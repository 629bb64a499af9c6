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
    'upgrade-timeout': { type: 'string' },
    'compression-threshold': { type: 'string' },
    cookie: { type: 'string' },
    'allow-origin': { type: 'string', multiple: true },
    transports: { type: 'string' },
    'no-upgrades': { type: 'boolean', default: false },
    'no-eio3': { type: 'boolean', default: false },
    recovery: { type: 'boolean', default: false },
    msgpack: { type: 'boolean', default: false }
  }
})
const number = (name) => values[name] === undefined ? undefined : Number(values[name])
/** Any page is let in without credentials, a listed one with them. */
const cors = (origins) => origins && (origins.includes('*') ? { origin: '*' } : { origin: origins, credentials: true })
const given = (options) => Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))

const { serve } = await import(kind.startsWith('eio') ? './reference-engine.mjs' : './reference-socket.mjs')
const { http, close, sessions } = serve(kind, {
  options: given({
    pingInterval: number('ping-interval'),
    pingTimeout: number('ping-timeout'),
    connectTimeout: number('connect-timeout'),
    maxHttpBufferSize: number('max-payload'),
    upgradeTimeout: number('upgrade-timeout'),
    httpCompression: values['compression-threshold'] && { threshold: number('compression-threshold') },
    cookie: values.cookie && { name: values.cookie },
    cors: cors(values['allow-origin']),
    transports: values.transports?.split(','),
    allowUpgrades: values['no-upgrades'] ? false : undefined,
    allowEIO3: values['no-eio3'] ? false : undefined
  }),
  recovery: values.recovery,
  msgpack: values.msgpack
})
// For tests that want to know whether anything is left.
http.prependListener('request', (request, response) => {
  if (request.url === '/sessions') response.end(String(sessions()))
})
http.listen(Number(values.port), '127.0.0.1', () => {
  console.error(`listening on http://127.0.0.1:${http.address().port}`)
})
process.once('SIGTERM', () => close(() => process.exit(0)))
