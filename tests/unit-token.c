/*
 * unit-token.c - token names: both directions, refusals, cutting, ids
 */
#include "nfsq.h"
#include "unit.h"

#include "token.h"

#define HEAD "1042.9f2c61d0ab.3"

const char unit_suite[] = "unit-token";

/* Names that come back byte for byte. */
static const char *const round_trips[] = {
	"1.0123456789.0",
	HEAD,
	"999999999999999.abcdefabcd.4294967295",
	HEAD ",a=1",
	HEAD ",a=999999,l=999999,x=1,r=999999",
	HEAD ",p=-100",
	HEAD ",p=100,c=999999,m=8796093022207,g=9999",
	HEAD ",f=n",
	HEAD ",f=nohe",
	HEAD ",t=0-0",
	HEAD ",t=7-9999999999",
	HEAD ",d=1,k=1",
	HEAD ",s=1763822770123,b=253402300799999",
	HEAD ",w=dependency",
	HEAD ",w=cancelled,exit=130",
	HEAD ",u=alice,n=render",
	HEAD ",n=a%20b%2Cc%3D%2F%25",
	HEAD ",n=%C3%A4%FF",
	HEAD ",exit=0",
	HEAD ",exit=255,sig=9,bs=1,be=2,cpu=0,rss=0,h=node-3.a_b+c:d",
	HEAD ",h=abcdefghijklmnopqrstuvwxyz0123",
	HEAD ",n=0123456789012345678901234567890123456789",
};

static void
test_round_trips(void)
{
	for (size_t i = 0; i < ARRAY_LEN(round_trips); i++) {
		char buf[TOKEN_NAME_MAX + 1] = "";
		struct token t;
		int ret = token_parse(round_trips[i], &t);

		CHECK(ret == 1, round_trips[i]);
		CHECK(!t.foreign, round_trips[i]);
		if (ret != 1 || t.foreign)
			continue;
		token_format(&t, buf);
		CHECK_STR(buf, round_trips[i], round_trips[i]);
	}
}

