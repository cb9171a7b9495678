import type { OpenBundle } from '../../src/bundle/open-bundle.ts'
import { digestOf, type Digest } from '../../src/oci/digest.ts'
import { peer, run } from './peer.ts'

/**
 * Reads everything that a bundle names back from a registry: every tag (with crane and by HEAD), every manifest and every
 * blob, hashed. Returns one sentence for each thing that is not there or is another.
 * @param base `127.0.0.1:5000/site`, over plain HTTP.
 */
export async function compareRegistry(
  bundle: OpenBundle,
  base: string,
): Promise<{ wrong: string[]; compared: number }> {
  const wrong: string[] = []
  let compared = 0
  const [host = '', ...prefix] = base.split('/')
  const expectDigest = (what: string, wanted: Digest, found: string): void => {
    compared++
    if (found !== wanted) wrong.push(`${what} is ${found}, not ${wanted}`)
  }
  for (const [name, { tags, documents, blobs }] of bundle.catalog.repositories) {
    const repository = [...prefix, name].join('/')
    const url = `http://${host}/v2/${repository}`
    const headers = { accept: [...documents.values()].map(({ mediaType }) => mediaType).join(', ') }
    const hash = async (path: string): Promise<string> => {
      const response = await fetch(`${url}/${path}`, { headers })
      const bytes = Buffer.from(await response.arrayBuffer())
      return response.status === 200 ? digestOf(bytes) : `status ${response.status}`
    }
    for (const [tag, { digest }] of tags) {
      const { headers: answer } = await fetch(`${url}/manifests/${tag}`, { method: 'HEAD', headers })
      expectDigest(`HEAD ${repository}:${tag}`, digest, answer.get('docker-content-digest') ?? 'not there')
      const crane = await run(peer('crane'), ['digest', '--insecure', `${host}/${repository}:${tag}`])
      expectDigest(`crane: ${repository}:${tag}`, digest, (crane.stdout || crane.stderr).trim())
    }
    for (const digest of documents.keys())
      expectDigest(`${repository}@${digest}`, digest, await hash(`manifests/${digest}`))
    for (const digest of blobs.keys()) expectDigest(`${repository}, blob`, digest, await hash(`blobs/${digest}`))
  }
  return { wrong, compared }
}
