/**
 * Finds a route by method and path. Patterns are literal segments, `{name}` for one segment, and `{name:.*}` for the longest run that lets the
 * rest match (image names contain slashes). Earlier routes win.
 */
export interface Router<Value> {
  match(method: string, path: string): { value: Value; params: Record<string, string> } | undefined;
}

interface CompiledRoute<Value> {
  pattern: RegExp;
  value: Value;
}

export function createRouter<Value extends { method: string; path: string }>(
  routes: readonly Value[],
): Router<Value> {
  // Keyed by method and first segment, which is literal in every pattern.
  const buckets = new Map<string, CompiledRoute<Value>[]>();
  for (const value of routes) {
    const key = bucketKey(value.method, value.path);
    const bucket = buckets.get(key) ?? [];
    bucket.push({ pattern: compile(value.path), value });
    buckets.set(key, bucket);
  }
  return {
    match(method, path) {
      for (const route of buckets.get(bucketKey(method, path)) ?? []) {
        const match = route.pattern.exec(path);
        if (match) return { value: route.value, params: { ...match.groups } };
      }
      return undefined;
    },
  };
}

function bucketKey(method: string, path: string): string {
  return `${method} ${path.split('/', 2)[1] ?? ''}`;
}

function compile(path: string): RegExp {
  const source = path.replace(
    /\{(\w+)(:\.\*)?\}|[.+*?^$()|[\]\\]/g,
    (text, name?: string, greedy?: string) => {
      if (name === undefined) return `\\${text}`;
      return greedy === undefined ? `(?<${name}>[^/]+)` : `(?<${name}>.+)`;
    },
  );
  return new RegExp(`^${source}$`, 's');
}
