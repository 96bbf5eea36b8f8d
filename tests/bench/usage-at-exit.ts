/** Loaded before a program (`node --import`): its last line on stderr says what it used. Bytes and microseconds. */
process.on('exit', () => {
  const { user, system } = process.cpuUsage()
  process.stderr.write(
    `\n${JSON.stringify({ cpuUs: user + system, peakBytes: process.resourceUsage().maxRSS * 1024 })}\n`,
  )
})
