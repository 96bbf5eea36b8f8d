/**
 * One HTTP exchange with a camera under every limit that a hostile or broken one needs: time, bytes, abort.
 * Knows authentication only as challenges to hand back; it must never retry by itself.
 */
import { type Agent as HttpAgent, request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Clock } from '#model/clock.ts'
import { WardwatchError } from '#model/errors.ts'

export interface HttpAnswer {
  status: number
  /** The `WWW-Authenticate` challenges, one text each (cameras send MD5 and SHA-256 side by side). */
  challenges: string[]
  body: Buffer
}

export interface HttpCall {
  url: URL
  method: 'GET' | 'POST'
  headers?: Record<string, string>
  body?: string
  agent: HttpAgent
  clock: Clock
  timeoutMs: number
  maxBytes: number
  signal: AbortSignal
}

/** @throws WardwatchError `device-unreachable` (network, time) or `device-refused` (answer too long, aborted). */
export function httpCall(call: HttpCall): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const where = `${call.url.hostname}:${call.url.port || (call.url.protocol === 'https:' ? 443 : 80)}`
    if (call.signal.aborted) {
      reject(new WardwatchError('device-unreachable', `${where}: ${call.signal.reason}`))
      return
    }
    const send = call.url.protocol === 'https:' ? httpsRequest : httpRequest
    const request = send({
      protocol: call.url.protocol,
      hostname: call.url.hostname.replace(/^\[|\]$/g, ''),
      port: call.url.port || undefined,
      path: call.url.pathname + call.url.search,
      method: call.method,
      headers:
        call.body === undefined ? call.headers : { ...call.headers, 'Content-Length': Buffer.byteLength(call.body) },
      agent: call.agent,
    })
    let done = false
    const timer = call.clock.after(call.timeoutMs, () =>
      finish(new WardwatchError('device-unreachable', `${where} did not answer within ${call.timeoutMs / 1000} s`)),
    )
    const aborted = () => finish(new WardwatchError('device-unreachable', `${where}: the connection was ended`))
    call.signal.addEventListener('abort', aborted, { once: true })
    function finish(outcome: WardwatchError | HttpAnswer): void {
      if (done) return
      done = true
      timer.cancel()
      call.signal.removeEventListener('abort', aborted)
      if (outcome instanceof WardwatchError) {
        request.destroy()
        reject(outcome)
      } else resolve(outcome)
    }
    request.on('error', (error: NodeJS.ErrnoException) =>
      finish(
        new WardwatchError('device-unreachable', `${where} does not answer: ${error.code ?? error.message}`, {
          // The camera closed an idle connection just as it was used again: worth one more try on a new one.
          stale: request.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE'),
        }),
      ),
    )
    request.on('response', (response) => {
      const chunks: Buffer[] = []
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > call.maxBytes)
          finish(new WardwatchError('device-refused', `${where} answered with more than ${call.maxBytes} bytes`))
        else chunks.push(chunk)
      })
      response.on('error', (error: NodeJS.ErrnoException) =>
        finish(
          new WardwatchError('device-unreachable', `${where} broke off its answer: ${error.code ?? error.message}`),
        ),
      )
      response.on('end', () => {
        const challenges: string[] = []
        for (let i = 0; i + 1 < response.rawHeaders.length; i += 2)
          if (response.rawHeaders[i]?.toLowerCase() === 'www-authenticate')
            challenges.push(response.rawHeaders[i + 1] as string)
        finish({ status: response.statusCode ?? 0, challenges, body: Buffer.concat(chunks) })
      })
    })
    request.end(call.body)
  })
}
