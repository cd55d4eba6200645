import { spawn } from 'node:child_process';
import { renderTable } from '../../../resources/network/firewall-rules.ts';
import { findProgram } from '../host-facts.ts';
import type { Findings } from './finding.ts';

/** Lets the kernel judge a table with all that ours has (nft(8) `--check`); it is never installed. */
export async function checkNftables(): Promise<Findings> {
  const nft = findProgram('nft');
  if (nft === undefined)
    return [
      {
        status: 'problem',
        title: 'nft is not installed',
        why: 'Networks, published ports and their protection are rules of nftables.',
        fix: ['apt-get install --no-install-recommends nftables'],
      },
    ];
  const complaint = await judgeRules(nft);
  if (complaint === '')
    return [
      {
        status: 'ok',
        title: 'The kernel takes the nftables rules of Silo',
        why: 'Sets, maps, address translation and connection tracking were tried without installing anything.',
      },
    ];
  return [
    {
      status: 'problem',
      title: 'The kernel refuses the nftables rules of Silo',
      why: complaint,
      fix: ['modprobe -a nf_tables nft_chain_nat nft_masq nft_ct'],
    },
  ];
}

/** What nft says against our rules; empty when nothing. */
function judgeRules(nft: string): Promise<string> {
  const script = renderTable({
    table: 'silo-doctor',
    networks: [
      { bridge: 'silo0', ipv4: '192.0.2.0/24', internal: false, masquerade: true, betweenContainers: true },
    ],
    ports: [],
    ipv6Loopback: false,
  });
  return new Promise((resolve, reject) => {
    const child = spawn(nft, ['--check', '-f', '-'], {
      stdio: ['pipe', 'ignore', 'pipe'],
      env: { LC_ALL: 'C' },
    });
    const errors: string[] = [];
    child.stderr.setEncoding('utf8').on('data', (text: string) => errors.push(text));
    child.stdin.on('error', () => undefined);
    child.on('error', reject);
    child.on('close', (status) => {
      if (status === 0) resolve('');
      else
        resolve(
          errors.join('').trim().split('\n').slice(0, 2).join(' ') || `nft ended with status ${status}`,
        );
    });
    child.stdin.end(script);
  });
}
