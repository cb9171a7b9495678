import { existsSync, lstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Says that a folder is a quickstart's own. */
const MARKER = '.ferry-quickstart'
/** What a run leaves or may leave; the rest of the folder is not touched. */
const OWN =
  /^(bundle\.yaml|bundle\.lock\.yaml|charts|keys|pulled|handbook\.txt|ferry-registry-.*|quickstart-.*\.tar.*)$/

/**
 * Makes the folder, or takes away what an earlier run left in it. In a shared /tmp anyone could have put a folder of this
 * name: it is used only when it is this user's, is no link, and is empty or of an earlier run.
 * @returns whether something was taken away.
 */
export function prepareFolder(folder: string): boolean {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const found = lstatSync(folder)
  if (!found.isDirectory())
    throw new Error(`${folder} is a link or a file; name another folder: scripts/quickstart FOLDER`)
  if (found.uid !== process.getuid?.())
    throw new Error(`${folder} belongs to another user; name another folder: scripts/quickstart FOLDER`)
  const names = readdirSync(folder)
  if (names.length > 0 && !existsSync(join(folder, MARKER)))
    throw new Error(`${folder} holds other files; name another folder: scripts/quickstart FOLDER`)
  writeFileSync(
    join(folder, MARKER),
    'made by scripts/quickstart, which takes away its own files here before it runs again\n',
  )
  const own = names.filter((name) => OWN.test(name))
  for (const name of own) rmSync(join(folder, name), { recursive: true, force: true })
  return own.length > 0
}
