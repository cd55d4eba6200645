import { readFile } from 'node:fs/promises';
import { diagnoseForwarding, type ForwardingFinding } from '../../../resources/network/diagnose.ts';
import type { Findings, Subject } from './finding.ts';
import { listProcesses } from './processes.ts';

/** Rules of others that stop the traffic of containers, and managers that may write such rules. */
export async function checkFirewall({ bridge }: Pick<Subject, 'bridge'>): Promise<Findings> {
  const obstacles = await diagnoseForwarding({ table: 'silo', bridges: [bridge] });
  const findings: Findings = obstacles.map(({ message, hint, code }) => ({
    status: code === 'legacy-rules' ? 'note' : 'warning',
    title: sentence(message),
    why: whys[code],
    fix: hint.split('; '),
  }));
  if (findings.length === 0)
    findings.push({
      status: 'ok',
      title: "No rule of this host stops containers' traffic",
      why: 'A packet must be accepted by the rules of every program; all chains that forward were read.',
    });
  return [...findings, ...(await managers())];
}

const whys: Record<ForwardingFinding['code'], string> = {
  'forward-dropped':
    "A packet must be accepted by the rules of every program: Silo's own cannot overrule these, and it does not touch what is not its own.",
  'bridge-filtered': 'Docker and Kubernetes switch this on for the whole host.',
  'forwarding-off': 'Silo switches forwarding on when it starts; something else switched it off again.',
  'legacy-rules': 'They are kept apart from the rules of nftables, and both hold.',
  'rules-unreadable': 'Rules that stop the traffic of containers would go unseen.',
};

/** Names of kernel modules stay as they are. */
const sentence = (text: string): string =>
  /^[a-z]+_/.test(text) ? text : text.charAt(0).toUpperCase() + text.slice(1);

async function managers(): Promise<Findings> {
  const ufw = /^ENABLED=yes/m.test(await readFile('/etc/ufw/ufw.conf', 'utf8').catch(() => ''));
  const firewalld = (await listProcesses()).some(({ name }) => name === 'firewalld');
  const found = [...(ufw ? ['ufw'] : []), ...(firewalld ? ['firewalld'] : [])];
  return found.map((name) => ({
    status: 'note',
    title: `${name} manages the firewall of this host`,
    why: `Ports that containers publish obey it: Silo's rules let through only what the host's rules accept too.`,
  }));
}
