/** Test aid: a way to a server on this machine that can be cut and mended, so that only the way fails, not the server. */
import { connect, createServer, type Socket } from 'node:net'
import { freePort } from './processes.ts'

export interface Way {
  url: string
  /** Ends what is under way and refuses what comes. */
  cut(): void
  mend(): void
  close(): Promise<void>
}

export async function openWay(to: number): Promise<Way> {
  const port = await freePort()
  const sockets = new Set<Socket>()
  let open = true
  const server = createServer((near) => {
    sockets.add(near)
    near.once('close', () => sockets.delete(near))
    near.on('error', () => {})
    if (!open) return void near.destroy()
    const far = connect({ host: '127.0.0.1', port: to })
    far.on('error', () => near.destroy())
    far.once('close', () => near.destroy())
    near.once('close', () => far.destroy())
    near.pipe(far).pipe(near)
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const cut = (): void => {
    open = false
    for (const socket of sockets) socket.destroy()
  }
  return {
    url: `http://127.0.0.1:${port}`,
    cut,
    mend: () => {
      open = true
    },
    close() {
      cut()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
