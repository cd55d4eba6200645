import type { Observed } from './observe.ts';

/** Where Silo makes something else than BuildKit (of Docker 26.1), and why. What is not named here is as there. */
export const knownDifferences: Readonly<Record<string, { silo: Partial<Observed>; reason: string }>> = {
  'copy-linked': {
    silo: { tree: { k: '755 0:0 directory', 'k/a': '644 0:0 file "a\\n"' } },
    reason: 'a linked copy knows no base: its layer has the folders above its files, as new ones',
  },
  'copy-wildcard-folders': {
    silo: {
      tree: {
        w: '755 0:0 directory',
        'w/one': '644 0:0 file "1\\n"',
        'w/sub': '755 0:0 directory',
        'w/sub/deep': '755 0:0 directory',
        'w/sub/deep/five': '644 0:0 file "5\\n"',
        'w/sub/four.md': '644 0:0 file "4\\n"',
        'w/sub/three': '644 0:0 file "3\\n"',
        'w/two.md': '644 0:0 file "2\\n"',
        'w/up': '0:0 link ../b.txt',
      },
      config: { Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'], Cmd: ['sh'] },
      cached: 'COPY 1',
    },
    reason:
      'BuildKit asks the client for what a link in the folder points at, which the pattern does not name, and fails',
  },
};
