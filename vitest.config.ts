import { defineConfig } from 'vitest/config'
import { ClosingLine } from './tests/closing-line.ts'

export default defineConfig({
  test: {
    include: ['**/*.test.ts', '**/*.test.tsx'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    reporters: ['default', new ClosingLine()],
    // Two cores are the smallest machine this must pass on; more workers only make protocol tests starve each other.
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    env: { WARDWATCH_LOG: 'silent' },
  },
})
