/**
 * The shells only ask: `silo __complete WORDS…` prints what fits the last word, one candidate a line, with a tab before its description. A line
 * `:files` asks the shell for file names. So the scripts never need to change.
 */
export const completionScripts: Readonly<Record<string, string>> = {
  bash: `# bash completion for silo
_silo() {
  # Bash cuts words at colons; names of images have them, so the line is cut again at blanks only.
  local before=\${COMP_LINE:0:COMP_POINT} current='' line
  local -a words
  read -ra words <<< "$before"
  if [[ $before == *[[:space:]] ]]; then words+=(''); fi
  current=\${words[\${#words[@]}-1]}
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == :files ]]; then
      compopt -o filenames 2>/dev/null
      while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$current")
    else
      line=\${line%%$'\\t'*}
      # What stands before the last colon is on the line already.
      if [[ $current == *:* && $COMP_WORDBREAKS == *:* ]]; then line=\${line#"\${current%"\${current##*:}"}"}; fi
      COMPREPLY+=("$line")
    fi
  done < <("\${words[0]}" __complete "\${words[@]:1}" 2>/dev/null)
  # What follows the colon of \`cp NAME:\` belongs to the same word.
  if [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == *: ]]; then compopt -o nospace 2>/dev/null; fi
}
complete -F _silo silo
`,
  zsh: `#compdef silo
_silo() {
  local line
  local -a candidates
  while IFS= read -r line; do
    if [[ $line == :files ]]; then _files; continue; fi
    candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done < <("\${words[1]}" __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)
  _describe silo candidates
}
if [ "$funcstack[1]" = _silo ]; then _silo "$@"; else compdef _silo silo; fi
`,
  fish: `# fish completion for silo
function __silo_complete
  set -l words (commandline -opc) (commandline -ct)
  for line in (command silo __complete $words[2..-1] 2>/dev/null)
    if test "$line" = :files
      __fish_complete_path (commandline -ct)
    else
      echo $line
    end
  end
end
complete -c silo -f -a '(__silo_complete)'
`,
};
