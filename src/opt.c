/*
 * opt.c - owns how options look: parsing, help and completion from tables
 *
 * Knows no command; all it says comes from the tables it is given.  A table
 * is trusted: its texts are our own literals without control characters.
 * Words of the user are only pointed at, never changed.
 */
#include "nfsq.h"
#include "opt.h"

#include "msg.h"
#include "str.h"

#define WIDTH 79		/* columns of help */
#define HELP_COLUMN 26		/* where the texts of a list begin */

const struct opt opt_globals[] = {
	{ 'S', "spool", "DIR", "the spool, instead of $NFSQ_SPOOL",
	  OPT_STRING, offsetof(struct globals, spool), NULL, "dir" },
	{ 'h', "help", NULL, "say how to use this",
	  OPT_FLAG, offsetof(struct globals, help), NULL, NULL },
	{ 0, "version", NULL, "say which version this is",
	  OPT_FLAG, offsetof(struct globals, version), NULL, NULL },
	{ 'q', "quiet", NULL, "print errors only",
	  OPT_FLAG, offsetof(struct globals, quiet), NULL, NULL },
	{ 'v', "verbose", NULL, "say more on standard error",
	  OPT_FLAG, offsetof(struct globals, verbose), NULL, NULL },
	OPT_END
};

static bool
is_end(const struct opt *o)
{
	return !o->name && o->letter == 0;
}

static bool
takes_value(const struct opt *o)
{
	return o->arg;
}

/* --- parsing */

/* The two tables an option may be in, and where their values go. */
struct source {
	const struct opt *opts;
	void *values;
};

struct parser {
	struct source sources[2];
	int argc;
	char **argv;
	int at;			/* the next to be read */
	struct error *err;
};

/* An option found in a table. */
struct match {
	const struct opt *opt;
	void *field;
};

static void
match_set(struct match *m, const struct source *src, const struct opt *o)
{
	m->opt = o;
	m->field = (char *)src->values + o->offset;
}

/* Stores value, NULL when the option takes none.  `shown` is the option with
 * its dashes. */
static int
store(struct parser *p, const struct match *m, const char *shown,
      const char *value)
{
	const char **text = m->field;
	bool *flag = m->field;

	switch (m->opt->kind) {
	case OPT_FLAG:
		*flag = true;
		return 0;
	case OPT_STRING:
		*text = value;
		return 0;
	case OPT_LIST:
		strlist_add(m->field, value);
		return 0;
	case OPT_PARSE:
		if (m->opt->parse(value, m->field, p->err) == 0)
			return 0;
		return error_prefix(p->err, "option '%s'", shown);
	}
	BUG("option '%s' is of kind %d", shown, (int)m->opt->kind);
}

/* The value of an option that needs one: what follows, else the next. */
static int
store_with_value(struct parser *p, const struct match *m, const char *shown,
		 const char *attached)
{
	if (!attached && p->at < p->argc)
		attached = p->argv[p->at++];
	if (!attached)
		return error_set(p->err, "option '%s' needs an argument",
				 shown);
	return store(p, m, shown, attached);
}

/* Finds the option that is called exactly so.  1 or 0. */
static int
find_exact(const struct parser *p, const char *name, size_t len,
	   struct match *m)
{
	for (size_t i = 0; i < ARRAY_LEN(p->sources); i++) {
		const struct source *src = &p->sources[i];

		for (const struct opt *o = src->opts; !is_end(o); o++) {
			if (!o->name || strlen(o->name) != len ||
			    memcmp(o->name, name, len) != 0)
				continue;
			match_set(m, src, o);
			return 1;
		}
	}
	return 0;
}

/* Finds the options that begin so; names them in list, the last in m.
 * Returns their number. */
static size_t
find_prefix(const struct parser *p, const char *name, size_t len,
	    struct match *m, struct str *list)
{
	size_t found = 0;

