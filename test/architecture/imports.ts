import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** One import of a source file; type-only imports count like any other. */
export interface Import {
  from: string;
  /** Path below the root for our own modules, the bare specifier otherwise. */
  to: string;
  own: boolean;
}

export function sourceFiles(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .toSorted();
}

const specifiers =
  /(?:^|[\s;}])(?:import|export)\s+(?:type\s+)?(?:[\w*{][^'";]*?\sfrom\s+)?['"]([^'"]+)['"]|\b(?:import|require)\(\s*['"]([^'"]+)['"]\s*,?\s*\)/g;

export function importsOf(root: string, file: string): Import[] {
  const text = withoutComments(readFileSync(join(root, file), 'utf8'));
  return [...text.matchAll(specifiers)].map((match) => {
    const specifier = match[1] ?? match[2] ?? '';
    const own = specifier.startsWith('.');
    const to = own ? relative(root, join(root, dirname(file), specifier)) : specifier;
    return { from: file, to, own };
  });
}

export function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
}

/** Shortest import cycles, as lists of files; each is reported once. */
export function cycles(imports: readonly Import[]): string[][] {
  const edges = Map.groupBy(
    imports.filter((edge) => edge.own),
    (edge) => edge.from,
  );
  const done = new Set<string>();
  const found: string[][] = [];
  const visit = (file: string, path: string[]): void => {
    const start = path.indexOf(file);
    if (start >= 0) {
      found.push([...path.slice(start), file]);
      return;
    }
    if (done.has(file)) return;
    for (const edge of edges.get(file) ?? []) visit(edge.to, [...path, file]);
    done.add(file);
  };
  for (const file of edges.keys()) visit(file, []);
  return found;
}
