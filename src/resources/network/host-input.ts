/*
 * The host's own rules for what comes in, led to published ports. A published port is translated before routing, so its packets pass the hook
 * `forward` and never `input`: a DROP there would not concern them. From the rule set as nft(8) lists it, the chains of `input` are written once
 * more, hooked into `forward` for first packets of translated connections into our bridges, with the destination as it was before the translation.
 * Pure.
 */

export interface HostInput {
  /** One transaction that makes the mirror, and removes what an earlier one left. Empty when there is nothing to do. */
  script: string;
  /** The same with the last word of each chain alone: for a rule set that cannot be written a second time. */
  cautiousScript: string;
  /** Rules whose meaning nft cannot tell (extensions of iptables), left out: none of them lets anybody in. */
  skipped: string[];
  /** Names of the tables that were copied. */
  sources: ReadonlySet<string>;
}

interface Table {
  family: string;
  name: string;
  dormant: boolean;
  blocks: Map<string, Block>;
}

interface Block {
  kind: string;
  name: string;
  lines: string[];
}

interface BaseChain extends Block {
  priority: string;
  policy: string;
}

export function mirrorHostInput(
  ruleset: string,
  ours: { table: string; bridges: readonly string[] },
): HostInput {
  const prefix = mirrorPrefix(ours.table);
  const tables = parseTables(ruleset);
  const removals = tables
    .filter(({ name }) => name.startsWith(prefix))
    .map(({ family, name }) => `delete table ${family} ${name}\n`);
  const sources = ours.bridges.length === 0 ? [] : tables.filter((table) => isFiltering(table, ours.table));
  const skipped: string[] = [];
  const full = sources.map((table) => mirrorTable(table, { ...ours, skipped }));
  const cautious = sources.map((table) => mirrorLastWords(table, ours));
  return {
    script: [...removals, ...full].join(''),
    cautiousScript: [...removals, ...cautious].join(''),
    skipped,
    sources: new Set(sources.map(({ name }) => name)),
  };
}

/** Of the names of the tables that hold mirrored rules. */
export function mirrorPrefix(table: string): string {
  return `${table}-host-`;
}

function isFiltering(table: Table, ourTable: string): boolean {
  const isOurs = table.name === ourTable || table.name.includes('-host-');
  const isIp = ['ip', 'ip6', 'inet'].includes(table.family);
  return isIp && !isOurs && !table.dormant && baseChains(table).length > 0;
}

