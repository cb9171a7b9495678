import { ferry } from '../../../test/peers/ferry.ts'
import { signedBytes } from '../../../test/peers/signed-bytes.ts'

/**
 * What keeps a finished export from being the undisturbed one.
 * @param signed the undisturbed one, as `signedBytes`.
 */
export async function compareBundle(
  out: string,
  { signed, pub }: { readonly signed: Buffer; readonly pub: string },
): Promise<string[]> {
  const found = await signedBytes(out).catch((error: unknown) => error)
  if (!Buffer.isBuffer(found)) return [`the bundle cannot be opened: ${String(found)}`]
  const differs = found.equals(signed)
    ? []
    : [
        `${found.length} bytes, not those of an undisturbed export from byte ${found.findIndex((byte, i) => byte !== signed[i])} on`,
      ]
  const { code, stderr } = await ferry(['verify', out, '--pub', pub])
  return code === 0 ? differs : [...differs, `verify: exit ${code}: ${stderr.trim()}`]
}