	if (len == 0)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(p->sources); i++) {
		const struct source *src = &p->sources[i];

		for (const struct opt *o = src->opts; !is_end(o); o++) {
			if (!o->name || strncmp(o->name, name, len) != 0)
				continue;
			match_set(m, src, o);
			str_addf(list, "%s--%s", found > 0 ? ", " : "",
				 o->name);
			found++;
		}
	}
	return found;
}

static int
find_long(const struct parser *p, const char *name, size_t len,
	  struct match *m)
{
	struct str list = STR_INIT;
	size_t found;
	int r = 0;

	if (find_exact(p, name, len, m))
		return 0;
	found = find_prefix(p, name, len, m, &list);
	if (found == 0)
		r = error_set(p->err, "unknown option '--%.*s'", (int)len,
			      name);
	else if (found > 1)
		r = error_set(p->err, "option '--%.*s' is ambiguous: %s",
			      (int)len, name, list.s);
	str_release(&list);
	return r;
}

/* word is what follows "--". */
static int
parse_long(struct parser *p, const char *word)
{
	struct str shown = STR_INIT;
	const char *value = NULL;
	size_t len = strcspn(word, "=");
	struct match m;
	int r;

	if (len > INT_MAX)
		return error_set(p->err, "an option is too long");
	if (word[len] == '=')
		value = word + len + 1;
	if (find_long(p, word, len, &m) < 0)
		return -1;
	str_addf(&shown, "--%s", m.opt->name);
	if (takes_value(m.opt))
		r = store_with_value(p, &m, shown.s, value);
	else if (value)
		r = error_set(p->err, "option '%s' takes no argument",
			      shown.s);
	else
		r = store(p, &m, shown.s, NULL);
	str_release(&shown);
	return r;
}

static int
find_letter(const struct parser *p, char letter, struct match *m)
{
	for (size_t i = 0; i < ARRAY_LEN(p->sources); i++) {
		const struct source *src = &p->sources[i];

		for (const struct opt *o = src->opts; !is_end(o); o++) {
			if (o->letter != letter)
				continue;
			match_set(m, src, o);
			return 1;
		}
	}
	return 0;
}

/* word is what follows "-": flags, and perhaps an option with its value. */
static int
parse_letters(struct parser *p, const char *word)
{
	char shown[] = "-?";
	struct match m;

	for (const char *c = word; *c; c++) {
		size_t len = str_utf8_len(c, strlen(c));

		if (!find_letter(p, *c, &m))
			return error_set(p->err, "unknown option '-%.*s'",
					 len > 1 ? (int)len : 1, c);
		shown[1] = *c;
		if (takes_value(m.opt))
			return store_with_value(p, &m, shown,
						c[1] ? c + 1 : NULL);
		if (store(p, &m, shown, NULL) < 0)
			return -1;
	}
	return 0;
}

/* Moves the words from p->at on behind the n at the front. */
static int
take_rest(struct parser *p, int n)
{
	while (p->at < p->argc)
		p->argv[n++] = p->argv[p->at++];
	return n;
}

int
opt_parse(int argc, char **argv, const struct opt *opts, void *values,
	  struct globals *g, int flags, bool *dashes, struct error *err)
{
	struct parser p = {
		.sources = { { opts, values }, { opt_globals, g } },
		.argc = argc, .argv = argv, .at = 0, .err = err,
	};
	bool ended = false;
	int n = 0;

	while (!ended && p.at < argc) {
		char *arg = argv[p.at++];
		bool is_word = arg[0] != '-' || arg[1] == '\0';

		if (is_word && (flags & CMD_STOP)) {
			p.at--;
			break;
		}
		if (is_word)
			argv[n++] = arg;
		else if (strcmp(arg, "--") == 0)
			ended = true;
		else if (arg[1] == '-' ? parse_long(&p, arg + 2) < 0
				       : parse_letters(&p, arg + 1) < 0)
			return -1;
	}
	n = take_rest(&p, n);
	if (n < argc)
		argv[n] = NULL;
	if (dashes)
		*dashes = ended;
	return n;
}

