/*
 * token.c - owns the file name that stands for a job, and the names of states
 * and reasons
 *
 * One table of words drives both directions: how each word is printed and how
 * it is parsed.  Parsing is strict, so that no file that nfsq did not make is
 * taken for a token: decimal numbers have no sign but a needed '-' and no
 * leading zero, %XX is upper case and only where it is needed, no key comes
 * twice, words and flags are in the order of their tables, none has its
 * default value.  So printing what was parsed gives the name again; otherwise
 * whoever moves a token would name a file that is not there, and take that
 * for a lost race.  What a later version may add (a key, a flag letter, a
 * reason) makes the token foreign, never malformed.
 *
 * Numbers have ranges so that a name fits: the longest name without the words
 * that may give way is 240 bytes at most (asserted by a unit test).  When a
 * name is too long, name, user and host are cut, in this order; after that
 * rss, cpu and bs, which are only told, are left out.  Numbers beyond their
 * range are written as the nearest that is in it; id and task range, which
 * must not lie, are a BUG then.
 */
#include "nfsq.h"
#include "token.h"

#define SEGMENT 64	/* ",exit=" and 40 bytes fit */

static const char *const state_names[STATE_COUNT] = {
	[STATE_HELD] = "held",		 [STATE_WAITING] = "waiting",
	[STATE_QUEUED] = "queued",	 [STATE_RUNNING] = "running",
	[STATE_DONE] = "done",		 [STATE_FAILED] = "failed",
	[STATE_CANCELLED] = "cancelled", [STATE_CORRUPT] = "corrupt",
};

static const char *const reason_names[REASON_COUNT] = {
	[REASON_NONE] = "",
	[REASON_HOLD] = "hold",
	[REASON_DEPENDENCY] = "dependency",
	[REASON_BEGIN] = "begin",
	[REASON_RETRY] = "retry",
	[REASON_RESOURCES] = "resources",
	[REASON_LIMIT] = "limit",
	[REASON_LICENCE] = "licence",
	[REASON_EXIT] = "exit",
	[REASON_SIGNAL] = "signal",
	[REASON_TIMEOUT] = "timeout",
	[REASON_MEMORY] = "memory",
	[REASON_LOST] = "lost",
	[REASON_CANCELLED] = "cancelled",
	[REASON_CHDIR] = "chdir",
	[REASON_INPUT] = "input",
	[REASON_OUTPUT] = "output",
	[REASON_EXEC] = "exec",
	[REASON_ATTEMPTS] = "attempts",
};

/* In the order in which they are printed. */
static const struct {
	char letter;
	unsigned flag;
} flag_letters[] = {
	{ 'n', TOKEN_NO_REQUEUE },
	{ 'o', TOKEN_OUTPUT },
	{ 'h', TOKEN_HOLD },
	{ 'e', TOKEN_SPLIT },
};

const char *
state_name(enum state s)
{
	if ((unsigned)s >= STATE_COUNT)
		BUG("no state %d", (int)s);
	return state_names[s];
}

int
state_parse(const char *text)
{
	for (int i = 0; i < STATE_COUNT; i++)
		if (strcmp(text, state_names[i]) == 0)
			return i;
	return -1;
}

bool
state_ended(enum state s)
{
	return s == STATE_DONE || s == STATE_FAILED || s == STATE_CANCELLED ||
	       s == STATE_CORRUPT;
}

const char *
reason_name(enum reason r)
{
	if ((unsigned)r >= REASON_COUNT)
		BUG("no reason %d", (int)r);
	return reason_names[r];
}

int
reason_parse(const char *text)
{
	for (int i = REASON_NONE + 1; i < REASON_COUNT; i++)
		if (strcmp(text, reason_names[i]) == 0)
			return i;
	return -1;
}

enum number {
	NUMBER_U32, NUMBER_U64, NUMBER_INT, NUMBER_I64,
};

/* What a parser says of a value. */
enum verdict {
	BAD, GOOD, FOREIGN,
};

struct word {
	const char *key;
	/* Writes the value to buf; "" when the word is left out. */
	void (*print)(const struct word *w, const struct token *t,
		      char buf[SEGMENT]);
	/* Reads the value, a NUL-terminated text of allowed bytes. */
	enum verdict (*parse)(const struct word *w, const char *value,
			      struct token *t);
	size_t offset;
	enum number type;	/* numbers only */
	int64_t min, max, def;	/* numbers; texts: max is the encoded length */
	int gives_way;		/* from 1, in this order; 0: never */
};

