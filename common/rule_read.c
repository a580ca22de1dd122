/* SPDX-License-Identifier: GPL-2.0 */
/*
 * rule_read.c - the language of rules: VERDICT KEY=VALUE..., one a line or
 * separated by semicolons; '#' begins a comment.
 */
#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/in.h>
#include <linux/inet.h>
#include <linux/string.h>
#else
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#endif

#include "rule.h"

#define VALUE_MAX 64u /* bytes of an address with prefix, with NUL */
#define IPV6_BITS 128u
#define IPV4_BITS 32u
#define PORT_MAX  65535u
#define UID_MAX_  0xffffffffu

static const char *const verdict_name[] = {
	[RULE_OFFLOAD] = "offload",
	[RULE_OFFLOAD_ONLY] = "offload-only",
	[RULE_NATIVE] = "native",
	[RULE_DENY] = "deny",
};

const char *rule_verdict_name(enum rule_verdict verdict)
{
	return verdict_name[verdict];
}

/* ---- words ---- */

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool is(const struct rule_word *word, const char *text)
{
	return strlen(text) == word->len && !memcmp(word->at, text, word->len);
}

/* Which of @names it is; -EINVAL: none. */
static int one_of(const struct rule_word *word, const char *const *names,
		  int nr)
{
	int i;

	for (i = 0; i < nr; i++)
		if (is(word, names[i]))
			return i;
	return -EINVAL;
}

/* Without blanks at both ends. */
static void trim(struct rule_word *word)
{
	while (word->len && blank(*word->at)) {
		word->at++;
		word->len--;
	}
	while (word->len && blank(word->at[word->len - 1]))
		word->len--;
}

/* Cuts the first word off @rest. Returns false if there is none. */
static bool next_word(struct rule_word *rest, struct rule_word *word)
{
	trim(rest);
	word->at = rest->at;
	word->len = 0;
	while (rest->len && !blank(*rest->at)) {
		rest->at++;
		rest->len--;
		word->len++;
	}
	return word->len;
}

/* Cuts @word at the first @c; @tail gets what follows. False: there is none. */
static bool split(struct rule_word *word, char c, struct rule_word *tail)
{
	const char *at = word->len ? memchr(word->at, c, word->len) : NULL;

	if (!at)
		return false;
	tail->at = at + 1;
	tail->len = word->len - (uint32_t)(at - word->at) - 1;
	word->len = (uint32_t)(at - word->at);
	return true;
}

/* ---- values ---- */

static int number(const struct rule_word *word, uint32_t max, uint32_t *value)
{
	uint64_t n = 0;
	uint32_t i;

	if (!word->len)
		return -EINVAL;
	for (i = 0; i < word->len; i++) {
		if (word->at[i] < '0' || word->at[i] > '9')
			return -EINVAL;
		n = n * 10 + (uint32_t)(word->at[i] - '0');
		if (n > max)
			return -EINVAL;
	}
	*value = (uint32_t)n;
	return 0;
}

/* "N" or "N-M" */
static int range(struct rule_word word, uint32_t min, uint32_t max,
		 struct rule_range *to)
{
	struct rule_word tail = word;
	struct rule_range r;

	split(&word, '-', &tail);
	if (number(&word, max, &r.low) || number(&tail, max, &r.high) ||
	    r.low < min || r.low > r.high)
		return -EINVAL;
	*to = r;
	return 0;
}

static bool address(const char *text, uint16_t family, uint8_t *addr)
{
#ifdef __KERNEL__
	return family == VTOE_INET ? in4_pton(text, -1, addr, -1, NULL)
				   : in6_pton(text, -1, addr, -1, NULL);
#else
	return inet_pton(family, text, addr) == 1;
#endif
}

static bool no_bits_behind(const struct rule_side *side, uint32_t bits)
{
	uint32_t i;

	for (i = side->prefix; i < bits; i++)
		if (side->addr[i / 8] >> (7 - i % 8) & 1)
			return false;
	return true;
}

