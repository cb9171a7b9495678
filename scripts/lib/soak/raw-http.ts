import { connect } from 'node:net'

/** One answer as it came. */
export interface RawAnswer {
  readonly status: number
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: Buffer
  /** The body has the length that was announced. */
  readonly complete: boolean
}

export interface Conversation {
  readonly bytes: Buffer
  /** It was still silent when patience ended. */
  readonly timedOut: boolean
}

/** Sends bytes over a connection of its own and collects what comes until the other side closes. */
export function converse(
  port: number,
  request: Uint8Array,
  { patienceMs }: { readonly patienceMs: number },
): Promise<Conversation> {
  return new Promise((resolve) => {
    const pieces: Buffer[] = []
    const socket = connect(port, '127.0.0.1')
    let timedOut = false
    socket.setTimeout(patienceMs, () => {
      timedOut = true
      socket.destroy()
    })
    socket.on('data', (piece) => pieces.push(piece))
    socket.on('error', () => undefined)
    socket.on('close', () => resolve({ bytes: Buffer.concat(pieces), timedOut }))
    socket.write(request)
  })
}

/**
 * The answers in a conversation, in order (RFC 9112). Ends where no further head can be read.
 * @param methods of the requests: an answer to HEAD has no body.
 */
export function parseAnswers(bytes: Buffer, methods: readonly string[]): RawAnswer[] {
  const answers: RawAnswer[] = []
  let rest = bytes
  while (rest.length > 0) {
    const headEnd = rest.indexOf('\r\n\r\n')
    if (headEnd < 0) break
    const [first = '', ...lines] = rest.subarray(0, headEnd).toString('latin1').split('\r\n')
    const status = Number(/^HTTP\/1\.1 ([1-5]\d\d)(?: |$)/.exec(first)?.[1] ?? Number.NaN)
    if (Number.isNaN(status)) throw new Error(`not an answer: ${JSON.stringify(first.slice(0, 100))}`)
    const headers = new Map<string, string>()
    for (const line of lines) {
      const colon = line.indexOf(':')
      if (colon <= 0) throw new Error(`not a header: ${JSON.stringify(line.slice(0, 100))}`)
      headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim())
    }
    rest = rest.subarray(headEnd + 4)
    if (status < 200) continue
    const announced = headers.get('content-length')
    const bodyless = methods[answers.length] === 'HEAD' || status === 304 || status === 204
    const length = bodyless ? 0 : announced === undefined ? rest.length : Number(announced)
    const body = rest.subarray(0, length)
    answers.push({ status, headers, body, complete: body.length === length })
    rest = rest.subarray(length)
  }
  return answers
}