static int64_t
number_get(const struct word *w, const struct token *t)
{
	const void *p = (const char *)t + w->offset;
	uint64_t u;

	switch (w->type) {
	case NUMBER_U32:
		return *(const uint32_t *)p;
	case NUMBER_INT:
		return *(const int *)p;
	case NUMBER_I64:
		return *(const int64_t *)p;
	case NUMBER_U64:
		u = *(const uint64_t *)p;
		return u > INT64_MAX ? INT64_MAX : (int64_t)u;
	}
	BUG("no number type %d", (int)w->type);
}

static void
number_set(const struct word *w, struct token *t, int64_t n)
{
	void *p = (char *)t + w->offset;

	switch (w->type) {
	case NUMBER_U32:
		*(uint32_t *)p = (uint32_t)n;
		return;
	case NUMBER_INT:
		*(int *)p = (int)n;
		return;
	case NUMBER_I64:
		*(int64_t *)p = n;
		return;
	case NUMBER_U64:
		*(uint64_t *)p = (uint64_t)n;
		return;
	}
	BUG("no number type %d", (int)w->type);
}

/*
 * Reads a canonical decimal from the start of text: no plus, no "-0", no
 * leading zero.  Returns the byte after it, or NULL.
 */
static const char *
read_decimal(const char *text, int64_t min, int64_t max, int64_t *out)
{
	bool minus = *text == '-';
	const char *digits = text + minus;
	int64_t n = 0;
	const char *p;

	if (!(*digits >= '0' && *digits <= '9'))
		return NULL;
	if (*digits == '0' && (minus || (digits[1] >= '0' && digits[1] <= '9')))
		return NULL;
	for (p = digits; *p >= '0' && *p <= '9'; p++) {
		if (n > (INT64_MAX - 9) / 10)
			return NULL;
		n = n * 10 + (*p - '0');
	}
	n = minus ? -n : n;
	if (n < min || n > max)
		return NULL;
	*out = n;
	return p;
}

static int64_t
clamp(int64_t n, int64_t min, int64_t max)
{
	return n < min ? min : n > max ? max : n;
}

static void
print_number(const struct word *w, const struct token *t, char buf[SEGMENT])
{
	int64_t n = clamp(number_get(w, t), w->min, w->max);

	buf[0] = '\0';
	if (n != w->def)
		snprintf(buf, SEGMENT, "%" PRId64, n);
}

static enum verdict
parse_number(const struct word *w, const char *value, struct token *t)
{
	int64_t n;
	const char *end = read_decimal(value, w->min, w->max, &n);

	if (!end || *end || (n == w->def && w->print == print_number))
		return BAD;
	number_set(w, t, n);
	return GOOD;
}

/* exit=: there when the job has ended, also with 0. */
static void
print_exit(const struct word *w, const struct token *t, char buf[SEGMENT])
{
	buf[0] = '\0';
	if (t->ended)
		snprintf(buf, SEGMENT, "%d",
			 (int)clamp(t->exit_code, w->min, w->max));
}

static enum verdict
parse_exit(const struct word *w, const char *value, struct token *t)
{
	t->ended = true;
	return parse_number(w, value, t);
}

static void
print_true(const struct word *w, const struct token *t, char buf[SEGMENT])
{
	const bool *p = (const void *)((const char *)t + w->offset);

	snprintf(buf, SEGMENT, "%s", *p ? "1" : "");
}

static enum verdict
parse_true(const struct word *w, const char *value, struct token *t)
{
	bool *p = (void *)((char *)t + w->offset);

	if (strcmp(value, "1") != 0)
		return BAD;
	*p = true;
	return GOOD;
}

static void
print_flags(const struct word *w, const struct token *t, char buf[SEGMENT])
{
	size_t n = 0;

	(void)w;
	for (size_t i = 0; i < ARRAY_LEN(flag_letters); i++)
		if (t->flags & flag_letters[i].flag)
			buf[n++] = flag_letters[i].letter;
	buf[n] = '\0';
}

/* Its place in the table, or the table's length. */
static size_t
flag_at(char letter)
{
	size_t i = 0;

	while (i < ARRAY_LEN(flag_letters) && flag_letters[i].letter != letter)
		i++;
	return i;
}