static const struct {
	const char *name, *text;
} refused[] = {
	{ "empty", "" },
	{ "dot", "." },
	{ "begins with a dot", "." HEAD },
	{ "silly rename", ".nfs000000000001" },
	{ "no number", "lease" },
	{ "id alone", "1042" },
	{ "no move", "1042.9f2c61d0ab" },
	{ "empty move", "1042.9f2c61d0ab." },
	{ "id 0", "0.9f2c61d0ab.3" },
	{ "id with zero", "01042.9f2c61d0ab.3" },
	{ "id with plus", "+1042.9f2c61d0ab.3" },
	{ "id negative", "-1042.9f2c61d0ab.3" },
	{ "id blank", " 1042.9f2c61d0ab.3" },
	{ "id too large", "1000000000000000.9f2c61d0ab.3" },
	{ "id beyond 64 bits", "18446744073709551617.9f2c61d0ab.3" },
	{ "nonce short", "1042.9f2c61d0a.3" },
	{ "nonce long", "1042.9f2c61d0abc.3" },
	{ "nonce upper case", "1042.9F2c61d0ab.3" },
	{ "nonce no hex", "1042.9g2c61d0ab.3" },
	{ "move with zero", "1042.9f2c61d0ab.03" },
	{ "move too large", "1042.9f2c61d0ab.4294967296" },
	{ "text after move", "1042.9f2c61d0ab.3x" },
	{ "blank after", HEAD " " },
	{ "newline after", HEAD "\n" },
	{ "comma at end", HEAD "," },
	{ "comma twice", HEAD ",,a=1" },
	{ "comma at end of words", HEAD ",a=1," },
	{ "no equals sign", HEAD ",a" },
	{ "no key", HEAD ",=1" },
	{ "key upper case", HEAD ",A=1" },
	{ "key with digit", HEAD ",a1=1" },
	{ "value with equals sign", HEAD ",n=a=b" },
	{ "value with slash", HEAD ",zz=a/b" },
	{ "value with blank", HEAD ",zz=a b" },
	{ "value with high byte", HEAD ",n=\xc3\xa4" },
	{ "number empty", HEAD ",a=" },
	{ "number with zero", HEAD ",a=01" },
	{ "number with plus", HEAD ",a=+1" },
	{ "number hexadecimal", HEAD ",a=0x1" },
	{ "number and text", HEAD ",a=1s" },
	{ "number negative", HEAD ",a=-1" },
	{ "number minus zero", HEAD ",p=-0" },
	{ "minus alone", HEAD ",p=-" },
	{ "attempt too large", HEAD ",a=1000000" },
	{ "attempt beyond 64 bits", HEAD ",a=18446744073709551617" },
	{ "max attempts 0", HEAD ",x=0" },
	{ "priority too high", HEAD ",p=101" },
	{ "priority too low", HEAD ",p=-101" },
	{ "cpus 0", HEAD ",c=0" },
	{ "memory too large", HEAD ",m=8796093022208" },
	{ "gpus too many", HEAD ",g=10000" },
	{ "time too late", HEAD ",s=253402300800000" },
	{ "exit 256", HEAD ",exit=256" },
	{ "exit -1", HEAD ",exit=-1" },
	{ "exit empty", HEAD ",exit=" },
	{ "signal 128", HEAD ",sig=128" },
	{ "rss -2", HEAD ",rss=-2" },
	{ "key twice", HEAD ",a=1,a=1" },
	{ "key twice, apart", HEAD ",a=1,c=2,a=3" },
	{ "text twice", HEAD ",n=a,n=b" },
	{ "unknown key twice", HEAD ",zz=a,n=c,zz=b" },
	{ "range without end", HEAD ",t=1" },
	{ "range without hi", HEAD ",t=1-" },
	{ "range without lo", HEAD ",t=-5" },
	{ "range turned", HEAD ",t=5-4" },
	{ "range with zero", HEAD ",t=0-04" },
	{ "range and text", HEAD ",t=0-4-5" },
	{ "range negative", HEAD ",t=0--4" },
	{ "range too large", HEAD ",t=0-10000000000" },
	{ "depends 0", HEAD ",d=0" },
	{ "depends 2", HEAD ",d=2" },
	{ "key 11", HEAD ",k=11" },
	{ "flags empty", HEAD ",f=" },
	{ "flag twice", HEAD ",f=nn" },
	{ "unknown flag twice", HEAD ",f=zz" },
	{ "flag upper case", HEAD ",f=N" },
	{ "flags in another order", HEAD ",f=ehon" },
	{ "words in another order", HEAD ",c=2,a=1" },
	{ "texts in another order", HEAD ",n=render,u=alice" },
	{ "default of attempt", HEAD ",a=0" },
	{ "default of max attempts", HEAD ",x=5" },
	{ "default of cpus", HEAD ",c=1" },
	{ "default of rss", HEAD ",rss=-1" },
	{ "default of signal", HEAD ",exit=0,sig=0" },
	{ "reason empty", HEAD ",w=" },
	{ "reason no word", HEAD ",w=1" },
	{ "text empty", HEAD ",n=" },
	{ "text too long",
	  HEAD ",n=01234567890123456789012345678901234567890" },
	{ "host too long", HEAD ",h=abcdefghijklmnopqrstuvwxyz01234" },
	{ "escape lower case", HEAD ",n=%c3%a4" },
	{ "escape needless", HEAD ",n=%41" },
	{ "escape of NUL", HEAD ",n=a%00" },
	{ "escape cut", HEAD ",n=%C" },
	{ "escape empty", HEAD ",n=%" },
	{ "escape no hex", HEAD ",n=%G0" },
	{ "escape over the word's end", HEAD ",n=%2,a=1" },
};

static void
test_refused(void)
{
	struct token t;

	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		CHECK(token_parse(refused[i].text, &t) == 0, refused[i].name);
}

