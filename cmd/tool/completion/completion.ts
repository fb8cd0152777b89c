import { type Command, helpFlag, jsonFlag, type Report, type Typed } from '../engine/command.ts';

/** A word that the shell can offer. */
interface Word {
  readonly text: string;
  readonly summary: string;
}

function wordsOf(command: Command): Word[] {
  const flags = [...command.flags, jsonFlag, helpFlag].map(({ name, summary }) => ({
    text: `--${name}`,
    summary,
  }));
  const choices = (command.argument?.choices ?? []).map((text) => ({
    text,
    summary: command.argument?.summary ?? '',
  }));
  return [...choices, ...flags];
}

function firstWords(commands: readonly Command[]): Word[] {
  return [
    ...commands.map(({ name, summary }) => ({ text: name, summary })),
    { text: 'help', summary: 'show the help of a command' },
    { text: '--help', summary: 'show all commands' },
    { text: '--version', summary: 'show the version' },
  ];
}

/** In single quotes, as bash and zsh understand them. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function plain(words: readonly Word[]): string {
  return quoted(words.map(({ text }) => text).join(' '));
}

function bash(commands: readonly Command[]): string {
  const cases = commands.map((command) => `    ${command.name}) words=${plain(wordsOf(command))} ;;`);
  return `# Load it with: source <(dualstack completion bash)
_dualstack() {
  local words=''
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
  esac
  if [ "$COMP_CWORD" = 1 ]; then words=${plain(firstWords(commands))}; fi
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _dualstack dualstack`;
}

function described(words: readonly Word[]): string {
  return words.map(({ text, summary }) => quoted(`${text}:${summary.replaceAll(':', '\\:')}`)).join(' ');
}

function zsh(commands: readonly Command[]): string {
  const cases = commands.map((command) => `    ${command.name}) choices=(${described(wordsOf(command))}) ;;`);
  return `#compdef dualstack
# Load it with: source <(dualstack completion zsh), after compinit
_dualstack() {
  local -a choices=()
  case \${words[2]} in
${cases.join('\n')}
  esac
  if (( CURRENT == 2 )); then choices=(${described(firstWords(commands))}); fi
  _describe dualstack choices || _files
}
compdef _dualstack dualstack`;
}

/** fish has two escapes within single quotes, of the quote and of itself. */
function fishQuoted(text: string): string {
  return `'${text.replaceAll(/['\\]/g, '\\$&')}'`;
}

function fishLine(condition: string, { text, summary }: Word): string {
  const word = text.startsWith('--') ? `-l ${text.slice(2)}` : `-a ${text}`;
  return `complete -c dualstack -n ${fishQuoted(condition)} ${word} -d ${fishQuoted(summary)}`;
}

function fish(commands: readonly Command[]): string {
  const ofCommands = commands.flatMap((command) =>
    wordsOf(command).map((word) => fishLine(`__fish_seen_subcommand_from ${command.name}`, word)),
  );
  return [
    '# Load it with: dualstack completion fish | source',
    ...firstWords(commands).map((word) => fishLine('__fish_use_subcommand', word)),
    ...ofCommands,
  ].join('\n');
}

const shells = { bash, zsh, fish } as const;

/** The command that prints the completion script of a shell. */
export function completionFor(commands: () => readonly Command[]): Command {
  return {
    name: 'completion',
    summary: 'print the completion script of a shell',
    argument: { name: 'shell', isRequired: true, summary: 'the shell', choices: Object.keys(shells) },
    flags: [],
    examples: [
      ['source <(dualstack completion bash)', 'in ~/.bashrc; in ~/.zshrc likewise, after compinit'],
      ['dualstack completion fish | source', 'in ~/.config/fish/config.fish'],
    ],
    act: ({ argument }: Typed): Report => {
      const script = shells[argument as keyof typeof shells](commands());
      return { status: 0, json: { script }, text: script };
    },
  };
}