static enum verdict
parse_flags(const struct word *w, const char *value, struct token *t)
{
	enum verdict verdict = GOOD;
	size_t least = 0;

	(void)w;
	if (!*value)
		return BAD;
	for (const char *p = value; *p; p++) {
		size_t i = flag_at(*p);

		if (*p < 'a' || *p > 'z' || strchr(p + 1, *p) || i < least)
			return BAD;
		if (i == ARRAY_LEN(flag_letters)) {
			verdict = FOREIGN;
			continue;
		}
		t->flags |= flag_letters[i].flag;
		least = i + 1;
	}
	return verdict;
}

static void
print_range(const struct word *w, const struct token *t, char buf[SEGMENT])
{
	buf[0] = '\0';
	if (!t->array)
		return;
	if (t->task_lo > t->task_hi || t->task_hi > (uint64_t)w->max)
		BUG("task range %" PRIu64 "-%" PRIu64, t->task_lo, t->task_hi);
	snprintf(buf, SEGMENT, "%" PRIu64 "-%" PRIu64, t->task_lo, t->task_hi);
}

static enum verdict
parse_range(const struct word *w, const char *value, struct token *t)
{
	int64_t lo, hi;
	const char *p = read_decimal(value, w->min, w->max, &lo);

	if (!p || *p != '-')
		return BAD;
	p = read_decimal(p + 1, lo, w->max, &hi);
	if (!p || *p)
		return BAD;
	t->array = true;
	t->task_lo = (uint64_t)lo;
	t->task_hi = (uint64_t)hi;
	return GOOD;
}

static void
print_reason(const struct word *w, const struct token *t, char buf[SEGMENT])
{
	(void)w;
	snprintf(buf, SEGMENT, "%s", reason_name(t->reason));
}

static enum verdict
parse_reason(const struct word *w, const char *value, struct token *t)
{
	int r = reason_parse(value);

	(void)w;
	if (!*value)
		return BAD;
	for (const char *p = value; *p; p++)
		if (*p < 'a' || *p > 'z')
			return BAD;
	if (r < 0)
		return FOREIGN;
	t->reason = (enum reason)r;
	return GOOD;
}

/* Bytes that stand for themselves; no locale. */
static bool
is_plain(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9') || (c && strchr("_.:+-", c));
}

/* Bytes of the character at s, 1 where it is no valid UTF-8. */
static size_t
char_len(const char *s)
{
	unsigned char c = (unsigned char)*s;
	size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc2 ? 2 : 1;

	if (c > 0xf4)
		return 1;
	for (size_t i = 1; i < n; i++)
		if (((unsigned char)s[i] & 0xc0) != 0x80)
			return 1;
	return n;
}

/* How many bytes of text, in whole characters, encode to room at most. */
static size_t
text_fit(const char *text, size_t room)
{
	size_t used = 0, n = 0;

	while (text[n]) {
		size_t len = char_len(text + n);

		for (size_t i = 0; i < len; i++)
			used += is_plain((unsigned char)text[n + i]) ? 1 : 3;
		if (used > room)
			break;
		n += len;
	}
	return n;
}

static void
encode_text(const char *text, size_t room, char buf[SEGMENT])
{
	static const char hex[] = "0123456789ABCDEF";
	size_t n = text_fit(text, room), out = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		if (is_plain(c)) {
			buf[out++] = (char)c;
			continue;
		}
		buf[out++] = '%';
		buf[out++] = hex[c >> 4];
		buf[out++] = hex[c & 15];
	}
	buf[out] = '\0';
}