static const struct {
	const char *name, *text;
} foreigners[] = {
	{ "unknown key", HEAD ",zz=1" },
	{ "unknown key, no value", HEAD ",zz=" },
	{ "unknown key among known", HEAD ",a=1,key=A%zz.:+-,n=x" },
	{ "key that begins like one", HEAD ",aa=1,a=1" },
	{ "unknown flag", HEAD ",f=nz" },
	{ "unknown reason", HEAD ",w=moonphase" },
};

static void
test_foreign(void)
{
	for (size_t i = 0; i < ARRAY_LEN(foreigners); i++) {
		struct token t;

		CHECK(token_parse(foreigners[i].text, &t) == 1,
		      foreigners[i].name);
		CHECK(t.foreign, foreigners[i].name);
		CHECK(t.id == 1042 && t.move == 3, foreigners[i].name);
	}
}

static void
test_fields(void)
{
	struct token t;

	CHECK(token_parse(HEAD ",a=2,l=1,p=-5,c=4,m=2048,f=nh,t=3-9,d=1,"
			  "s=1763822770123,w=signal,u=b%C3%B6,exit=137,"
			  "sig=9,cpu=12,rss=34,h=n1", &t) == 1, "parse");
	CHECK(t.id == 1042 && t.move == 3, "head");
	CHECK_STR(t.nonce, "9f2c61d0ab", "nonce");
	CHECK(t.attempt == 2 && t.lost == 1 && t.tries == 0, "counters");
	CHECK(t.max_attempts == 5, "default of max_attempts");
	CHECK(t.priority == -5 && t.cpus == 4 && t.mem_mb == 2048, "needs");
	CHECK(t.flags == (TOKEN_NO_REQUEUE | TOKEN_HOLD), "flags");
	CHECK(t.array && t.task_lo == 3 && t.task_hi == 9, "range");
	CHECK(t.depends && !t.keyed, "switches");
	CHECK(t.submit_ms == 1763822770123 && t.begin_ms == 0, "times");
	CHECK(t.reason == REASON_SIGNAL, "reason");
	CHECK(t.ended && t.exit_code == 137 && t.signal == 9, "end");
	CHECK(t.cpu_ms == 12 && t.rss_kb == 34, "use");
	CHECK_STR(t.user, "b\xc3\xb6", "user");
	CHECK_STR(t.host, "n1", "host");
	CHECK_STR(t.name, "", "name");
}

static void
test_clear_end(void)
{
	char buf[TOKEN_NAME_MAX + 1];
	struct token t;

	CHECK(token_parse(HEAD ",a=1,w=exit,n=x,exit=3,sig=9,bs=1,be=2,cpu=3,"
			  "rss=4,h=a", &t) == 1, "parse");
	token_clear_end(&t);
	token_format(&t, buf);
	CHECK_STR(buf, HEAD ",a=1,n=x", "cleared");
}

/* Everything at its largest. */
static void
fill(struct token *t)
{
	token_init(t);
	t->id = TOKEN_ID_MAX;
	snprintf(t->nonce, sizeof(t->nonce), "ffffffffff");
	t->move = t->attempt = t->lost = t->max_attempts = t->tries =
		UINT32_MAX;
	t->priority = -100;
	t->cpus = t->gpus = UINT32_MAX;
	t->mem_mb = UINT64_MAX;
	t->flags = TOKEN_NO_REQUEUE | TOKEN_OUTPUT | TOKEN_HOLD | TOKEN_SPLIT;
	t->array = t->depends = t->keyed = t->ended = true;
	t->task_lo = t->task_hi = TOKEN_TASK_MAX;
	t->submit_ms = t->begin_ms = t->start_ms = t->end_ms = INT64_MAX;
	t->cpu_ms = t->rss_kb = INT64_MAX;
	t->reason = REASON_DEPENDENCY;
	t->exit_code = 255;
	t->signal = 127;
	token_set_text(t->host, "hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh");
	token_set_text(t->user, "uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu");
	token_set_text(t->name, "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn");
}

