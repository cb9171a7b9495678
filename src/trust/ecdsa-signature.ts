/**
 * The two encodings of an ECDSA P-256 signature: DER (RFC 3279 section 2.2.3) in every file, and the 64 bytes r||s
 * (IEEE P1363) that HSMs often give.
 */

/** The order of the P-256 group (FIPS 186-5, SP 800-186 section 3.2.1.3). */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

/** Bytes of r||s. */
export const RAW_SIGNATURE_BYTES = 64
/** The longest DER form. The shortest a person will ever see is 68 or so. */
export const MAX_DER_BYTES = 72

/** The DER form of r||s; undefined where r or s is not in 1 … order-1. */
export function derFromRaw(raw: Uint8Array): Uint8Array | undefined {
  if (raw.length !== RAW_SIGNATURE_BYTES) return undefined
  const r = unsignedInteger(raw.subarray(0, 32))
  const s = unsignedInteger(raw.subarray(32))
  if (!r || !s) return undefined
  return Uint8Array.from([0x30, r.length + s.length, ...r, ...s])
}

/**
 * The r||s form of a DER signature; undefined for anything but the one canonical encoding of two numbers in
 * 1 … order-1 (X.690 10.1 and 8.3.2: shortest lengths, no needless leading zero, nothing behind it).
 */
export function rawFromDer(der: Uint8Array): Uint8Array | undefined {
  if (der.length < 8 || der.length > MAX_DER_BYTES || der[0] !== 0x30 || der[1] !== der.length - 2) return undefined
  const rEnd = 4 + (der[3] ?? 0)
  const sStart = rEnd + 2
  if (der[2] !== 0x02 || der[rEnd] !== 0x02 || sStart + (der[rEnd + 1] ?? 0) !== der.length) return undefined
  const raw = new Uint8Array(RAW_SIGNATURE_BYTES)
  for (const [value, end] of [
    [der.subarray(4, rEnd), 32],
    [der.subarray(sStart), 64],
  ] as const) {
    const digits = value[0] === 0 ? value.subarray(1) : value
    if (digits.length > 32) return undefined
    raw.set(digits, end - digits.length)
  }
  // Encoding again and comparing leaves no second way to write the same numbers.
  const canonical = derFromRaw(raw)
  return canonical && Buffer.compare(canonical, der) === 0 ? raw : undefined
}

export function isCanonicalDer(der: Uint8Array): boolean {
  return rawFromDer(der) !== undefined
}

function unsignedInteger(bytes: Uint8Array): Uint8Array | undefined {
  const value = BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
  if (value < 1n || value >= ORDER) return undefined
  const start = bytes.findIndex((byte) => byte !== 0)
  const digits = bytes.subarray(start)
  const padding = (digits[0] ?? 0) > 0x7f ? [0] : []
  return Uint8Array.from([0x02, padding.length + digits.length, ...padding, ...digits])
}