static void
print_text(const struct word *w, const struct token *t, char buf[SEGMENT])
{
	encode_text((const char *)t + w->offset, (size_t)w->max, buf);
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static enum verdict
parse_text(const struct word *w, const char *value, struct token *t)
{
	char *field = (char *)t + w->offset;
	size_t n = 0;

	if (!*value || strlen(value) > (size_t)w->max)
		return BAD;
	for (const char *p = value; *p; p++) {
		int hi, lo;

		if (*p != '%') {
			field[n++] = *p;
			continue;
		}
		hi = hex_digit(p[1]);
		lo = hi < 0 ? -1 : hex_digit(p[2]);
		if (lo < 0 || hi * 16 + lo == 0 ||
		    is_plain((unsigned char)(hi * 16 + lo)))
			return BAD;
		field[n++] = (char)(hi * 16 + lo);
		p += 2;
	}
	field[n] = '\0';
	return GOOD;
}

#define FIELD(f) offsetof(struct token, f)
#define NUMBER(key, field, type, min, max, def, gives_way) \
	{ key, print_number, parse_number, FIELD(field), NUMBER_##type, \
	  min, max, def, gives_way }
#define TEXT(key, field, room, gives_way) \
	{ key, print_text, parse_text, FIELD(field), NUMBER_INT, \
	  0, room, 0, gives_way }
#define OTHER(key, how, field, min, max) \
	{ key, print_##how, parse_##how, FIELD(field), NUMBER_INT, \
	  min, max, 0, 0 }

static const struct word words[] = {
	NUMBER("a", attempt, U32, 0, TOKEN_COUNT_MAX, 0, 0),
	NUMBER("l", lost, U32, 0, TOKEN_COUNT_MAX, 0, 0),
	NUMBER("x", max_attempts, U32, 1, TOKEN_COUNT_MAX, 5, 0),
	NUMBER("r", tries, U32, 0, TOKEN_COUNT_MAX, 0, 0),
	NUMBER("p", priority, INT, -100, 100, 0, 0),
	NUMBER("c", cpus, U32, 1, TOKEN_CPUS_MAX, 1, 0),
	NUMBER("m", mem_mb, U64, 0, TOKEN_MEM_MAX, 0, 0),
	NUMBER("g", gpus, U32, 0, TOKEN_GPUS_MAX, 0, 0),
	OTHER("f", flags, flags, 0, 0),
	OTHER("t", range, task_lo, 0, TOKEN_TASK_MAX),
	OTHER("d", true, depends, 0, 1),
	OTHER("k", true, keyed, 0, 1),
	NUMBER("s", submit_ms, I64, 0, TOKEN_TIME_MAX, 0, 0),
	NUMBER("b", begin_ms, I64, 0, TOKEN_TIME_MAX, 0, 0),
	OTHER("w", reason, reason, 0, 0),
	TEXT("u", user, TOKEN_TEXT_MAX, 2),
	TEXT("n", name, TOKEN_TEXT_MAX, 1),
	OTHER("exit", exit, exit_code, 0, 255),
	NUMBER("sig", signal, INT, 0, 127, 0, 0),
	NUMBER("bs", start_ms, I64, 0, TOKEN_TIME_MAX, 0, 6),
	NUMBER("be", end_ms, I64, 0, TOKEN_TIME_MAX, 0, 0),
	NUMBER("cpu", cpu_ms, I64, -1, TOKEN_TIME_MAX, -1, 5),
	NUMBER("rss", rss_kb, I64, -1, TOKEN_TIME_MAX, -1, 4),
	TEXT("h", host, TOKEN_HOST_MAX, 3),
};
#define GIVES_WAY_MAX 6

void
token_init(struct token *t)
{
	memset(t, 0, sizeof(*t));
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (words[i].print == print_number)
			number_set(&words[i], t, words[i].def);
}

/* ID.NONCE.MOVE; returns the byte after it, or NULL. */
static const char *
parse_head(const char *name, struct token *t)
{
	int64_t id, move;
	const char *p = read_decimal(name, 1, TOKEN_ID_MAX, &id);

	if (!p || *p++ != '.')
		return NULL;
	for (size_t i = 0; i < NONCE_LEN; i++, p++) {
		if (!((*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'f')))
			return NULL;
		t->nonce[i] = *p;
	}
	if (*p++ != '.')
		return NULL;
	p = read_decimal(p, 0, UINT32_MAX, &move);
	if (!p)
		return NULL;
	t->id = (uint64_t)id;
	t->move = (uint32_t)move;
	return p;
}

/* Does a word with this key (which ends with '=') stand in rest, a text that
 * is empty or begins with a comma? */
static bool
key_again(const char *rest, const char *key, size_t len)
{
	for (; rest; rest = strchr(rest + 1, ','))
		if (*rest && strncmp(rest + 1, key, len) == 0)
			return true;
		else if (!*rest)
			return false;
	return false;
}

/* *least: the first word of the table that may come now. */
static enum verdict
parse_word(const char *text, size_t len, const char *rest, size_t *least,
	   struct token *t)
{
	char word[TOKEN_NAME_MAX + 1];
	size_t key = 0;

	memcpy(word, text, len);
	word[len] = '\0';
	while (word[key] >= 'a' && word[key] <= 'z')
		key++;
	if (key == 0 || word[key] != '=' || key_again(rest, text, key + 1))
		return BAD;
	for (size_t i = key + 1; i < len; i++)
		if (!is_plain((unsigned char)word[i]) && word[i] != '%')
			return BAD;
	word[key] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(words[i].key, word) != 0)
			continue;
		if (i < *least)
			return BAD;
		*least = i + 1;
		return words[i].parse(&words[i], word + key + 1, t);
	}
	return FOREIGN;
}