static void
test_largest(void)
{
	char buf[TOKEN_NAME_MAX + 1];
	struct token t, back;

	fill(&t);
	token_format(&t, buf);
	CHECK(strlen(buf) <= TOKEN_NAME_MAX, "fits");
	CHECK(token_parse(buf, &back) == 1 && !back.foreign, "parses");
	CHECK(back.id == t.id && back.move == t.move, "head");
	CHECK(back.attempt == TOKEN_COUNT_MAX, "attempt at its end");
	CHECK(back.mem_mb == TOKEN_MEM_MAX, "memory at its end");
	CHECK(back.end_ms == TOKEN_TIME_MAX, "time at its end");
	CHECK(back.task_hi == t.task_hi && back.depends && back.keyed, "words");
	CHECK(back.ended && back.exit_code == 255, "result");
	CHECK_STR(back.name, "", "name gave way");
	CHECK_STR(back.user, "", "user gave way");
	CHECK_STR(back.host, "", "host gave way");
	CHECK(back.rss_kb == -1 && back.cpu_ms == -1, "use gave way");
}

/* A usual job with all that can stand in its name: only the name is cut. */
static void
test_cut_order(void)
{
	char buf[TOKEN_NAME_MAX + 1];
	struct token t, back;

	CHECK(token_parse("1234567.9f2c61d0ab.12,a=3,p=-10,c=16,m=65536,f=no,"
			  "s=1763822770123,w=exit,u=alexandra,exit=1,"
			  "bs=1763822770123,be=1763822770123,cpu=8640000,"
			  "rss=16777216,h=node-103.example.org", &t) == 1,
	      "parse");
	token_set_text(t.name, "0123456789012345678901234567890123456789");
	token_format(&t, buf);
	CHECK(strlen(buf) <= TOKEN_NAME_MAX, "fits");
	CHECK(token_parse(buf, &back) == 1, "parses");
	CHECK_STR(back.user, t.user, "user whole");
	CHECK_STR(back.host, t.host, "host whole");
	CHECK(back.rss_kb == t.rss_kb, "rss there");
	CHECK(strlen(back.name) >= 20, "most of the name");

	token_set_text(t.user, "uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu");
	t.begin_ms = t.submit_ms;
	t.array = t.depends = t.keyed = true;
	t.task_hi = 99999;
	t.max_attempts = t.lost = t.tries = 10;
	token_format(&t, buf);
	CHECK(strlen(buf) == TOKEN_NAME_MAX, "full");
	CHECK(token_parse(buf, &back) == 1, "parses");
	CHECK_STR(back.name, "", "name goes first");
	CHECK(back.user[0] && strlen(back.user) < 40, "then user is cut");
	CHECK_STR(back.host, t.host, "host whole");
}

static const struct {
	const char *name, *text, *want;
} texts[] = {
	{ "empty", "", "" },
	{ "short", "render", "render" },
	{ "40", "0123456789012345678901234567890123456789",
	  "0123456789012345678901234567890123456789" },
	{ "41", "0123456789012345678901234567890123456789x",
	  "0123456789012345678901234567890123456789" },
	{ "blanks count three", "              ", "             " },
	{ "two bytes, 6 encoded",
	  "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4",
	  "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4" },
	{ "not within a character",
	  "01234567890123456789012345678901\xe2\x82\xac",
	  "01234567890123456789012345678901" },
	{ "character that just fits",
	  "0123456789012345678901234567890\xe2\x82\xac" "a",
	  "0123456789012345678901234567890\xe2\x82\xac" },
	{ "four bytes cut",
	  "01234567890123456789012345678\xf0\x9f\x8e\xac",
	  "01234567890123456789012345678" },
	{ "invalid bytes one by one",
	  "0123456789012345678901234567890123456\xe2\xe2",
	  "0123456789012345678901234567890123456\xe2" },
	{ "cut character at the end", "a\xe2\x82", "a\xe2\x82" },
};

static void
test_set_text(void)
{
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		char field[TOKEN_TEXT_MAX + 1], buf[TOKEN_NAME_MAX + 1];
		struct token t, back;

		token_set_text(field, texts[i].text);
		CHECK_STR(field, texts[i].want, texts[i].name);
		token_parse(HEAD, &t);
		token_set_text(t.name, texts[i].text);
		token_format(&t, buf);
		CHECK(token_parse(buf, &back) == 1, texts[i].name);
		CHECK_STR(back.name, texts[i].want, texts[i].name);
	}
}

