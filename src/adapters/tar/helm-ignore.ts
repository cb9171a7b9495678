import { FerryError } from '../../errors.ts'

/** Tells whether a path below the chart's folder is left out of its archive. */
export type Ignores = (path: string, isFolder: boolean) => boolean

interface Rule {
  readonly negate: boolean
  readonly foldersOnly: boolean
  readonly matches: (path: string) => boolean
}

/**
 * The rules of a .helmignore file, as Helm applies them (helm.sh "The .helmignore file"): shell patterns without `**`; one
 * without a slash is for names at any depth; `!` leaves out whatever it does not match.
 * @param text undefined: no such file. Helm's own default rule counts in any case.
 * @throws FerryError `content-invalid` for patterns Helm refuses.
 */
export function parseHelmIgnore(text: string | undefined, where: string): Ignores {
  const lines = [...(text ?? '').split('\n'), 'templates/.?*']
  const rules = lines.flatMap((line) => parseRule(line.trim(), where) ?? [])
  return (path, isFolder) => {
    for (const { negate, foldersOnly, matches } of rules) {
      if (negate) {
        if ((foldersOnly && !isFolder) || !matches(path)) return true
      } else if ((!foldersOnly || isFolder) && matches(path)) return true
    }
    return false
  }
}

function parseRule(line: string, where: string): Rule | undefined {
  if (line === '' || line.startsWith('#')) return undefined
  if (line.includes('**'))
    throw new FerryError('content-invalid', `${where}: .helmignore: ** is not supported: ${line}`)
  const negate = line.startsWith('!')
  let pattern = negate ? line.slice(1) : line
  const foldersOnly = pattern.endsWith('/')
  if (foldersOnly) pattern = pattern.slice(0, -1)
  const anchored = pattern.includes('/')
  const expression = compileGlob(pattern.replace(/^\//, ''))
  if (!expression) throw new FerryError('content-invalid', `${where}: .helmignore: not a pattern: ${line}`)
  const matches = (path: string): boolean => expression.test(anchored ? path : path.slice(path.lastIndexOf('/') + 1))
  return { negate, foldersOnly, matches }
}

/** Go's path/filepath.Match: `*`, `?`, `[a-z]`, `[^a-z]`, a backslash before any. None of them matches a slash. */
function compileGlob(pattern: string): RegExp | undefined {
  let source = ''
  for (let i = 0; i < pattern.length; i++) {
    const letter = pattern.charAt(i)
    if (letter === '*') source += '[^/]*'
    else if (letter === '?') source += '[^/]'
    else if (letter === '[') {
      const end = pattern.indexOf(']', i + 2)
      if (end < 0) return undefined
      const inside = pattern.slice(i + 1, end)
      const not = inside.startsWith('^')
      source += `(?!/)[${not ? '^' : ''}${(not ? inside.slice(1) : inside).replaceAll(/[\\[\]^&]/g, '\\$&')}]`
      i = end
    } else if (letter === '\\') {
      i++
      if (i >= pattern.length) return undefined
      source += escapeLetter(pattern.charAt(i))
    } else source += escapeLetter(letter)
  }
  try {
    return new RegExp(`^${source}$`, 's')
  } catch {
    return undefined
  }
}

function escapeLetter(letter: string): string {
  return letter.replace(/[.*+?^${}()|[\]\\/]/, '\\$&')
}
