/** The doors of the broker: TCP, TLS and WebSocket listeners with a limit of connections. They know nothing of MQTT. */
import { createServer as createHttpServer, type Server as HttpServer, type IncomingMessage } from 'node:http'
import { createServer as createTcpServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls'
import { createWebSocketStream, WebSocketServer } from 'ws'
import { WardwatchError } from '#model/errors.ts'

export interface TlsOptions {
  port: number
  cert: string | Buffer
  key: string | Buffer
  /** Authority of the clients' certificates. */
  ca?: string | Buffer
  crl?: string | Buffer
  /** `optional`: a password will do as well; `required`: no connection without a certificate of `ca`. */
  clientCertificates?: 'off' | 'optional' | 'required'
}

export interface ListenOptions {
  host: string
  tcp: number | null
  tls: TlsOptions | null
  ws: number | null
  maxConnections: number
  maxPacketBytes: number
  onConnection(conn: Duplex, request?: IncomingMessage): void
  onRefused(reason: 'connection-limit' | 'tls-handshake'): void
}

export interface Ports {
  tcp: number | null
  tls: number | null
  ws: number | null
}

export class Listeners {
  readonly ports: Ports = { tcp: null, tls: null, ws: null }
  readonly #options: ListenOptions
  readonly #servers: Server[] = []
  readonly #sockets = new Set<Socket>()
  #tls: TlsServer | null = null
  #websockets: WebSocketServer | null = null

  private constructor(options: ListenOptions) {
    this.#options = options
  }

  /** @throws WardwatchError `port-taken` when another program listens there; nothing stays open then. */
  static async open(options: ListenOptions): Promise<Listeners> {
    const listeners = new Listeners(options)
    try {
      if (options.tcp !== null) listeners.ports.tcp = await listeners.#tcp(options.tcp)
      if (options.tls !== null) listeners.ports.tls = await listeners.#secure(options.tls)
      if (options.ws !== null) listeners.ports.ws = await listeners.#webSocket(options.ws)
    } catch (error) {
      await listeners.close()
      throw error
    }
    return listeners
  }

  get connections(): number {
    return this.#sockets.size
  }

  /** A renewed certificate comes into force for new connections, without a restart. */
  renew(tls: Pick<TlsOptions, 'cert' | 'key' | 'ca' | 'crl'>): void {
    this.#tls?.setSecureContext(tls)
  }

  #tcp(port: number): Promise<number> {
    const server = createTcpServer({ noDelay: true }, (socket) => this.#options.onConnection(socket))
    return this.#listen(server, port, 'MQTT')
  }

  #secure(tls: TlsOptions): Promise<number> {
    const mode = tls.clientCertificates ?? (tls.ca ? 'optional' : 'off')
    const server = createTlsServer(
      {
        cert: tls.cert,
        key: tls.key,
        ca: tls.ca,
        crl: tls.crl,
        requestCert: mode !== 'off',
        rejectUnauthorized: mode === 'required',
        minVersion: 'TLSv1.2',
        handshakeTimeout: 10_000,
        noDelay: true,
      },
      (socket) => this.#options.onConnection(socket),
    )
    server.on('tlsClientError', () => this.#options.onRefused('tls-handshake'))
    this.#tls = server
    return this.#listen(server, tls.port, 'MQTT over TLS')
  }

  #webSocket(port: number): Promise<number> {
    const http: HttpServer = createHttpServer((_request, response) => {
      response.writeHead(426, { 'content-type': 'text/plain; charset=utf-8' })
      response.end('This is an MQTT broker: connect with WebSocket and the sub-protocol "mqtt".\n')
    })
    this.#websockets = new WebSocketServer({
      server: http,
      maxPayload: this.#options.maxPacketBytes,
      handleProtocols: (offered) => (offered.has('mqtt') ? 'mqtt' : offered.has('mqttv3.1') ? 'mqttv3.1' : false),
    })
    this.#websockets.on('connection', (socket, request) => {
      const stream = createWebSocketStream(socket)
      // Its errors come before aedes listens, e.g. a frame above maxPayload.
      stream.on('error', () => stream.destroy())
      this.#options.onConnection(stream, request)
    })
    return this.#listen(http, port, 'MQTT over WebSocket')
  }

  #listen(server: Server, port: number, what: string): Promise<number> {
    const { host, maxConnections, onRefused } = this.#options
    server.on('connection', (socket: Socket) => {
      if (this.#sockets.size >= maxConnections) {
        onRefused('connection-limit')
        socket.destroy()
        return
      }
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => this.#sockets.delete(socket))
    })
    this.#servers.push(server)
    return new Promise((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        if (error.code === 'EADDRINUSE')
          reject(
            new WardwatchError(
              'port-taken',
              `port ${port} on ${host} for ${what} is taken by another program: stop it, or choose another port`,
              { port, host },
            ),
          )
        else if (error.code === 'EACCES' || error.code === 'EADDRNOTAVAIL')
          reject(
            new WardwatchError(
              'port-taken',
              `cannot listen on ${host}:${port} for ${what} (${error.code}): choose another address or a port above 1023`,
              { port, host },
            ),
          )
        else reject(error)
      })
      // After a power cut every gateway comes back in the same second: the default backlog of 511 would refuse most.
      server.listen({ port, host, backlog: 8192 }, () => {
        const address = server.address()
        resolve(typeof address === 'object' && address ? address.port : port)
      })
    })
  }

  async close(): Promise<void> {
    this.#websockets?.close()
    const closed = this.#servers.map(
      (server) =>
        new Promise<void>((resolve) => {
          if (server.listening) server.close(() => resolve())
          else resolve()
        }),
    )
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all(closed)
  }
}
