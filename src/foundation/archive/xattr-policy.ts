/**
 * Extended attributes that a layer may carry, in both directions. `trusted.` ones would speak to overlayfs, other `security.`
 * ones to the host's policy, `user.overlay.` ones to overlayfs without privileges.
 */
export function isAllowedXattr(name: string): boolean {
  return name === 'security.capability' || (name.startsWith('user.') && !name.startsWith('user.overlay.'));
}
