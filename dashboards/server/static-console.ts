/** The built console (`dashboards/web/dist`): hashed files for ever, the page itself never cached, deep links to the page. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { sendMissing } from './problem.ts'

export const DEFAULT_WEB_ROOT = join(import.meta.dirname, '../web/dist')

const NOT_BUILT = `<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>wardwatch</title>
<h1>控制台尚未构建</h1><p>服务正在运行，接口可用：<a href="/api/docs">/api/docs</a>。构建控制台：<code>npx vite build dashboards/web</code>，然后刷新。</p>
<h1 lang="en">The console is not built yet</h1><p lang="en">The server runs and its API answers: <a href="/api/docs">/api/docs</a>. Build the console with <code>npx vite build dashboards/web</code>, then reload.</p></html>`

export async function registerConsole(app: FastifyInstance, root: string): Promise<void> {
  await app.register(fastifyStatic, {
    root,
    wildcard: true,
    index: false,
    preCompressed: true,
    cacheControl: false,
    suppressWarning: true,
    schemaHide: true,
    setHeaders(reply, path) {
      reply.header('cache-control', path.includes('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache')
    },
  } as Parameters<typeof fastifyStatic>[1])
  const sendPage = (reply: FastifyReply): FastifyReply =>
    existsSync(join(root, 'index.html'))
      ? reply.sendFile('index.html')
      : reply.code(503).type('text/html; charset=utf-8').send(NOT_BUILT)
  app.get('/', { schema: { hide: true } }, (_request, reply) => sendPage(reply))
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0] ?? '/'
    const wantsPage =
      (request.method === 'GET' || request.method === 'HEAD') &&
      !path.startsWith('/api/') &&
      !path.startsWith('/assets/') &&
      !/\.[a-z0-9]{1,8}$/i.test(path) &&
      /text\/html|\*\/\*/.test(request.headers.accept ?? '*/*')
    if (!wantsPage) return sendMissing(app, request, reply)
    return sendPage(reply)
  })
}
