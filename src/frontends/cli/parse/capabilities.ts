const all = 'ALL';

/** `net_admin`, `CAP_NET_ADMIN` as the API names it; `ALL` stays. */
function normalize(name: string): string {
  const upper = name.trim().toUpperCase();
  return upper === all || upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
}

/** Names in one form and order; `ALL` makes the others needless, and what is added is not dropped. */
export function collectCapabilities(
  add: readonly string[],
  drop: readonly string[],
): { add: string[]; drop: string[] } {
  const collect = (names: readonly string[]): string[] => {
    const set = new Set(names.map(normalize));
    return set.has(all) ? [all] : [...set].sort();
  };
  const added = collect(add);
  return { add: added, drop: collect(drop).filter((name) => !added.includes(name)) };
}