int
opt_command(const struct command *const *cmds, const char *name)
{
	for (int i = 0; cmds[i]; i++)
		if (strcmp(cmds[i]->name, name) == 0)
			return i;
	return -1;
}

/* --- help */

/* The columns text takes: its characters, each taken as one wide. */
static size_t
columns(const char *text, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		if (((unsigned char)text[i] & 0xc0) != 0x80)
			count++;
	return count;
}

static void
add_blanks(struct str *out, size_t n)
{
	str_addf(out, "%*s", (int)n, "");
}

/* Adds the words of one line, going on at column `indent`; the cursor is at
 * `column`. */
static void
add_wrapped(struct str *out, const char *text, size_t n, size_t column,
	    size_t indent)
{
	bool first = true;

	for (size_t i = 0; i < n;) {
		size_t len = 0, width;

		while (i < n && text[i] == ' ')
			i++;
		while (i + len < n && text[i + len] != ' ')
			len++;
		if (len == 0)
			break;
		width = columns(text + i, len);
		if (!first && column + 1 + width > WIDTH) {
			str_addc(out, '\n');
			add_blanks(out, indent);
			column = indent;
		} else if (!first) {
			str_addc(out, ' ');
			column++;
		}
		str_addn(out, text + i, len);
		column += width;
		i += len;
		first = false;
	}
	str_addc(out, '\n');
}

/* Adds text line by line as it is; only a line too long is wrapped. */
static void
add_text(struct str *out, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");

		if (columns(text, n) <= WIDTH) {
			str_addn(out, text, n);
			str_addc(out, '\n');
		} else {
			size_t indent = strspn(text, " ");

			add_blanks(out, indent);
			add_wrapped(out, text, n, indent, indent);
		}
		text += n;
		if (*text == '\n')
			text++;
	}
}

/* "  left" and its text in the column of texts, or on a line of its own. */
static void
add_entry(struct str *out, const char *left, const char *text, size_t column)
{
	size_t width = 2 + columns(left, strlen(left));

	str_addf(out, "  %s", left);
	if (width + 2 > column) {
		str_addc(out, '\n');
		width = 0;
	}
	add_blanks(out, column - width);
	add_wrapped(out, text, strlen(text), column, column);
}

static void
add_options(struct str *out, const char *title, const struct opt *opts)
{
	struct str left = STR_INIT;

	if (is_end(opts))
		return;
	str_addf(out, "\n%s:\n", title);
	for (const struct opt *o = opts; !is_end(o); o++) {
		str_clear(&left);
		if (o->letter != 0)
			str_addf(&left, "-%c%s", o->letter,
				 o->name ? ", " : "");
		else
			str_add(&left, "    ");
		if (o->name)
			str_addf(&left, "--%s", o->name);
		if (o->arg)
			str_addf(&left, " %s", o->arg);
		add_entry(out, left.s, o->help, HELP_COLUMN);
	}
	str_release(&left);
}

static void
add_usage(struct str *out, const char *prog, const struct command *cmd)
{
	const char *usage = cmd->usage;
	const char *name = strcmp(cmd->name, prog) == 0 ? "" : cmd->name;
	struct str head = STR_INIT;
	const char *title = "usage:";

	str_addf(&head, "%s%s%s", prog, *name ? " " : "", name);
	do {
		size_t n = strcspn(usage, "\n");
		size_t indent = strlen("usage: ") + head.len + 1;

		str_addf(out, "%6s %s%s", title, head.s, n > 0 ? " " : "");
		add_wrapped(out, usage, n, indent, indent);
		usage += n;
		title = "";
	} while (*usage++ == '\n');
	str_release(&head);
}

void
opt_help(struct str *out, const char *prog, const struct command *cmd)
{
	add_usage(out, prog, cmd);
	str_addc(out, '\n');
	add_text(out, cmd->summary);
	if (cmd->text) {
		str_addc(out, '\n');
		add_text(out, cmd->text);
	}
	add_options(out, "options", cmd->opts);
	add_options(out, "global options", opt_globals);
}

