import { request, type Agent, type IncomingHttpHeaders } from 'node:http'

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** What ended the body early. */
  readonly error?: NodeJS.ErrnoException
}

export interface AskOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly agent?: Agent
}

/**
 * One request with exactly this target, which no client library has tidied up, over a connection of its own. Status 0 when
 * the connection ended before the head of the answer came.
 */
export function ask(url: string, target: string, options: AskOptions = {}): Promise<Reply> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const asking = request({ hostname, port, path: target, agent: false, ...options }, (response) => {
      const { statusCode: status = 0, headers } = response
      const pieces: Buffer[] = []
      response.on('data', (piece: Buffer) => pieces.push(piece))
      response.on('end', () => resolve({ status, headers, body: Buffer.concat(pieces) }))
      response.on('error', (error) => resolve({ status, headers, body: Buffer.concat(pieces), error }))
    })
    asking.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET') resolve({ status: 0, headers: {}, body: Buffer.alloc(0), error })
      else reject(error)
    })
    asking.end()
  })
}

/** As `ask`, for a JSON body. */
export async function askJson(url: string, target: string, options: AskOptions = {}): Promise<unknown> {
  const { body } = await ask(url, target, options)
  return JSON.parse(body.toString())
}
