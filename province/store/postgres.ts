/** The store on a PostgreSQL server. It must never acknowledge before the server has: synchronous_commit stays on. */
import pg from 'pg'
import { WardwatchError } from '#model/errors.ts'
import type { Store } from './sql.ts'

const INT8 = 20

export async function openPostgres(url: string): Promise<Store> {
  const pool = new pg.Pool({
    connectionString: url,
    max: 6,
    connectionTimeoutMillis: 10_000,
    application_name: 'wardwatch-province',
    // Times and sequence numbers are below 2^53 (the receiver refuses larger ones), so plain numbers hold them.
    types: {
      getTypeParser: ((oid: number, format?: 'text') =>
        oid === INT8 ? Number : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
    },
  })
  // A connection that dies while idle must not end the process; the next query opens a new one or says why not.
  pool.on('error', () => {})
  try {
    await pool.query('SELECT 1')
  } catch (error) {
    await pool.end()
    const host = URL.canParse(url) ? new URL(url).host : ''
    throw new WardwatchError(
      'sink-unreachable',
      `The PostgreSQL server at ${host || 'the local socket'} cannot be used (${(error as Error).message || (error as NodeJS.ErrnoException).code}); check store.url.`,
    )
  }
  return {
    engine: 'postgres',
    query: async <T>(text: string, params: unknown[] = []) => (await pool.query(text, params)).rows as T[],
    async transaction(work) {
      const client = await pool.connect()
      let broken: Error | undefined
      try {
        await client.query('BEGIN')
        const result = await work({
          query: async <T>(text: string, params: unknown[] = []) => (await client.query(text, params)).rows as T[],
        })
        await client.query('COMMIT')
        return result
      } catch (error) {
        await client.query('ROLLBACK').catch((e: Error) => {
          broken = e
        })
        throw error
      } finally {
        client.release(broken)
      }
    },
    async script(text) {
      await pool.query(text)
    },
    close: () => pool.end(),
  }
}
