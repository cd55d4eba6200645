/** `changes` repeats, which a record of query parameters cannot express: the beginning of a query. */
export function formatChanges(changes: readonly string[] = []): string {
  return changes
    .map((change, index) => `${index === 0 ? '?' : '&'}changes=${encodeURIComponent(change)}`)
    .join('');
}
