/*
 * fuzz-names.c - targets for names of entries and texts of links in a spool
 */
#include "nfsq.h"
#include "fuzz.h"

#include "spool-int.h"
#include "token.h"

/* Printable ASCII without blank and '/': what a name of ours consists of. */
static bool
is_clean(const char *name)
{
	for (const char *p = name; *p; p++)
		if (*p <= ' ' || *p > '~' || *p == '/')
			return false;
	return true;
}

/* Writes t, reads it back, compares. */
static void
round_trip(const struct token *t)
{
	char name[TOKEN_NAME_MAX + 1], again[TOKEN_NAME_MAX + 1];
	struct token back;

	token_format(t, name);
	FUZZ_CHECK(strlen(name) <= TOKEN_NAME_MAX && is_clean(name));
	FUZZ_CHECK(token_parse(name, &back) == 1);
	FUZZ_CHECK(!back.foreign);
	FUZZ_CHECK(back.id == t->id && back.move == t->move);
	FUZZ_CHECK(strcmp(back.nonce, t->nonce) == 0);
	FUZZ_CHECK(back.ended == t->ended && back.reason == t->reason);
	FUZZ_CHECK(back.array == t->array && back.depends == t->depends);
	token_format(&back, again);
	FUZZ_CHECK(strcmp(name, again) == 0);
}

void
fuzz_token(const uint8_t *data, size_t n)
{
	char *name = xmemdup0(data, n);
	char canon[TOKEN_NAME_MAX + 1];
	struct token t;

	if (token_parse(name, &t) == 1) {
		FUZZ_CHECK(is_clean(name));
		if (!t.foreign) {
			round_trip(&t);
			/* One name for a token, or a rename would miss it. */
			token_format(&t, canon);
			FUZZ_CHECK(strcmp(canon, name) == 0);
		}
	}
	free(name);
}

void
fuzz_token_made(const uint8_t *data, size_t n)
{
	struct fuzz_input in = { data, n };
	struct token t;
	char *text;

	token_init(&t);
	t.id = fuzz_number(&in) % (uint64_t)TOKEN_ID_MAX + 1;
	snprintf(t.nonce, sizeof(t.nonce), "%010" PRIx64,
		 fuzz_number(&in) & UINT64_C(0xffffffffff));
	t.move = (uint32_t)fuzz_number(&in);
	t.attempt = (uint32_t)fuzz_number(&in);
	t.lost = (uint32_t)fuzz_number(&in);
	t.max_attempts = (uint32_t)fuzz_number(&in);
	t.tries = (uint32_t)fuzz_number(&in);
	t.priority = (int)(uint32_t)fuzz_number(&in);
	t.cpus = (uint32_t)fuzz_number(&in);
	t.mem_mb = fuzz_number(&in);
	t.gpus = (uint32_t)fuzz_number(&in);
	t.flags = (unsigned)fuzz_number(&in) & 15;
	t.submit_ms = (int64_t)fuzz_number(&in);
	t.begin_ms = (int64_t)fuzz_number(&in);
	t.reason = (enum reason)(fuzz_number(&in) % REASON_COUNT);
	t.ended = fuzz_number(&in) & 1;
	t.exit_code = (int)(uint32_t)fuzz_number(&in);
	t.signal = (int)(uint32_t)fuzz_number(&in);
	t.start_ms = (int64_t)fuzz_number(&in);
	t.end_ms = (int64_t)fuzz_number(&in);
	t.cpu_ms = (int64_t)fuzz_number(&in);
	t.rss_kb = (int64_t)fuzz_number(&in);
	text = fuzz_text(&in);
	token_set_text(t.host, text);
	free(text);
	text = fuzz_text(&in);
	token_set_text(t.user, text);
	free(text);
	text = fuzz_text(&in);
	token_set_text(t.name, text);
	free(text);
	round_trip(&t);
}

static void
check_bucket(const char *name)
{
	struct bucket b;
	struct str s = STR_INIT;

	if (bucket_parse(name, &b) != 1)
		return;
	FUZZ_CHECK(is_clean(name));
	/* A name of ours, and only one: as new_bucket writes it. */
	str_addf(&s, "%d.c%u", b.priority, b.cpus);
	if (b.mem_mb)
		str_addf(&s, "m%" PRIu64, b.mem_mb);
	if (b.gpus)
		str_addf(&s, "g%u", b.gpus);
	str_addf(&s, ".%" PRIu64 ".", b.block);
	FUZZ_CHECK(strncmp(name, s.s, s.len) == 0 &&
		   strlen(name) == s.len + NONCE_LEN);
	str_release(&s);
}

