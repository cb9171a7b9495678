/** What proves who we are to one registry host. */
export type Credentials =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  /** An OAuth2 refresh token (docker's `identitytoken`). */
  | { readonly kind: 'refresh'; readonly token: string }
