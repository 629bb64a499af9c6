// The versions of socket.io-client that are installed, each below a name of its own in package.json: `2`, `3` and `4` are the last
// of their generation, `1.4` the last of that minor version. Knows no options but the transports.
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const transports = { polling: ['polling'], websocket: ['websocket'], upgrade: ['polling', 'websocket'] }

export const modes = Object.keys(transports)

/** Of each generation the first minor version that runs and all after it. */
export const versions = ['1.4', '1.5', '1.6', '1.7', '2.0', '2.1', '2.2', '2.3', '2.4', '2', '3.0', '3',
  '4.0', '4.1', '4.2', '4.3', '4.4', '4.5', '4.6', '4.7', '4']

/** What is installed below that name, as `2.5.0`. */
export const installed = (version) => require(`socket.io-client-${version}/package.json`).version

/** The generation, as a number. */
export const generationOf = (version) => Math.trunc(Number(version))

/** Connects with a version's client on one way of transport. */
export function connect (version, url, mode, options) {
  const client = require(`socket.io-client-${version}`)
  return (client.io ?? client)(url, { forceNew: true, reconnection: false, transports: transports[mode], ...options })
}