/* ADDRESS or ADDRESS/BITS. Returns why not, or NULL. */
static const char *net(struct rule_word word, struct rule_side *side)
{
	bool v6 = word.len && memchr(word.at, ':', word.len);
	uint32_t bits = v6 ? IPV6_BITS : IPV4_BITS, prefix = bits;
	struct rule_word tail;
	char text[VALUE_MAX];

	if (split(&word, '/', &tail) && number(&tail, bits, &prefix))
		return "no such prefix length";
	if (word.len >= sizeof(text))
		return "not an address";
	memcpy(text, word.at, word.len);
	text[word.len] = 0;
	side->family = v6 ? VTOE_INET6 : VTOE_INET;
	side->prefix = (uint8_t)prefix;
	if (!address(text, side->family, side->addr))
		return "not an address";
	return no_bits_behind(side, bits)
		       ? NULL
		       : "the address has bits behind its prefix";
}

/* ---- keys: each returns why not, or NULL ---- */

static const char *set_dir(struct rule *rule, const struct rule_word *value)
{
	static const char *const names[] = {[RULE_ANY] = "any",
					    [RULE_CONNECT] = "connect",
					    [RULE_LISTEN] = "listen"};
	int n = one_of(value, names, 3);

	if (n < 0)
		return "not connect, listen or any";
	rule->direction = (uint8_t)n;
	return NULL;
}

static const char *set_proto(struct rule *rule, const struct rule_word *value)
{
	static const char *const names[] = {"any", "tcp", "udp"};
	static const uint8_t numbers[] = {0, IPPROTO_TCP, IPPROTO_UDP};
	int n = one_of(value, names, 3);

	if (n < 0)
		return "not tcp, udp or any";
	rule->protocol = numbers[n];
	return NULL;
}

static const char *set_fallback(struct rule *rule,
				const struct rule_word *value)
{
	static const char *const names[] = {"native", "none"};
	int n = one_of(value, names, 2);

	if (n < 0)
		return "not native or none";
	rule->no_fallback = n;
	return NULL;
}

static const char *set_local(struct rule *rule, const struct rule_word *value)
{
	return net(*value, &rule->local);
}

static const char *set_remote(struct rule *rule, const struct rule_word *value)
{
	return net(*value, &rule->remote);
}

static const char *set_lport(struct rule *rule, const struct rule_word *value)
{
	return range(*value, 1, PORT_MAX, &rule->local.port)
		       ? "not a port or a range of ports"
		       : NULL;
}

static const char *set_rport(struct rule *rule, const struct rule_word *value)
{
	return range(*value, 1, PORT_MAX, &rule->remote.port)
		       ? "not a port or a range of ports"
		       : NULL;
}

static const char *set_uid(struct rule *rule, const struct rule_word *value)
{
	return range(*value, 0, UID_MAX_, &rule->uid)
		       ? "not a uid or a range of uids"
		       : NULL;
}

static const char *set_comm(struct rule *rule, const struct rule_word *value)
{
	if (value->len >= RULE_COMM_MAX)
		return "longer than the 15 bytes that the kernel keeps";
	rule->comm = *value;
	return NULL;
}

static const char *set_cgroup(struct rule *rule, const struct rule_word *value)
{
	if (value->at[0] != '/' ||
	    (value->len > 1 && value->at[value->len - 1] == '/'))
		return "not a path like /system.slice/x.service";
	if (value->len >= RULE_CGROUP_MAX)
		return "too long";
	rule->cgroup = *value;
	return NULL;
}

static const struct rule_key {
	const char *name;
	const char *(*set)(struct rule *rule, const struct rule_word *value);
} keys[] = {
	{"dir", set_dir},	{"proto", set_proto},
	{"local", set_local},	{"lport", set_lport},
	{"remote", set_remote}, {"rport", set_rport},
	{"uid", set_uid},	{"comm", set_comm},
	{"cgroup", set_cgroup}, {"fallback", set_fallback},
};

#define NR_KEYS (sizeof(keys) / sizeof(keys[0]))

/* ---- a rule ---- */

static int refuse(struct rule_reader *reader, const char *why,
		  const struct rule_word *word)
{
	reader->why = why;
	reader->word = *word;
	return -EINVAL;
}

static int read_pair(struct rule_reader *reader, struct rule *rule,
		     struct rule_word word, uint32_t *seen)
{
	struct rule_word key = word, value;
	const char *why;
	uint32_t i;