int
token_parse(const char *name, struct token *t)
{
	const char *p;
	size_t least = 0;

	token_init(t);
	if (strlen(name) > TOKEN_NAME_MAX)
		return 0;
	p = parse_head(name, t);
	if (!p)
		return 0;
	while (*p) {
		size_t len;

		if (*p++ != ',')
			return 0;
		len = strcspn(p, ",");
		switch (parse_word(p, len, p + len, &least, t)) {
		case BAD:
			return 0;
		case FOREIGN:
			t->foreign = true;
			break;
		case GOOD:
			break;
		}
		p += len;
	}
	return 1;
}

/* What ",KEY=" and the value take in the name. */
static size_t
word_len(const struct word *w, const char *value)
{
	return *value ? strlen(w->key) + 2 + strlen(value) : 0;
}

/* Makes the value shorter by `over` bytes, or as far as it goes; returns by
 * how much it became shorter. */
static size_t
give_way(const struct word *w, const struct token *t, size_t over,
	 char value[SEGMENT])
{
	size_t before = word_len(w, value), len = strlen(value);

	if (w->print == print_text)
		encode_text((const char *)t + w->offset,
			    len > over ? len - over : 0, value);
	else
		value[0] = '\0';
	return before - word_len(w, value);
}

static void
make_fit(const struct token *t, size_t len,
	 char values[ARRAY_LEN(words)][SEGMENT])
{
	for (int turn = 1; turn <= GIVES_WAY_MAX; turn++)
		for (size_t i = 0; i < ARRAY_LEN(words); i++)
			if (len > TOKEN_NAME_MAX && words[i].gives_way == turn)
				len -= give_way(&words[i], t,
						len - TOKEN_NAME_MAX,
						values[i]);
	if (len > TOKEN_NAME_MAX)
		BUG("token of %zu bytes", len);
}

void
token_format(const struct token *t, char buf[TOKEN_NAME_MAX + 1])
{
	char values[ARRAY_LEN(words)][SEGMENT];
	size_t head, len;
	char *p = buf;

	if (t->foreign)
		BUG("foreign token %" PRIu64 " formatted", t->id);
	if (t->id == 0 || t->id > TOKEN_ID_MAX ||
	    strspn(t->nonce, "0123456789abcdef") != NONCE_LEN)
		BUG("token %" PRIu64 ".%s", t->id, t->nonce);
	head = (size_t)snprintf(buf, TOKEN_NAME_MAX + 1,
				"%" PRIu64 ".%s.%" PRIu32, t->id, t->nonce,
				t->move);
	len = head;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		words[i].print(&words[i], t, values[i]);
		len += word_len(&words[i], values[i]);
	}
	make_fit(t, len, values);
	p += head;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (values[i][0])
			p += snprintf(p, SEGMENT, ",%s=%s", words[i].key,
				      values[i]);
}

void
token_clear_end(struct token *t)
{
	t->ended = false;
	t->exit_code = 0;
	t->signal = 0;
	t->start_ms = 0;
	t->end_ms = 0;
	t->cpu_ms = -1;
	t->rss_kb = -1;
	t->host[0] = '\0';
	t->reason = REASON_NONE;
}

void
token_set_text(char field[TOKEN_TEXT_MAX + 1], const char *text)
{
	size_t n = text_fit(text, TOKEN_TEXT_MAX);

	memmove(field, text, n);
	field[n] = '\0';
}

int
token_cmp(const struct token *a, const struct token *b)
{
	return a->id < b->id ? -1 : a->id > b->id;
}

int
token_parse_id(const char *text, uint64_t *id)
{
	int64_t n;
	const char *end = read_decimal(text, 1, TOKEN_ID_MAX, &n);

	if (!end || *end)
		return 0;
	*id = (uint64_t)n;
	return 1;
}
