/** `import script from './x.sh' with { type: 'text' }` */
declare module '*.sh' {
  const text: string;
  // oxlint-disable-next-line import/no-default-export -- how text is imported
  export default text;
}
