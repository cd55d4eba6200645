/** One line of comma-separated values (RFC 4180): a value in double quotes may hold commas and doubled quotes. */
export function splitCsv(line: string): string[] {
  const values: string[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^,"]*))(,|$)/y;
  for (let at = 0; at <= line.length;) {
    field.lastIndex = at;
    const found = field.exec(line);
    if (!found) throw new Error(`parse error on line 1, column ${at + 1}: bare " in non-quoted-field`);
    values.push(found[1]?.replaceAll('""', '"') ?? found[2] ?? '');
    if (found[3] === '') break;
    at = field.lastIndex;
  }
  return values;
}
