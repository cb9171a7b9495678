import { openRandomAccessFile } from '../../src/adapters/tar/random-access-file.ts'
import { openBundle, type OpenBundle } from '../../src/bundle/open-bundle.ts'

/** What a bundle says of itself: layout, catalog, places. For looking only, its file is closed again. */
export async function openUnverified(path: string): Promise<OpenBundle> {
  const file = await openRandomAccessFile(path)
  try {
    return await openBundle(file, 'unverified')
  } finally {
    await file.close()
  }
}