void
opt_help_all(struct str *out, const char *prog,
	     const struct command *const *cmds)
{
	size_t longest = 0;

	str_addf(out, "usage: %s [-S DIR] COMMAND [options] [ARG...]\n", prog);
	str_add(out, "\ncommands:\n");
	for (size_t i = 0; cmds[i]; i++)
		if (strlen(cmds[i]->name) > longest)
			longest = strlen(cmds[i]->name);
	for (size_t i = 0; cmds[i]; i++)
		add_entry(out, cmds[i]->name, cmds[i]->summary, longest + 4);
	add_options(out, "global options", opt_globals);
	str_addf(out, "\n'%s COMMAND --help' tells about one command.\n", prog);
}

/* --- completion */

/*
 * How a value of a kind is completed.  The bash code reads $cur and sets
 * COMPREPLY, or leaves it to readline; the zsh code is an action of
 * _arguments.  What nfsq prints may
 * come from others: it goes through _nfsq_list, never through compgen -W,
 * which would expand it.
 */
struct kind {
	const char *name;
	const char *bash;
	const char *zsh;
};

#define STATES "held waiting queued running done failed cancelled corrupt"
#define SIGNALS "HUP INT QUIT ABRT KILL USR1 USR2 PIPE ALRM TERM CHLD CONT " \
		"STOP TSTP TTIN TTOU"

static const struct kind kinds[] = {
	{ "dir", "compopt -o dirnames", "_files -/" },
	{ "file", "compopt -o default", "_files" },
	{ "job", "_nfsq_list ls --no-header -o id", "_nfsq_job" },
	{ "worker", "_nfsq_list workers --no-header", "_nfsq_worker" },
	{ "state", "local list=\n"
	  "\t\t[[ $cur == *,* ]] && list=${cur%,*},\n"
	  "\t\tmapfile -t COMPREPLY < <(compgen -P \"$list\" \\\n"
	  "\t\t\t-W '" STATES "' \\\n"
	  "\t\t\t-- \"${cur##*,}\")",
	  "_values -s , state " STATES },
	{ "user", "mapfile -t COMPREPLY < <(compgen -u -- \"$cur\")",
	  "_users" },
	{ "signal", "mapfile -t COMPREPLY < <(compgen \\\n"
	  "\t\t\t-W '" SIGNALS "' -- \"$cur\")",
	  "(" SIGNALS ")" },
	{ "command", "if [[ $cur == */* ]]; then\n"
	  "\t\t\tcompopt -o default\n"
	  "\t\telse\n"
	  "\t\t\tmapfile -t COMPREPLY < <(compgen -c -- \"$cur\")\n"
	  "\t\tfi",
	  "_nfsq_command" },
	{ "subcommand", "mapfile -t COMPREPLY < <(compgen \\\n"
	  "\t\t\t-W \"$_nfsq_commands\" -- \"$cur\")",
	  "_nfsq_subcommand" },
};

