import { resolve } from 'node:path';
import { defineCommand } from '../../command.ts';
import { alignTabs } from '../../output/tabs.ts';
import { folderOf } from '../../tls/options.ts';

const soonDays = 30;
const dayMs = 86_400_000;

export const command = defineCommand({
  name: 'tls show',
  summary: 'List the certificates of a folder, with what they are for and when they expire',
  usage: '[DIR]',
  options: {},
  args: { min: 0, max: 1 },
  completion: 'files',
  examples: ['silo tls show', 'silo tls show /srv/silo-tls'],
  async run({ args, io }) {
    const { listCertificates } = await import('../../tls/folder.ts');
    const listed = await listCertificates(resolve(io.cwd, folderOf(args[0])));
    const rows = listed.map(({ file, certificate, isRevoked }) => [
      file,
      certificate.subject.replace(/^CN=/, ''),
      certificate.subjectAltName?.replace(/(DNS|IP Address):/g, '') ?? '-',
      isRevoked ? 'revoked' : expiry(certificate.validToDate.getTime(), io.now()),
      certificate.fingerprint256.replaceAll(':', '').slice(0, 16).toLowerCase(),
    ]);
    const table = [['FILE', 'NAME', 'HOSTS', 'EXPIRES', 'FINGERPRINT'], ...rows];
    io.stdout.write(`${alignTabs(table.map((cells) => cells.join('\t')).join('\n'))}\n`);
    return 0;
  },
});

function expiry(to: number, now: number): string {
  const date = new Date(to).toISOString().slice(0, 10);
  const days = Math.floor((to - now) / dayMs);
  if (days < 0) return `${date} (expired)`;
  return days < soonDays ? `${date} (in ${days} days)` : date;
}
