// Copies the named files of socket.io-client to `client/`, each as it is and in three content codings, and prints their
// version. The build runs this where it has installed the package.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'

const client = 'node_modules/socket.io-client'
mkdirSync('client')
for (const name of process.argv.slice(2)) {
  const bytes = readFileSync(`${client}/dist/${name}`)
  writeFileSync(`client/${name}`, bytes)
  writeFileSync(`client/${name}.br`, brotliCompressSync(bytes)) // The default level is the best one.
  writeFileSync(`client/${name}.gz`, gzipSync(bytes, { level: 9 }))
  writeFileSync(`client/${name}.zz`, deflateSync(bytes, { level: 9 }))
}
console.log(JSON.parse(readFileSync(`${client}/package.json`)).version)