	if (!split(&key, '=', &value) || !value.len)
		return refuse(reader, "not KEY=VALUE", &word);
	for (i = 0; i < NR_KEYS && !is(&key, keys[i].name); i++)
		;
	if (i == NR_KEYS)
		return refuse(reader, "an unknown key", &key);
	if (*seen & 1u << i)
		return refuse(reader, "given twice", &key);
	*seen |= 1u << i;
	why = keys[i].set(rule, &value);
	return why ? refuse(reader, why, &word) : 0;
}

static bool loopback(const struct rule_side *side)
{
	static const uint8_t one[16] = {[15] = 1};

	if (side->family == VTOE_INET)
		return side->prefix >= 8 && side->addr[0] == 127;
	return side->family == VTOE_INET6 && side->prefix == IPV6_BITS &&
	       !memcmp(side->addr, one, sizeof(one));
}

/* Why it makes no sense as a whole, or NULL. */
static const char *contradiction(const struct rule *rule, bool has_fallback)
{
	if (rule->direction == RULE_LISTEN &&
	    (rule->remote.family || rule->remote.port.low))
		return "a listener has no remote address";
	if (rule->direction == RULE_CONNECT &&
	    rule->verdict == RULE_OFFLOAD_ONLY)
		return "offload-only is for listeners";
	if (rule->verdict >= RULE_NATIVE)
		return has_fallback ? "only what is offloaded falls back"
				    : NULL;
	if (loopback(&rule->remote) || loopback(&rule->local))
		return "loopback cannot be offloaded";
	return NULL;
}

/* Rules are shown on terminals; those of the toolstack come from outside. */
static bool printable(const struct rule_word *text)
{
	uint32_t i;

	for (i = 0; i < text->len; i++)
		if (!blank(text->at[i]) &&
		    (text->at[i] < ' ' || text->at[i] > '~'))
			return false;
	return true;
}

static int read_rule(struct rule_reader *reader, struct rule *to,
		     struct rule_word text)
{
	struct rule rule = {.uid.high = UID_MAX_, .text = text};
	struct rule_word rest = text, word;
	uint32_t seen = 0;
	const char *why;
	int n;

	if (!printable(&text))
		return refuse(reader, "not printable ASCII", &text);
	next_word(&rest, &word);
	n = one_of(&word, verdict_name,
		   sizeof(verdict_name) / sizeof(verdict_name[0]));
	if (n < 0)
		return refuse(reader, "not a verdict", &word);
	rule.verdict = (uint8_t)n;
	while (next_word(&rest, &word))
		if (read_pair(reader, &rule, word, &seen))
			return -EINVAL;
	why = contradiction(&rule, seen >> (NR_KEYS - 1) & 1);
	if (why)
		return refuse(reader, why, &text);
	*to = rule;
	return 0;
}

/* ---- a list ---- */

/* Up to the next newline or semicolon, without a comment. False: the end. */
static bool next_piece(struct rule_reader *reader, struct rule_word *piece)
{
	const char *at = reader->at;

	if (at == reader->end)
		return false;
	if (*at == '#')
		while (at < reader->end && *at != '\n')
			at++;
	piece->at = at;
	while (at < reader->end && *at != '\n' && *at != ';' && *at != '#')
		at++;
	piece->len = (uint32_t)(at - piece->at);
	trim(piece);
	reader->at = at;
	return true;
}

/* The mark behind the last piece. */
static void skip_mark(struct rule_reader *reader)
{
	if (reader->at == reader->end || *reader->at == '#')
		return;
	if (*reader->at == '\n')
		reader->line++;
	reader->at++;
}

int rule_read(struct rule_reader *reader, struct rule *rule)
{
	struct rule_word piece;
	int err;

	while (next_piece(reader, &piece)) {
		err = piece.len ? read_rule(reader, rule, piece) : 0;
		if (err)
			return err;
		skip_mark(reader);
		if (piece.len)
			return 1;
	}
	return 0;
}

int rule_count(struct rule_reader *reader)
{
	struct rule rule;
	uint32_t nr = 0;
	int n;

	while ((n = rule_read(reader, &rule)) > 0)
		if (++nr > RULE_LIST_MAX)
			return refuse(reader, "too many rules", &rule.text);
	return n ? n : (int)nr;
}
