import { describe, expect, test } from 'bun:test';
import { executeTemplate } from './execute.ts';
import { parseTemplate } from './parser.ts';

const data = {
  Id: 'abc',
  Name: '/web',
  State: { Running: true, ExitCode: 0, Pid: 42 },
  Args: ['-c', 'echo'],
  Empty: [],
  Labels: { 'com.x': '1', b: '2' },
  Networks: { bridge: { IPAddress: '10.0.0.2' }, other: { IPAddress: '10.0.1.2' } },
  Ports: { '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '8080' }], '90/tcp': null },
  Label: (name: unknown) => `label ${String(name)}`,
};

const render = (template: string, options = {}): string =>
  executeTemplate(parseTemplate(template), data, options);

describe('templates', () => {
  const table: [string, string][] = [
    ['plain', 'plain'],
    ['{{.Id}} {{ .Name }}', 'abc /web'],
    ['{{.State.Pid}}', '42'],
    ['{{json .State}}', '{"Running":true,"ExitCode":0,"Pid":42}'],
    ['{{json .Args}}', '["-c","echo"]'],
    ['{{.Args}}', '[-c echo]'],
    ['{{.Labels}}', 'map[b:2 com.x:1]'],
    ['{{len .Args}}', '2'],
    ['{{index .Args 1}}', 'echo'],
    ['{{index .Labels "com.x"}}', '1'],
    ['{{index .Labels "gone"}}', ''],
    ['{{(index (index .Ports "80/tcp") 0).HostPort}}', '8080'],
    ['{{if .State.Running}}up{{else}}down{{end}}', 'up'],
    ['{{if .Empty}}x{{else if .Args}}args{{else}}none{{end}}', 'args'],
    ['{{range .Args}}[{{.}}]{{end}}', '[-c][echo]'],
    ['{{range $i, $a := .Args}}{{$i}}={{$a}} {{end}}', '0=-c 1=echo '],
    [
      '{{range $name, $net := .Networks}}{{$name}} {{$net.IPAddress}};{{end}}',
      'bridge 10.0.0.2;other 10.0.1.2;',
    ],
    ['{{range .Networks}}{{.IPAddress}} {{end}}', '10.0.0.2 10.0.1.2 '],
    ['{{range .Empty}}x{{else}}none{{end}}', 'none'],
    ['{{range $i, $a := .Args}}{{if $i}}, {{end}}{{$a}}{{end}}', '-c, echo'],
    ['{{range .Args}}{{if eq . "echo"}}{{break}}{{end}}{{.}}{{end}}', '-c'],
    ['{{range .Args}}{{if eq . "-c"}}{{continue}}{{end}}{{.}}{{end}}', 'echo'],
    ['{{with .State}}{{.Pid}} {{$.Id}}{{end}}', '42 abc'],
    ['{{join .Args ", "}}', '-c, echo'],
    ['{{.Name | printf "%q"}}', '"/web"'],
    ['{{slice .Id 1}}', 'bc'],
    ['{{slice .Name 1 | upper}}', 'WEB'],
    ['{{println .Id .Name}}', 'abc /web\n'],
    ['{{printf "%-6s|%3d|%v" .Id 7 .State.Running}}', 'abc   |  7|true'],
    ['{{eq .Id "abc"}} {{ne .Id "abc"}} {{eq 1 2 1}}', 'true false true'],
    ['{{and .Id .Empty}}{{or .Empty .Id}}{{not .Id}}', '[]abcfalse'],
    ['{{lt 1 2}} {{ge 1 2}}', 'true false'],
    ['{{split "a:b" ":"}}', '[a b]'],
    ['{{title "hello"}} {{lower "ABC"}} {{truncate .Id 2}}{{pad "x" 1 1}}|', 'Hello abc ab x |'],
    ['a {{- .Id -}} b', 'aabcb'],
    ['a{{/* nothing */}}b', 'ab'],
    ['{{$x := .Id}}{{$x}}{{$x = "new"}}{{$x}}', 'abcnew'],
    ['{{.Label "com.x"}}', 'label com.x'],
    ['{{"quoted \\"text\\""}} {{`raw`}} {{1.5}} {{true}}', 'quoted "text" raw 1.5 true'],
  ];
  for (const [template, text] of table) test(template, () => expect(render(template)).toBe(text));

  const mistakes: [string, string][] = [
    ['{{.Id', 'template: :1: unclosed action'],
    ['{{if .Id}}x', 'unexpected EOF'],
    ['{{end}}', 'unexpected {{end}}'],
    ['{{nope .Id}}', 'function "nope" not defined'],
    ['{{$x}}', 'undefined variable "$x"'],
    ['{{"open}}', 'unterminated quoted string'],
    ['{{}}', 'missing value for command'],
    ['{{.Gone}}', 'executing "" at <.Gone>: map has no entry for key "Gone"'],
    ['{{.State.Gone.More}}', 'map has no entry for key "Gone"'],
    ['{{.Id.More}}', "can't evaluate field More"],
    ['{{index .Args 9}}', 'error calling index: index out of range: 9'],
    ['{{define "x"}}{{end}}', 'not supported'],
    ['{{.constructor}}', 'map has no entry for key "constructor"'],
    ['{{.State.__proto__}}', 'map has no entry for key "__proto__"'],
  ];
  for (const [template, message] of mistakes)
    test(`${template} is refused`, () => expect(() => render(template)).toThrow(message));

  test('names are found whatever their case when asked for, but labels keep theirs', () => {
    expect(render('{{.ID}}', { anyCase: true })).toBe('abc');
    expect(() => render('{{.Labels.B}}', { anyCase: true })).toThrow('no entry');
  });
});
