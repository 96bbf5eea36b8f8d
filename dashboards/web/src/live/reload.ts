/** Loads the page anew, but only where a server answers: otherwise the browser would put its own empty page over what is still readable. */
export async function reloadIfAnswered(): Promise<boolean> {
  const answered = await fetch('/healthz', { cache: 'no-store', signal: AbortSignal.timeout(2500) }).then(
    (response) => response.status < 500,
    () => false,
  )
  if (answered) location.reload()
  return answered
}