static const struct kind *
find_kind(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (name && strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	if (name)
		BUG("no completion is called '%s'", name);
	return NULL;
}

static bool
table_uses(const struct opt *opts, const char *kind)
{
	for (const struct opt *o = opts; !is_end(o); o++)
		if (o->complete && strcmp(o->complete, kind) == 0)
			return true;
	return false;
}

static bool
command_uses(const struct command *cmd, const char *kind)
{
	return (cmd->complete && strcmp(cmd->complete, kind) == 0) ||
	       table_uses(cmd->opts, kind);
}

/* A kind nothing here has would run a command that may not exist.  Files are
 * also what follows the command of a CMD_STOP command. */
static bool
is_used(const char *kind, const struct command *const *cmds,
	const struct command *worker)
{
	if (strcmp(kind, "file") == 0)
		return true;
	for (size_t i = 0; cmds[i]; i++)
		if (command_uses(cmds[i], kind))
			return true;
	return command_uses(worker, kind) || table_uses(opt_globals, kind);
}

/* " -n --name" for each option of a table. */
static void
bash_names(struct str *out, const struct opt *opts)
{
	for (const struct opt *o = opts; !is_end(o); o++) {
		if (o->letter != 0)
			str_addf(out, " -%c", o->letter);
		if (o->name)
			str_addf(out, " --%s", o->name);
	}
}

/* Cases "submit:-n | submit:--name) kind=any ;;" for options with values. */
static void
bash_values(struct str *out, const char *cmd, const struct opt *opts)
{
	for (const struct opt *o = opts; !is_end(o); o++) {
		const char *kind = o->complete ? o->complete : "any";

		if (!takes_value(o))
			continue;
		str_add(out, "\t");
		if (o->letter != 0)
			str_addf(out, "%s:-%c", cmd, o->letter);
		if (o->letter != 0 && o->name)
			str_add(out, " | ");
		if (o->name)
			str_addf(out, "%s:--%s", cmd, o->name);
		str_addf(out, ") kind=%s ;;\n", kind);
	}
}

static void
bash_command_names(struct str *out, const struct command *cmd)
{
	str_addf(out, "\t%s) names='", cmd->name);
	bash_names(out, cmd->opts);
	bash_names(out, opt_globals);
	str_add(out, "' ;;\n");
}

static void
bash_command_words(struct str *out, const struct command *cmd)
{
	if (cmd->complete || (cmd->flags & CMD_STOP))
		str_addf(out, "\t%s) kind=%s stop=%s ;;\n", cmd->name,
			 cmd->complete ? cmd->complete : "any",
			 cmd->flags & CMD_STOP ? "yes" : "");
}

/* The three tables as functions that set variables of _nfsq. */
static void
bash_tables(struct str *out, const struct command *const *cmds,
	    const struct command *worker)
{
	str_add(out, "# sets names: the options of command $1\n"
		     "_nfsq_names()\n{\n\tcase $1 in\n");
	for (size_t i = 0; cmds[i]; i++)
		bash_command_names(out, cmds[i]);
	bash_command_names(out, worker);
	str_add(out, "\t*) names='");
	bash_names(out, opt_globals);
	str_add(out, "' ;;\n\tesac\n}\n\n");

	str_add(out, "# sets kind: what option $2 of command $1 takes\n"
		     "_nfsq_value()\n{\n\tkind=\n\tcase $1:$2 in\n");
	for (size_t i = 0; cmds[i]; i++)
		bash_values(out, cmds[i]->name, cmds[i]->opts);
	bash_values(out, worker->name, worker->opts);
	bash_values(out, "*", opt_globals);
	str_add(out, "\tesac\n\t[[ $kind ]]\n}\n\n");

	str_add(out, "# sets kind and stop: what the words of $1 are\n"
		     "_nfsq_words()\n{\n\tkind= stop=\n\tcase $1 in\n");
	for (size_t i = 0; cmds[i]; i++)
		bash_command_words(out, cmds[i]);
	bash_command_words(out, worker);
	str_add(out, "\tesac\n}\n\n");
}

static void
bash_kinds(struct str *out, const struct command *const *cmds,
	   const struct command *worker)
{
	str_add(out, "# completes $cur as a value of kind $1\n"
		     "_nfsq_kind()\n{\n\tcase $1 in\n");
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (is_used(kinds[i].name, cmds, worker))
			str_addf(out, "\t%s)\n\t\t%s\n\t\t;;\n",
				 kinds[i].name, kinds[i].bash);
	str_add(out, "\tesac\n}\n\n");
}

static const char bash_head[] =
	"# bash completion for nfsq and nfsq-worker\n"
	"# printed from the tables of options; changes are lost\n\n";

/* What nfsq prints is data: words with odd characters are left out. */
static const char bash_list[] =
	"# completes $cur by the first words of what nfsq \"$@\" prints\n"
	"_nfsq_list()\n{\n"
	"\tlocal line\n\n"
	"\twhile read -r line _; do\n"
	"\t\t[[ $line == *[!A-Za-z0-9_.:@+-]* ]] && continue\n"
	"\t\t[[ $line && $line == \"$cur\"* ]] && COMPREPLY+=(\"$line\")\n"
	"\tdone < <(nfsq ${spool:+-S \"$spool\"} \"$@\" 2>/dev/null"
	" </dev/null)\n"
	"}\n\n";

/* bash splits words at '=' and ':'; they are joined again. */
static const char bash_main[] =
	"_nfsq()\n{\n"
	"\tlocal i n cmd= cur opt= ended= kind= names= spool= stop= took="
	" word\n"
	"\tlocal -a words=(\"${COMP_WORDS[0]}\")\n\n"
	"\tCOMPREPLY=()\n"
	"\t[[ ${1##*/} == nfsq-worker ]] && cmd=nfsq-worker\n"
	"\tfor ((i = 1; i <= COMP_CWORD; i++)); do\n"
	"\t\tword=${COMP_WORDS[i]} n=${#words[@]}\n"
	"\t\tif ((n > 1)) && [[ $word == [=:]* ||\n"
	"\t\t    ${COMP_WORDS[i - 1]} == [=:] ]]; then\n"
	"\t\t\twords[n - 1]+=$word\n"
	"\t\telse\n"
	"\t\t\twords+=(\"$word\")\n"
	"\t\tfi\n"
	"\tdone\n"
	"\tn=$((${#words[@]} - 1)) cur=${words[n]}\n"
	"\tfor ((i = 1; i < n; i++)); do\n"
	"\t\tword=${words[i]} stop=\n"
	"\t\t[[ $cmd ]] && _nfsq_words \"$cmd\"\n"
	"\t\tif [[ $opt ]]; then\n"
	"\t\t\t[[ $opt == -S || $opt == --spool ]] && spool=$word\n"
	"\t\t\topt=\n"
	"\t\telif [[ ! $ended && $word == -- ]]; then\n"
	"\t\t\tended=yes\n"
	"\t\telif [[ ! $ended && $word == --spool=* ]]; then\n"
	"\t\t\tspool=${word#*=}\n"
	"\t\telif [[ ! $ended && $word == -?* ]]; then\n"
	"\t\t\t_nfsq_value \"$cmd\" \"$word\" && opt=$word\n"
	"\t\telif [[ ! $cmd ]]; then\n"
	"\t\t\tcmd=$word\n"
	"\t\telse\n"
	"\t\t\ttook=yes\n"
	"\t\t\t[[ $stop ]] && ended=yes\n"
	"\t\tfi\n"
	"\tdone\n"
	"\tspool=${spool/#\\~\\//$HOME/}\n\n"
	"\tif [[ $opt ]]; then\n"
	"\t\t_nfsq_value \"$cmd\" \"$opt\"\n"
	"\t\t_nfsq_kind \"$kind\"\n"
	"\telif [[ ! $ended && $cur == --*=* ]]; then\n"
	"\t\topt=${cur%%=*} cur=${cur#*=}\n"
	"\t\t_nfsq_value \"$cmd\" \"$opt\" && _nfsq_kind \"$kind\"\n"
	"\t\t[[ $COMP_WORDBREAKS == *=* ]] ||\n"
	"\t\t\tCOMPREPLY=(\"${COMPREPLY[@]/#/$opt=}\")\n"
	"\telif [[ ! $ended && $cur == -* ]]; then\n"
	"\t\t_nfsq_names \"$cmd\"\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -W \"$names\" -- \"$cur\")\n"
	"\telif [[ ! $cmd ]]; then\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -W \"$_nfsq_commands\" \\\n"
	"\t\t\t-- \"$cur\")\n"
	"\telse\n"
	"\t\t_nfsq_words \"$cmd\"\n"
	"\t\t[[ $stop && $took ]] && kind=file\n"
	"\t\t_nfsq_kind \"$kind\"\n"
	"\tfi\n"
	"\tif [[ $COMP_WORDBREAKS == *:* && $cur == *:* ]]; then\n"
	"\t\tword=${cur%\"${cur##*:}\"}\n"
	"\t\tCOMPREPLY=(\"${COMPREPLY[@]#\"$word\"}\")\n"
	"\tfi\n"
	"}\n\n"
	"complete -F _nfsq nfsq nfsq-worker\n";

void
opt_complete_bash(struct str *out, const struct command *const *cmds,
		  const struct command *worker)
{
	str_add(out, bash_head);
	str_add(out, "_nfsq_commands='");
	for (size_t i = 0; cmds[i]; i++)
		str_addf(out, "%s%s", i > 0 ? " " : "", cmds[i]->name);
	str_add(out, "'\n\n");
	bash_tables(out, cmds, worker);
	if (is_used("job", cmds, worker) || is_used("worker", cmds, worker))
		str_add(out, bash_list);
	bash_kinds(out, cmds, worker);
	str_add(out, bash_main);
}

/* Adds text for a place inside '..' of zsh, with a backslash before those of
 * its characters that stand in special. */
static void
zsh_text(struct str *out, const char *text, const char *special)
{
	for (; *text; text++) {
		if (strchr(special, *text))
			str_addc(out, '\\');
		if (*text == '\'')
			str_add(out, "'\\'");
		str_addc(out, *text);
	}
}

/* One form of an option, as an argument of _arguments; `ending` is what a
 * value may follow: "+" -nVALUE, "=" --name=VALUE. */
static void
zsh_option(struct str *out, const struct opt *o, const char *form,
	   const char *ending)
{
	const struct kind *kind = find_kind(o->complete);

	str_add(out, "\t\t'");
	if (o->kind == OPT_LIST)
		str_add(out, "*");
	else if (o->letter != 0 && o->name)
		str_addf(out, "(-%c --%s)", o->letter, o->name);
	str_addf(out, "%s%s[", form, takes_value(o) ? ending : "");
	zsh_text(out, o->help, "\\[]:");
	str_add(out, "]");
	if (takes_value(o)) {
		str_add(out, ":");
		zsh_text(out, o->arg, "\\:");
		str_addf(out, ":%s", kind ? kind->zsh : "");
	}
	str_add(out, "'\n");
}

static void
zsh_options(struct str *out, const struct opt *opts)
{
	struct str form = STR_INIT;

	for (const struct opt *o = opts; !is_end(o); o++) {
		str_clear(&form);
		str_addf(&form, "-%c", o->letter);
		if (o->letter != 0)
			zsh_option(out, o, form.s, "+");
		str_clear(&form);
		str_addf(&form, "--%s", o->name ? o->name : "");
		if (o->name)
			zsh_option(out, o, form.s, "=");
	}
	str_release(&form);
}

/* One command's case in _nfsq_args. */
static void
zsh_case(struct str *out, const struct command *cmd)
{
	const struct kind *kind = find_kind(cmd->complete);
	bool stop = cmd->flags & CMD_STOP;

	str_addf(out, "\t%s)\n\t\tspecs=(\n", cmd->name);
	zsh_options(out, cmd->opts);
	if (stop)
		str_addf(out, "\t\t'(-)1:command:%s'\n"
			 "\t\t'*::argument:_normal'\n", kind ? kind->zsh : "");
	else if (kind)
		str_addf(out, "\t\t'*:%s:%s'\n", kind->name, kind->zsh);
	str_addf(out, "\t\t)\n\t\t_arguments -s -S %s: $specs $_nfsq_globals\n"
		 "\t\t;;\n", stop ? "-A '-*' " : "");
}

static const char zsh_head[] =
	"#compdef nfsq nfsq-worker\n"
	"# zsh completion for nfsq and nfsq-worker\n"
	"# printed from the tables of options; changes are lost\n\n";

static const char zsh_job[] =
	"_nfsq_list()\n{\n"
	"\tlocal -a words\n\n"
	"\twords=(${(f)\"$(nfsq ${_nfsq_spool:+-S} $_nfsq_spool $@"
	" 2>/dev/null </dev/null)\"})\n"
	"\twords=(${words%%[[:space:]]*})\n"
	"\tcompadd -M 'r:|.=*' -a words\n"
	"}\n\n";

static const char zsh_main[] =
	"_nfsq()\n{\n"
	"\tlocal curcontext=$curcontext state line _nfsq_spool\n"
	"\tlocal -a _nfsq_globals\n"
	"\tlocal -A opt_args\n"
	"\tlocal i\n\n"
	"\t_nfsq_set_globals\n"
	"\tfor ((i = 2; i < CURRENT; i++)); do\n"
	"\t\tcase $words[i] in\n"
	"\t\t-S | --spool) _nfsq_spool=${(Q)words[i + 1]} ;;\n"
	"\t\t--spool=*) _nfsq_spool=${(Q)words[i]#*=} ;;\n"
	"\t\tesac\n"
	"\tdone\n"
	"\t_nfsq_spool=${_nfsq_spool/#\\~\\//$HOME/}\n"
	"\tif [[ $service == nfsq-worker ]]; then\n"
	"\t\t_nfsq_args nfsq-worker\n"
	"\t\treturn\n"
	"\tfi\n"
	"\t_arguments -C -s -A '-*' : $_nfsq_globals \\\n"
	"\t\t'(-)1:command:_nfsq_subcommand' '*:: :->args' && return\n"
	"\tif [[ $state == args ]]; then\n"
	"\t\tcurcontext=${curcontext%:*:*}:nfsq-$line[1]:\n"
	"\t\t_nfsq_args $line[1]\n"
	"\tfi\n"
	"}\n\n"
	"_nfsq \"$@\"\n";

/* Actions that are functions of the script, by the kinds that need them. */
static void
zsh_functions(struct str *out, const struct command *const *cmds,
	      const struct command *worker)
{
	bool job = is_used("job", cmds, worker);
	bool workers = is_used("worker", cmds, worker);

	if (job || workers)
		str_add(out, zsh_job);
	if (job)
		str_add(out, "_nfsq_job()\n{\n"
			     "\t_nfsq_list ls --no-header -o id\n}\n\n");
	if (workers)
		str_add(out, "_nfsq_worker()\n{\n"
			     "\t_nfsq_list workers --no-header\n}\n\n");
	if (is_used("command", cmds, worker))
		str_add(out, "_nfsq_command()\n{\n\t_alternative "
			     "'files:file:_files' \\\n\t\t"
			     "'commands:command:_command_names -e'\n}\n\n");
}

void
opt_complete_zsh(struct str *out, const struct command *const *cmds,
		 const struct command *worker)
{
	str_add(out, zsh_head);
	zsh_functions(out, cmds, worker);
	str_add(out, "_nfsq_subcommand()\n{\n\tlocal -a commands=(\n");
	for (size_t i = 0; cmds[i]; i++) {
		str_addf(out, "\t\t'%s:", cmds[i]->name);
		zsh_text(out, cmds[i]->summary, "\\:");
		str_add(out, "'\n");
	}
	str_add(out, "\t)\n\n\t_describe -t commands command commands\n}\n\n");
	str_add(out, "_nfsq_set_globals()\n{\n\t_nfsq_globals=(\n");
	zsh_options(out, opt_globals);
	str_add(out, "\t)\n}\n\n");
	str_add(out, "_nfsq_args()\n{\n\tlocal -a specs\n\n\tcase $1 in\n");
	for (size_t i = 0; cmds[i]; i++)
		zsh_case(out, cmds[i]);
	zsh_case(out, worker);
	str_add(out, "\tesac\n}\n\n");
	str_add(out, zsh_main);
}
