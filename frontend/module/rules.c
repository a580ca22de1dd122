/* SPDX-License-Identifier: GPL-2.0 */
/* rules.c - lists of rules, /proc/net/vtoe_rules. rules.h says how they add up.
 */
#include <linux/capability.h>
#include <linux/cgroup.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <net/net_namespace.h>

#include "rules.h"
#include "switch.h"

#define WORD_SHOWN 60 /* bytes of a wrong word in the log */

struct count {
	atomic64_t hits, fallbacks;
};

struct list {
	struct rcu_head rcu;
	const void *owner;
	u8 otherwise; /* enum rule_verdict */
	bool by_cgroup, by_comm;
	u32 nr;
	struct rule *rule;   /* nr of them, behind this structure, */
	struct count *count; /* nr + 1: the last one is of the default, */
	char *text;	     /* and what the rules were read from */
};

static struct list __rcu *lists[VTOE_RULES_NR];
static DEFINE_MUTEX(lock); /* replacing */

/* ---- a list's life ---- */

static void complain(enum vtoe_rules_whose whose,
		     const struct rule_reader *reader)
{
	pr_warn("vtoe: rules of the %s, line %u: \"%*pE\": %s\n",
		whose == VTOE_RULES_GUEST ? "guest" : "toolstack", reader->line,
		min_t(int, reader->word.len, WORD_SHOWN), reader->word.at,
		reader->why);
}

static struct list *alloc(u32 nr, const char *text, size_t len)
{
	struct list *list;

	list = kvzalloc(sizeof(*list) + nr * sizeof(*list->rule) +
				(nr + 1) * sizeof(*list->count) + len,
			GFP_KERNEL);
	if (!list)
		return NULL;
	list->nr = nr;
	list->rule = (struct rule *)(list + 1);
	list->count = (struct count *)(list->rule + nr);
	list->text = (char *)(list->count + nr + 1);
	memcpy(list->text, text, len);
	return list;
}

static struct list *read_list(enum vtoe_rules_whose whose, const char *text,
			      size_t len)
{
	struct rule_reader reader;
	struct list *list;
	int nr, i;

	rule_reader_init(&reader, text, len);
	nr = rule_count(&reader);
	if (nr < 0) {
		complain(whose, &reader);
		return ERR_PTR(nr);
	}
	list = alloc(nr, text, len);
	if (!list)
		return ERR_PTR(-ENOMEM);
	rule_reader_init(&reader, list->text, len);
	for (i = 0; i < nr; i++) {
		rule_read(&reader, &list->rule[i]);
		list->by_cgroup |= list->rule[i].cgroup.len;
		list->by_comm |= list->rule[i].comm.len;
	}
	return list;
}

static void replace(enum vtoe_rules_whose whose, struct list *list)
{
	struct list *old;

	old = rcu_replace_pointer(lists[whose], list, lockdep_is_held(&lock));
	if (old)
		kvfree_rcu(old, rcu);
}

int vtoe_rules_set(enum vtoe_rules_whose whose, const char *text, size_t len,
		   enum rule_verdict otherwise, const void *owner)
{
	struct list *list = read_list(whose, text, len);

	if (IS_ERR(list))
		return PTR_ERR(list);
	list->otherwise = otherwise;
	list->owner = owner;
	mutex_lock(&lock);
	replace(whose, list);
	mutex_unlock(&lock);
	return 0;
}

void vtoe_rules_forget(const void *owner)
{
	struct list *list;

	mutex_lock(&lock);
	list = rcu_dereference_protected(lists[VTOE_RULES_TOOLSTACK],
					 lockdep_is_held(&lock));
	if (list && list->owner == owner)
		replace(VTOE_RULES_TOOLSTACK, NULL);
	mutex_unlock(&lock);
}

/* ---- asking ---- */

/* The cgroup that the socket was made in, as nft and cgroups' own BPF see it.
 */
static void find_cgroup(const struct sock *sk, struct rule_flow *flow)
{
#ifdef CONFIG_SOCK_CGROUP_DATA
	cgroup_path(
		sock_cgroup_ptr((struct sock_cgroup_data *)&sk->sk_cgrp_data),
		flow->cgroup, sizeof(flow->cgroup));
#endif
}

/* RCU. The number of the rule that holds, or of the default. */
static u32 find(const struct list *list, const struct sock *sk,
		struct rule_flow *flow)
{
	if (list->by_cgroup && !flow->cgroup[0])
		find_cgroup(sk, flow);
	if (list->by_comm && !flow->comm[0])
		vtoe_switch_find_comm(sk, flow->comm);
	return rule_find(list->rule, list->nr, flow);
}

static enum rule_verdict verdict(const struct list *list, u32 i)
{
	return i < list->nr ? list->rule[i].verdict : list->otherwise;
}