function parseTables(ruleset: string): Table[] {
  const tables: Table[] = [];
  let table: Table | undefined;
  let block: Block | undefined;
  for (const line of ruleset.split('\n')) {
    const opened = /^table (\w+) (\S+) \{/.exec(line);
    const inner = /^\t(\w+(?: \w+)?) (\S+) \{/.exec(line);
    if (opened) {
      table = { family: opened[1] ?? '', name: opened[2] ?? '', dormant: false, blocks: new Map() };
      tables.push(table);
    } else if (inner && table && !block) {
      block = { kind: inner[1] ?? '', name: inner[2] ?? '', lines: [] };
      table.blocks.set(`${block.kind} ${block.name}`, block);
    } else if (line === '\t}') block = undefined;
    else if (block) block.lines.push(line.trim());
    else if (table && /^\tflags .*dormant/.test(line)) table.dormant = true;
  }
  return tables;
}

/** Of the hook `input` that say anything but yes. */
function baseChains(table: Table): BaseChain[] {
  return [...table.blocks.values()].flatMap((block) => {
    const head = /^type filter hook input priority ([^;]+); policy (\w+);/.exec(block.lines[0] ?? '');
    if (block.kind !== 'chain' || !head) return [];
    const [, priority = '0', policy = 'accept'] = head;
    return policy === 'accept' && block.lines.length === 1 ? [] : [{ ...block, priority, policy }];
  });
}

function mirrorTable(
  table: Table,
  ours: { table: string; bridges: readonly string[]; skipped: string[] },
): string {
  const bases = baseChains(table);
  const chains = new Map<string, string[]>();
  const sets = new Set<Block>();
  const pending = bases.map(({ name }) => name);
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const chain = table.blocks.get(`chain ${name}`);
    if (!chain || chains.has(name)) continue;
    const base = bases.find((candidate) => candidate.name === name);
    const rules = chain.lines
      .slice(base ? 1 : 0)
      .flatMap((rule) => translate(rule, table.family, ours.skipped));
    if (base?.policy === 'drop') rules.push('drop');
    chains.set(name, rules);
    const used = rules.flatMap((rule) => usedSets(table, rule));
    for (const set of used) sets.add(set);
    for (const text of [...rules, ...used.flatMap(({ lines }) => lines)]) pending.push(...targets(text));
  }
  return renderMirror(table, ours, [
    ...[...sets].map(({ kind, name, lines }) => ` ${kind} ${name} {\n  ${lines.join('\n  ')}\n }\n`),
    // A chain must stand before another one leads to it: declarations first, rules after.
    ...[...chains.keys()].map((name) => ` chain ${name} {\n }\n`),
    ...[...chains].map(
      ([name, rules]) => ` chain ${name} {\n${rules.map((rule) => `  ${rule}\n`).join('')} }\n`,
    ),
  ]);
}

/** Chains without conditions: the policy, or an unconditional end, is taken for the answer. */
function mirrorLastWords(table: Table, ours: { table: string; bridges: readonly string[] }): string {
  const closed = baseChains(table).filter(
    ({ policy, lines }) =>
      policy === 'drop' || /^(?:counter \S+ \S+ \S+ \S+ )?(?:drop|reject\b.*)$/.test(lines.at(-1) ?? ''),
  );
  if (closed.length === 0) return '';
  return renderMirror(
    { ...table, blocks: new Map(closed.map((chain) => [`chain ${chain.name}`, chain])) },
    ours,
    closed.map(({ name }) => ` chain ${name} {\n  drop\n }\n`),
  );
}

function renderMirror(
  table: Table,
  ours: { table: string; bridges: readonly string[] },
  body: readonly string[],
): string {
  const bridges = ours.bridges.map((bridge) => `"${bridge}"`).join(', ');
  const entries = baseChains(table).map(
    ({ name, priority }, index) =>
      ` chain silo-entry-${index} {\n  type filter hook forward priority ${priority}; policy accept;\n` +
      `  ct state new ct status dnat oifname { ${bridges} } iifname != { ${bridges} } jump ${name}\n }\n`,
  );
  const name = `${mirrorPrefix(ours.table)}${table.family}-${table.name}`;
  return `table ${table.family} ${name} {\n${body.join('')}${entries.join('')}}\n`;
}

function usedSets(table: Table, rule: string): Block[] {
  return [...rule.matchAll(/@(\S+)/g)].flatMap(([, name = '']) =>
    ['set', 'map'].flatMap((kind) => table.blocks.get(`${kind} ${name}`) ?? []),
  );
}

function targets(text: string): string[] {
  return [...text.matchAll(/\b(?:jump|goto) ([\w./-]+)/g)].map(([, name = '']) => name);
}

const transports = ['tcp', 'udp', 'sctp'];

/** The rule with what is in quotes taken out, and put back. */
const outsideQuotes = (rule: string, change: (part: string) => string): string =>
  rule
    .split('"')
    .map((part, index) => (index % 2 === 0 ? change(part) : part))
    .join('"');
const withoutQuotes = (rule: string): string => rule.replaceAll(/"[^"]*"/g, '""');

/**
 * One rule as it reads after the translation of the address. Rules that let translated connections pass as such (firewalld has one) are left
 * out: they would open every published port.
 */
function translate(line: string, family: string, skipped: string[]): string[] {
  const rule = line
    .replace(/ comment ".*"$/, '')
    .replaceAll(/\bcounter (?:packets \d+ bytes \d+|name "[^"]*") ?/g, '')
    .trim();
  const words = withoutQuotes(rule);
  if (rule === '' || /\bct status\b.*\bdnat\b/.test(words)) return [];
  if (/\bxt (?:match|target)\b|#|\bname "|\bfib daddr\b(?!(?: \. \w+)* type local\b)/.test(words)) {
    skipped.push(rule);
    return [];
  }
  const needs = new Set<string>();
  for (const [, protocol = ''] of words.matchAll(/\b(tcp|udp|udplite|sctp|dccp) dport\b/g))
    needs.add(`meta l4proto ${protocol}`);
  if (family === 'inet')
    for (const [, word = ''] of words.matchAll(/\b(ip6?) daddr\b/g))
      needs.add(`meta nfproto ${word === 'ip' ? 'ipv4' : 'ipv6'}`);
  const text = outsideQuotes(rule, (part) =>
    part
      .replaceAll(/\bfib daddr(?: \. \w+)* type local ?/g, '')
      .replaceAll(/\b(?:tcp|udp|udplite|sctp|dccp|th) dport\b/g, 'ct original proto-dst')
      .replaceAll(/\b(ip6?) daddr\b/g, 'ct original $1 daddr'),
  );
  // nft knows what a port of the connection is only after the protocol was named.
  const protocols = /\bth dport\b/.test(words)
    ? transports.map((protocol) => [`meta l4proto ${protocol}`])
    : [[]];
  return protocols.map((protocol) => [...protocol, ...needs, text].join(' ').trim());
}
