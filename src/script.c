/*
 * script.c - owns the #NFSQ lines of a batch script
 *
 * The opening comments end at the first line that is neither empty nor a
 * comment; nothing behind it is looked at, but for NULs.  Words are ours,
 * each with its line for the message about it.
 */
#include "nfsq.h"
#include "script.h"

#include "job.h"
#include "msg.h"
#include "str.h"

#define MARK "#NFSQ"

bool
script_is(const char *text, size_t len)
{
	return len >= 2 && text[0] == '#' && text[1] == '!';
}

/* One line without its newline. */
struct line {
	const char *file;
	unsigned number;	/* from 1 */
	const char *s;
	size_t len;
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Is it empty or a comment? */
static bool
is_opening(const struct line *line)
{
	size_t i = 0;

	while (i < line->len && (is_blank(line->s[i]) || line->s[i] == '\r'))
		i++;
	return i == line->len || line->s[i] == '#';
}

static bool
is_marked(const struct line *line)
{
	size_t n = strlen(MARK);

	return line->len >= n && memcmp(line->s, MARK, n) == 0 &&
	       (line->len == n || is_blank(line->s[n]) || line->s[n] == '\r');
}

static void
add_word(struct script *s, struct str *word, unsigned line)
{
	/* the room doubles whenever n reaches a power of two */
	if ((s->n & (s->n - 1)) == 0)
		s->words = xreallocarray(s->words, s->n > 0 ? s->n * 2 : 1,
					 sizeof(s->words[0]));
	s->words[s->n].text = str_detach(word);
	s->words[s->n].line = line;
	s->n++;
}

static int
line_error(const struct line *line, const char *what, struct error *err)
{
	return error_set(err, "%s:%u: %s", line->file, line->number, what);
}

/* Reads '..' or "..", from behind the quote at *at to behind its end. */
static int
read_quoted(const struct line *line, size_t *at, struct str *word,
	    struct error *err)
{
	char quote = line->s[*at - 1];

	for (; *at < line->len && line->s[*at] != quote; (*at)++) {
		char c = line->s[*at];
		char next = *at + 1 < line->len ? line->s[*at + 1] : '\0';

		/* within ".." a backslash is one but before these */
		if (quote == '"' && c == '\\' && next != '\0' &&
		    strchr("$`\"\\", next)) {
			(*at)++;
			c = next;
		}
		str_addc(word, c);
	}
	if (*at == line->len)
		return line_error(line, "unfinished quote", err);
	(*at)++;
	return 0;
}

/* Reads one word from *at, which is at its first byte. */
static int
read_word(const struct line *line, size_t *at, struct str *word,
	  struct error *err)
{
	while (*at < line->len && !is_blank(line->s[*at])) {
		char c = line->s[(*at)++];

		if (c == '\'' || c == '"') {
			if (read_quoted(line, at, word, err) < 0)
				return -1;
			continue;
		}
		if (c == '\\') {
			if (*at == line->len)
				return line_error(line, "nothing follows the "
						  "last backslash", err);
			c = line->s[(*at)++];
		}
		str_addc(word, c);
	}
	return 0;
}

/* Splits a marked line. */
static int
read_words(const struct line *line, struct script *s, struct error *err)
{
	struct str word = STR_INIT;
	size_t at = strlen(MARK);

	if (line->s[line->len - 1] == '\r')
		return line_error(line, "the line ends in CR", err);
	for (;;) {
		while (at < line->len && is_blank(line->s[at]))
			at++;
		if (at == line->len || line->s[at] == '#')
			return 0;
		if (read_word(line, &at, &word, err) < 0) {
			str_release(&word);
			return -1;
		}
		add_word(s, &word, line->number);
	}
}

/* Moves to the next line, the first when number is 0.  1, or 0 at the end
 * of the text. */
static int
next_line(struct line *line, const char *end)
{
	const char *newline;

	line->s += line->len;
	if (line->s == end)
		return 0;
	if (line->number > 0)
		line->s++;
	if (line->s == end)
		return 0;
	newline = memchr(line->s, '\n', (size_t)(end - line->s));
	line->len = (size_t)((newline ? newline : end) - line->s);
	line->number++;
	return 1;
}

/* What a text must be whatever its lines say. */
static int
check_text(const char *file, const char *text, size_t len, struct error *err)
{
	struct line first = { file, 0, text, 0 };
	const char *nul = memchr(text, '\0', len);

	next_line(&first, text + len);
	if (len > JOB_SCRIPT_MAX)
		return error_set(err, "%s: larger than %d MiB", file,
				 JOB_SCRIPT_MAX >> 20);
	if (script_is(text, len) && text[first.len - 1] == '\r')
		return line_error(&first, "the #! line ends in CR", err);
	if (!nul)
		return 0;
	for (const char *p = text; p < nul; p++)
		first.number += *p == '\n';
	return line_error(&first, "a NUL byte in the text", err);
}

/* Moves to the next #NFSQ line among the opening comments.  1 or 0. */
static int
next_marked(struct line *line, const char *end)
{
	while (next_line(line, end) && is_opening(line))
		if (is_marked(line))
			return 1;
	return 0;
}

int
script_parse(const char *file, const char *text, size_t len,
	     struct script *s, struct error *err)
{
	struct line line = { file, 0, text, 0 };
	struct line probe = line;

	if (len == 0)
		return 0;
	s->has_lines = next_marked(&probe, text + len);
	if (check_text(file, text, len, err) < 0)
		return -1;
	if (s->has_lines && !script_is(text, len))
		return line_error(&probe, "an #NFSQ line, but the text does "
				  "not begin with #!", err);
	while (next_marked(&line, text + len))
		if (read_words(&line, s, err) < 0)
			return -1;
	return 0;
}

void
script_release(struct script *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->words[i].text);
	free(s->words);
	s->words = NULL;
	s->n = 0;
	s->has_lines = false;
}