static void
check_request(const char *name)
{
	struct request r;
	struct str s = STR_INIT;

	if (request_parse(name, &r) != 1)
		return;
	FUZZ_CHECK(is_clean(name) && r.op < REQ_COUNT && r.arg >= 0);
	FUZZ_CHECK((r.id == 0) == (r.worker[0] != '\0'));
	str_addf(&s, "req.%s.%d.", request_name(r.op), r.arg);
	if (r.id)
		str_addf(&s, "%" PRIu64 ".", r.id);
	else
		str_addf(&s, "%s.", r.worker);
	FUZZ_CHECK(strncmp(name, s.s, s.len) == 0 &&
		   strlen(name) == s.len + NONCE_LEN);
	str_release(&s);
}

static void
check_drain(const char *name)
{
	struct drain d;
	struct str s = STR_INIT;

	if (drain_parse(name, &d) != 1)
		return;
	FUZZ_CHECK(is_clean(name));
	str_add(&s, "drain.");
	spool_encode(&s, d.host);
	str_addc(&s, '.');
	if (d.name)
		spool_encode(&s, d.name);
	str_addc(&s, '.');
	FUZZ_CHECK(strncmp(name, s.s, s.len) == 0 &&
		   strlen(name) == s.len + NONCE_LEN);
	str_release(&s);
	free(d.host);
	free(d.name);
}

static void
check_output(const char *name)
{
	unsigned move, attempt;
	const char *kind = output_parse(name, &move, &attempt);
	struct str s = STR_INIT;

	if (!kind)
		return;
	FUZZ_CHECK(is_clean(name));
	str_addf(&s, "%u.a%u.%s", move, attempt, kind);
	FUZZ_CHECK(strcmp(s.s, name) == 0);
	str_release(&s);
}

void
fuzz_names(const uint8_t *data, size_t n)
{
	char *name = xmemdup0(data, n);
	uint64_t id;
	int k;

	check_bucket(name);
	check_request(name);
	check_drain(name);
	check_output(name);
	if (token_parse_id(name, &id) == 1)
		FUZZ_CHECK(is_clean(name) && id > 0);
	k = state_parse(name);
	FUZZ_CHECK(k < 0 || strcmp(state_name((enum state)k), name) == 0);
	k = reason_parse(name);
	FUZZ_CHECK(k < 0 || strcmp(reason_name((enum reason)k), name) == 0);
	free(name);
}

void
fuzz_words(const uint8_t *data, size_t n)
{
	static const char *const keys[] = {
		"name", "host", "pid", "exit", "detail",
	};
	struct fuzz_input in = { data, n };
	char *text = fuzz_text(&in), *value = fuzz_text(&in), *back;
	int64_t number = (int64_t)fuzz_number(&in);
	struct str s = STR_INIT;

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		free(words_get(text, keys[i]));
		(void)words_getn(text, keys[i], -1);
	}
	words_add(&s, "name", text);
	words_add(&s, "host", value);
	words_addn(&s, "exit", number);
	back = words_get(s.s, "name");
	FUZZ_CHECK(back && strcmp(back, text) == 0);
	free(back);
	back = words_get(s.s, "host");
	FUZZ_CHECK(back && strcmp(back, value) == 0);
	free(back);
	FUZZ_CHECK(words_getn(s.s, "exit", number + (number < 9)) == number);
	FUZZ_CHECK(!words_get(s.s, "detail"));
	str_release(&s);
	free(value);
	free(text);
}

void
fuzz_decode(const uint8_t *data, size_t n)
{
	struct str plain = STR_INIT, coded = STR_INIT, back = STR_INIT;
	char *text = xmemdup0(data, n);

	if (spool_decode((const char *)data, n, &plain) == 1)
		FUZZ_CHECK(plain.len <= n);
	spool_encode(&coded, text);
	FUZZ_CHECK(is_clean(coded.s) && !strchr(coded.s, '.'));
	FUZZ_CHECK(spool_decode(coded.s, coded.len, &back) == 1);
	FUZZ_CHECK(strcmp(back.s, text) == 0);
	str_release(&plain);
	str_release(&coded);
	str_release(&back);
	free(text);
}