enum rule_verdict vtoe_rules_ask(const struct sock *sk, struct rule_flow *flow)
{
	enum rule_verdict narrowest = RULE_OFFLOAD;
	struct list *list;
	u32 i, rule;

	rcu_read_lock();
	for (i = 0; i < VTOE_RULES_NR; i++) {
		list = rcu_dereference(lists[i]);
		if (!list)
			continue;
		rule = find(list, sk, flow);
		atomic64_inc(&list->count[rule].hits);
		narrowest = max(narrowest, verdict(list, rule));
	}
	rcu_read_unlock();
	return narrowest;
}

bool vtoe_rules_fall_back(const struct sock *sk, struct rule_flow *flow)
{
	struct count *count[VTOE_RULES_NR];
	u32 i, rule, nr = 0;
	struct list *list;
	bool may = true;

	rcu_read_lock();
	for (i = 0; i < VTOE_RULES_NR; i++) {
		list = rcu_dereference(lists[i]);
		if (!list)
			continue;
		rule = find(list, sk, flow);
		if (rule < list->nr && list->rule[rule].no_fallback)
			may = false;
		count[nr++] = &list->count[rule];
	}
	while (may && nr)
		atomic64_inc(&count[--nr]->fallbacks);
	rcu_read_unlock();
	return may;
}

/* ---- /proc/net/vtoe_rules: a line a rule; see vtoe(4) ---- */

static void show_rule(struct seq_file *m, const char *whose, const char *number,
		      const struct count *count, const char *text, u32 len)
{
	seq_printf(m, "%s %s %lld %lld %.*s\n", whose, number,
		   atomic64_read(&count->hits),
		   atomic64_read(&count->fallbacks), (int)len, text);
}

static void show_list(struct seq_file *m, const char *whose,
		      const struct list *list)
{
	const char *otherwise = rule_verdict_name(list->otherwise);
	const struct rule_word *text;
	char number[12];
	u32 i;

	for (i = 0; i < list->nr; i++) {
		text = &list->rule[i].text;
		snprintf(number, sizeof(number), "%u", i + 1);
		show_rule(m, whose, number, &list->count[i], text->at,
			  text->len);
	}
	show_rule(m, whose, "default", &list->count[i], otherwise,
		  strlen(otherwise));
}

static int show(struct seq_file *m, void *unused)
{
	static const char *const name[] = {
		[VTOE_RULES_TOOLSTACK] = "toolstack",
		[VTOE_RULES_GUEST] = "guest",
	};
	struct list *list;
	u32 i;

	rcu_read_lock();
	for (i = 0; i < VTOE_RULES_NR; i++) {
		list = rcu_dereference(lists[i]);
		if (list)
			show_list(m, name[i], list);
	}
	rcu_read_unlock();
	return 0;
}

/* What was written since the file was opened: a shell may write line by line.
 */
struct written {
	size_t len;
	char text[RULE_TEXT_MAX];
};

static int add(struct written *written, const char __user *from, size_t count)
{
	size_t len = written->len + count;

	if (count > sizeof(written->text) - written->len)
		return -E2BIG;
	if (copy_from_user(written->text + written->len, from, count))
		return -EFAULT;
	if (written->text[len - 1] != '\n') {
		pr_warn("vtoe: rules of the guest: a write ends with a "
			"newline\n");
		return -EINVAL;
	}
	return vtoe_rules_set(VTOE_RULES_GUEST, written->text, len,
			      RULE_OFFLOAD, NULL);
}

static ssize_t file_write(struct file *file, const char __user *from,
			  size_t count, loff_t *pos)
{
	struct seq_file *m = file->private_data;
	struct written *written;
	int err = -ENOMEM;

	if (!file_ns_capable(file, &init_user_ns, CAP_NET_ADMIN))
		return -EPERM;
	if (!count)
		return 0;
	mutex_lock(&m->lock);
	if (!m->private)
		m->private = kvzalloc(sizeof(*written), GFP_KERNEL);
	written = m->private;
	if (written)
		err = add(written, from, count);
	if (!err)
		written->len += count;
	mutex_unlock(&m->lock);
	return err ?: count;
}

static int file_open(struct inode *inode, struct file *file)
{
	return single_open(file, show, NULL);
}

static int file_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;

	kvfree(m->private);
	return single_release(inode, file);
}

static const struct proc_ops file_ops = {
	.proc_open = file_open,
	.proc_read = seq_read,
	.proc_lseek = seq_lseek,
	.proc_write = file_write,
	.proc_release = file_release,
};

int vtoe_rules_init(void)
{
	return proc_create("vtoe_rules", 0644, init_net.proc_net, &file_ops)
		       ? 0
		       : -ENOMEM;
}

void vtoe_rules_exit(void)
{
	u32 i;

	remove_proc_entry("vtoe_rules", init_net.proc_net);
	mutex_lock(&lock);
	for (i = 0; i < VTOE_RULES_NR; i++)
		replace(i, NULL);
	mutex_unlock(&lock);
}
