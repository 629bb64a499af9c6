// Takes the named files over from socket.io-client into `client/`, each as it is and as the three content codings have it,
// and says of which version they are. The build runs it where it has installed the packages of the page.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'

const client = 'node_modules/socket.io-client'
mkdirSync('client')
for (const name of process.argv.slice(2)) {
  const bytes = readFileSync(`${client}/dist/${name}`)
  writeFileSync(`client/${name}`, bytes)
  writeFileSync(`client/${name}.br`, brotliCompressSync(bytes)) // At its best level, if nothing is said.
  writeFileSync(`client/${name}.gz`, gzipSync(bytes, { level: 9 }))
  writeFileSync(`client/${name}.zz`, deflateSync(bytes, { level: 9 }))
}
console.log(JSON.parse(readFileSync(`${client}/package.json`)).version)
