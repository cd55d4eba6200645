import { readFile } from 'node:fs/promises';
import { bridgedTrafficIsFiltered, readNetSysctl } from './host-sysctls.ts';
import { listRuleset } from './nft.ts';

/** Something on the host that stops or changes traffic of our networks, in words for `silo doctor`. */
export interface ForwardingFinding {
  code: 'forward-dropped' | 'forwarding-off' | 'bridge-filtered' | 'legacy-rules' | 'rules-unreadable';
  message: string;
  hint: string;
}

/**
 * Looks for what our own table cannot undo: a packet must be accepted by every chain of a hook (nft(8)), so an accept of ours does not outvote
 * the DROP of another program, and other programs' rules are not ours to change. Only reads.
 */
export async function diagnoseForwarding(ours: {
  table: string;
  bridges: readonly string[];
}): Promise<ForwardingFinding[]> {
  const findings: ForwardingFinding[] = [];
  try {
    findings.push(...findForwardObstacles(await listRuleset(), ours));
  } catch (error) {
    findings.push({
      code: 'rules-unreadable',
      message: `the firewall rules of this host could not be read: ${String(error)}`,
      hint: 'run as root, with nftables installed',
    });
  }
  const legacy = await readFile('/proc/net/ip_tables_names', 'utf8').catch(() => '');
  if (legacy.split('\n').includes('filter'))
    findings.push({
      code: 'legacy-rules',
      message: 'this host also has rules of the legacy iptables, which nft cannot show',
      hint: 'check that `iptables-legacy -S FORWARD` does not drop traffic of the bridges',
    });
  if (readNetSysctl('ipv4/ip_forward') === '0' && ours.bridges.length > 0)
    findings.push({
      code: 'forwarding-off',
      message: 'IPv4 forwarding was switched off: containers reach nothing outside',
      hint: 'sysctl -w net.ipv4.ip_forward=1 (and look in /etc/sysctl.d for who sets it to 0)',
    });
  if (bridgedTrafficIsFiltered(4) && findings.some(({ code }) => code === 'forward-dropped'))
    findings.push({
      code: 'bridge-filtered',
      message:
        'br_netfilter sends traffic between containers of one network through the same rules: they lose each other too, and [::1] cannot be published',
      hint: 'let the bridges through as above, or set net.bridge.bridge-nf-call-iptables=0 and net.bridge.bridge-nf-call-ip6tables=0',
    });
  return findings;
}

interface Rule {
  family: string;
  table: string;
  chain: string;
  expr: Record<string, unknown>[];
}
interface Chain {
  family: string;
  table: string;
  name: string;
  hook?: string;
  policy?: string;
}

/** Forward chains of others that end in a drop, in tables without a rule that accepts one of our bridges. Pure. */
export function findForwardObstacles(
  ruleset: readonly unknown[],
  ours: { table: string; bridges: readonly string[] },
): ForwardingFinding[] {
  const chains = pick<Chain>(ruleset, 'chain');
  const rules = pick<Rule>(ruleset, 'rule').filter((rule) => rule.table !== ours.table);
  return chains
    .filter((chain) => chain.hook === 'forward' && chain.table !== ours.table && chain.family !== 'bridge')
    .filter((chain) => chain.policy === 'drop' || endsInDrop(rules, chain))
    .flatMap((chain) => {
      const inTable = rules.filter((rule) => rule.family === chain.family && rule.table === chain.table);
      const blocked = ours.bridges.filter((bridge) => !inTable.some((rule) => accepts(rule, bridge)));
      if (blocked.length === 0) return [];
      const { manager, hint } = advice(chains, chain, blocked);
      return [
        {
          code: 'forward-dropped' as const,
          message: `${manager} drops forwarded traffic of ${blocked.join(', ')} (table ${chain.family} ${chain.table}, chain ${chain.name}): containers there reach nothing outside, and their published ports only answer on this host`,
          hint,
        },
      ];
    });
}

function pick<T>(ruleset: readonly unknown[], kind: string): T[] {
  return ruleset.flatMap((entry) => {
    const value = (entry as Record<string, unknown> | null)?.[kind];
    return value === undefined ? [] : [value as T];
  });
}

const isDrop = (statement: Record<string, unknown>): boolean => 'drop' in statement || 'reject' in statement;

/** The last rule drops or rejects whatever is left, as firewalld writes it. */
function endsInDrop(rules: readonly Rule[], chain: Chain): boolean {
  const last = rules.findLast(
    (rule) => rule.family === chain.family && rule.table === chain.table && rule.chain === chain.name,
  );
  return last !== undefined && last.expr.some(isDrop) && !last.expr.some((statement) => 'match' in statement);
}

function accepts(rule: Rule, bridge: string): boolean {
  const names = rule.expr.some((statement) =>
    JSON.stringify(statement['match'] ?? null).includes(JSON.stringify(bridge)),
  );
  return names && rule.expr.some((statement) => 'accept' in statement);
}

function advice(
  chains: readonly Chain[],
  chain: Chain,
  bridges: readonly string[],
): { manager: string; hint: string } {
  const has = (name: string): boolean =>
    chains.some(
      (other) => other.family === chain.family && other.table === chain.table && other.name === name,
    );
  const each = (line: (bridge: string) => string): string => bridges.map(line).join('; ');
  const command = chain.family === 'ip6' ? 'ip6tables' : 'iptables';
  if (has('DOCKER-USER'))
    return {
      manager: "Docker's firewall",
      hint: each(
        (bridge) =>
          `${command} -I DOCKER-USER -i ${bridge} -j ACCEPT; ${command} -I DOCKER-USER -o ${bridge} -j ACCEPT`,
      ),
    };
  if (has('ufw-before-forward') || has('ufw6-before-forward'))
    return {
      manager: 'ufw',
      hint: each((bridge) => `ufw route allow in on ${bridge}; ufw route allow out on ${bridge}`),
    };
  if (chain.table === 'firewalld')
    return {
      manager: 'firewalld',
      hint:
        each((bridge) => `firewall-cmd --permanent --zone=trusted --add-interface=${bridge}`) +
        '; firewall-cmd --reload',
    };
  return {
    manager: 'a firewall of this host',
    hint: each(
      (bridge) =>
        `add rules to it that accept forwarded traffic with iifname "${bridge}" and oifname "${bridge}"`,
    ),
  };
}
