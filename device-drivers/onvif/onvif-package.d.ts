/** The one inner module of the package `onvif` that is used; the package ships no types for it. */
declare module 'onvif/lib/utils.js' {
  const utils: {
    parseSOAPString(
      xml: string,
      callback: (error: unknown, result?: unknown, xml?: string, status?: number) => void,
      status: number,
    ): void
  }
  export default utils
}