/* Every length of user and name with every byte: no name too long, and what
 * comes back is a beginning of what went in. */
static void
test_sweep(void)
{
	unsigned seen = 0;

	for (unsigned c = 1; c < 256; c++) {
		char buf[TOKEN_NAME_MAX + 1];
		struct token t, back;

		fill(&t);
		t.cpu_ms = t.rss_kb = -1;
		t.submit_ms = t.begin_ms = c;
		t.array = false;
		memset(t.name, (int)c, c % TOKEN_TEXT_MAX);
		memset(t.host, (int)c, TOKEN_TEXT_MAX);
		token_format(&t, buf);
		CHECK(strlen(buf) <= TOKEN_NAME_MAX, "length");
		CHECK(token_parse(buf, &back) == 1 && !back.foreign, buf);
		CHECK(strncmp(t.name, back.name, strlen(back.name)) == 0, buf);
		CHECK(strncmp(t.user, back.user, strlen(back.user)) == 0, buf);
		CHECK(strncmp(t.host, back.host, strlen(back.host)) == 0, buf);
		seen++;
	}
	CHECK(seen == 255, "all bytes");
}

static const struct {
	const char *text;
	int ret;
	uint64_t id;
} ids[] = {
	{ "1", 1, 1 },
	{ "1042", 1, 1042 },
	{ "999999999999999", 1, 999999999999999 },
	{ "0", 0, 0 },
	{ "", 0, 0 },
	{ "01", 0, 0 },
	{ "-1", 0, 0 },
	{ "+1", 0, 0 },
	{ " 1", 0, 0 },
	{ "1 ", 0, 0 },
	{ "1x", 0, 0 },
	{ "1.7", 0, 0 },
	{ "1.", 0, 0 },
	{ "0x10", 0, 0 },
	{ "last", 0, 0 },
	{ "1000000000000000", 0, 0 },
	{ "99999999999999999999999999", 0, 0 },
};

static void
test_ids(void)
{
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		uint64_t id = 0;

		CHECK(token_parse_id(ids[i].text, &id) == ids[i].ret,
		      ids[i].text);
		CHECK(id == ids[i].id, ids[i].text);
	}
}

static void
test_order(void)
{
	struct token a, b;

	token_init(&a);
	token_init(&b);
	a.id = 9;
	b.id = 10;
	CHECK(token_cmp(&a, &b) < 0, "9 before 10");
	CHECK(token_cmp(&b, &a) > 0, "10 after 9");
	CHECK(token_cmp(&a, &a) == 0, "same");
}

static void
test_names(void)
{
	for (int i = 0; i < STATE_COUNT; i++)
		CHECK(state_parse(state_name((enum state)i)) == i,
		      state_name((enum state)i));
	for (int i = REASON_NONE + 1; i < REASON_COUNT; i++)
		CHECK(reason_parse(reason_name((enum reason)i)) == i,
		      reason_name((enum reason)i));
	CHECK_STR(reason_name(REASON_NONE), "", "no reason");
	CHECK(reason_parse("") == -1, "empty reason");
	CHECK(reason_parse("Exit") == -1, "reason in capitals");
	CHECK(state_parse("") == -1, "empty state");
	CHECK(state_parse("runnin") == -1, "beginning of a state");
	CHECK(state_ended(STATE_DONE) && state_ended(STATE_CORRUPT), "ended");
	CHECK(!state_ended(STATE_HELD) && !state_ended(STATE_RUNNING), "alive");
}

const struct unit units[] = {
	{ "round trips", test_round_trips },
	{ "refused", test_refused },
	{ "foreign", test_foreign },
	{ "fields", test_fields },
	{ "clear end", test_clear_end },
	{ "largest", test_largest },
	{ "cut order", test_cut_order },
	{ "set text", test_set_text },
	{ "sweep of bytes", test_sweep },
	{ "ids", test_ids },
	{ "order", test_order },
	{ "names", test_names },
	{ NULL, NULL }
};
