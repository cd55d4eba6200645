import { createHash } from 'node:crypto';
import { type Html, markup } from './markup.ts';

const style = `
:root{color-scheme:light dark;--line:#8884;--dim:#8889}
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:1.5rem auto;padding:0 1rem}
h1{font-size:1.3rem}h2{font-size:1.05rem;margin-top:1.8rem}
table{border-collapse:collapse;width:100%}
td,th{text-align:left;padding:.25rem .8rem .25rem 0;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
th{font-weight:600;white-space:nowrap}td.number,th.number{text-align:right;white-space:nowrap}
code,pre{font-family:ui-monospace,monospace;font-size:.9em}
pre{background:#8881;padding:.6rem .8rem;overflow-x:auto}
nav,footer{opacity:.75;font-size:.9em}.dim{opacity:.65}
`;

/** No script, no picture, no frame, nothing from elsewhere; the one style is known by its digest. */
export const pageHeaders: Readonly<Record<string, string>> = {
  'Content-Security-Policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cache-Control': 'no-store',
  Vary: 'Authorization',
};

export const pageType = 'text/html; charset=utf-8';

export interface Frame {
  title: string;
  /** Way back from here, outermost first. */
  trail: { text: string; href: string }[];
  /** Name of who is logged in. */
  user: string | undefined;
  canLogIn: boolean;
}

export function formatPage(frame: Frame, body: Html): string {
  const who =
    frame.user === undefined
      ? frame.canLogIn
        ? markup` · <a href="/?login">log in</a>`
        : undefined
      : markup` · ${frame.user}`;
  const trail = frame.trail.map(({ text, href }) => markup`<a href="${href}">${text}</a> / `);
  const page = markup`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <title>${frame.title}</title>
        ${{ markup: `<style>${style}</style>` }}
      </head>
      <body>
        <nav>${trail}${who}</nav>
        <h1>${frame.title}</h1>
        ${body}
      </body>
    </html> `;
  return page.markup;
}

/** `/?repository=…&reference=…`: names stand in the query, where no part of them is a path. */
export function linkTo(parameters: Record<string, string>): string {
  return `/?${new URLSearchParams(parameters).toString()}`;
}
