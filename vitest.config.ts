import { defineConfig } from 'vitest/config'
import { ClosingLine } from './tests/closing-line.ts'

export default defineConfig({
  test: {
    // A browser on a busy machine may need seconds for what takes milliseconds on a quiet one.
    expect: { poll: { timeout: 15_000 } },
    include: ['**/*.test.ts', '**/*.test.tsx'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    reporters: ['default', new ClosingLine()],
    // Two cores are the smallest machine this must pass on; more workers only make protocol tests starve each other.
    maxWorkers: 2,
    setupFiles: ['./tests/property-seed.ts'],
    // Real sockets, browsers and processes on two shared cores: a full run may try a test again, and says so.
    retry: process.env.WARDWATCH_CI ? 2 : 0,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    env: { WARDWATCH_LOG: 'silent' },
  },
})
