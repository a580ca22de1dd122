/* SPDX-License-Identifier: GPL-2.0 */
/* A test's world: namespaces, fake host, xenstored, vtoed, guests. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <xenstore.h>

#include "native.h"

#define CONTROL "/run/vtoe/control"
#define CONF	"/run/vtoed.conf"

void nt_nap(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	poll(NULL, 0, 10);
}

void nt_shell(const char *format, ...)
{
	char command[1024];
	va_list ap;
	int rc;

	va_start(ap, format);
	vsnprintf(command, sizeof(command), format, ap);
	va_end(ap);
	rc = system(command);
	ck_assert_msg(rc == 0, "%s: status %d", command, rc);
}

static const char *setting(const char *name, const char *value)
{
	const char *text = getenv(name);

	return text ? text : value;
}

/* ------------------------------------------------------------ the world */

bool nt_process_gone(pid_t pid)
{
	char path[64], text[256], *paren;
	FILE *f;
	bool gone = true;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (!f)
		return true;
	if (fgets(text, sizeof(text), f) && (paren = strrchr(text, ')')))
		gone = paren[1] == ' ' && paren[2] == 'Z';
	fclose(f);
	return gone;
}

/* In a namespace of our own, process 1 is this very program. */
static bool in_own_namespace(void)
{
	char one[PATH_MAX] = "", self[PATH_MAX] = "";

	return getppid() == 1 &&
	       readlink("/proc/1/exe", one, sizeof(one) - 1) > 0 &&
	       readlink("/proc/self/exe", self, sizeof(self) - 1) > 0 &&
	       !strcmp(one, self);
}

/* Whatever a test that failed has left. Only this program's namespace. */
static void kill_strays(void)
{
	DIR *dir = opendir("/proc");
	struct dirent *ent;
	pid_t pid;

	if (!in_own_namespace()) {
		fprintf(stderr, "run me by tests/native/run\n");
		_exit(2);
	}
	while ((ent = readdir(dir))) {
		pid = atoi(ent->d_name);
		if (pid > 1 && pid != getpid())
			kill(pid, SIGKILL);
	}
	closedir(dir);
}

static void namespaces_up(struct nt *nt)
{
	ck_assert_int_eq(unshare(CLONE_NEWNET | CLONE_NEWNS), 0);
	ck_assert_int_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL),
			 0);
	ck_assert_int_eq(mount("run", "/run", "tmpfs", 0, "mode=0755"), 0);
	nt_shell("ip link set lo up && ip netns add remote &&"
	    " ip link add toe0 type veth peer name eth0 netns remote &&"
	    " ip link set toe0 up");
	nt_shell("ip netns exec remote sh -c 'ip link set lo up &&"
	    " sysctl -qw net.ipv4.tcp_max_syn_backlog=65536"
	    " net.core.somaxconn=65535 &&"
	    " ip addr add " NT_REMOTE_IP "/24 dev eth0 &&"
	    " ip addr add " NT_REMOTE_IP6 "/64 dev eth0 nodad &&"
	    " ip link set eth0 up'");
	nt->own_ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	nt->remote_ns = open("/run/netns/remote", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(nt->own_ns, 0);
	ck_assert_int_ge(nt->remote_ns, 0);
}

static void logs_up(struct nt *nt)
{
	snprintf(nt->logs, sizeof(nt->logs), "%s/%s",
		 setting("NATIVE_LOGS", "build/native/logs"), nt->name);
	nt_shell("rm -rf '%s' && mkdir -p '%s'", nt->logs, nt->logs);
}

static void xen_up(struct nt *nt)
{
	snprintf(nt->dir, sizeof(nt->dir), "/run/fakexen");
	ck_assert_int_eq(mkdir(nt->dir, 0700), 0);
	ck_ok(fx_host_create(nt->dir, &nt->host));
	setenv("FAKEXEN_DIR", nt->dir, 1);
	ck_ok(fx_xenstored_start(nt->host, NULL, &nt->xenstored));
}

struct nt *nt_up(const char *name)
{
	struct rlimit files;
	struct nt *nt = calloc(1, sizeof(*nt));

	nt->name = name;
	kill_strays();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	signal(SIGPIPE, SIG_IGN);
	/* 10,000 connections, in the worker and in the remote host */
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
	files.rlim_cur = files.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
	logs_up(nt);
	namespaces_up(nt);
	xen_up(nt);
	nt_vtoed_start(nt);
	return nt;
}

static char *log_path(struct nt *nt, const char *file)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", nt->logs, file);
	return path;
}

int nt_log_count(struct nt *nt, const char *file, const char *text)
{
	FILE *f = fopen(log_path(nt, file), "r");
	char line[4096];
	int n = 0;

	while (f && fgets(line, sizeof(line), f))
		n += strstr(line, text) != NULL;
	if (f)
		fclose(f);
	return n;
}

bool nt_log_has(struct nt *nt, const char *file, const char *text)
{
	return nt_log_count(nt, file, text) > 0;
}

/* What no log of any test may hold. */
static void check_logs(struct nt *nt)
{
	ck_assert_msg(!nt_log_has(nt, "vtoed.log", "AddressSanitizer") &&
			      !nt_log_has(nt, "vtoed.log", "runtime error:") &&
			      !nt_log_has(nt, "vtoed.log", "LeakSanitizer"),
		      "a sanitizer spoke: see %s/vtoed.log", nt->logs);
}

/* Namespaces, but for the remote host's. */
static int count_netns(void)
{
	DIR *dir = opendir("/run/netns");
	struct dirent *ent;
	int n = 0;

	while (dir && (ent = readdir(dir)))
		n += ent->d_name[0] != '.' && strcmp(ent->d_name, "remote");
	if (dir)
		closedir(dir);
	return n;
}

void nt_down(struct nt *nt)
{
	uint32_t domid;

	tg_free(nt->guest.tg);
	nt->guest.tg = NULL;
	for (domid = 1; domid < FX_DOMAINS_MAX; domid++)
		if (fx_dom_state(nt->host, domid) == FX_DOM_ALIVE)
			nt_guest_kill(nt, domid);
	fx_dom_close(nt->guest.dom);
	if (nt->vtoed) {
		nt_until(count_netns() == 0);
		nt_vtoed_kill(nt, SIGTERM);
	}
	check_logs(nt);
	kill(nt->xenstored, SIGTERM);
	waitpid(nt->xenstored, NULL, 0);
	fx_host_close(nt->host);
	close(nt->own_ns);
	close(nt->remote_ns);
	free(nt);
}

int nt_run(const char *name, int timeout, const TTest *const *tests,
	   size_t nr_tests)
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);
	SRunner *runner;
	size_t i;
	int failed;

	setvbuf(stdout, NULL, _IOLBF, 0);
	tcase_set_timeout(tcase, timeout);
	for (i = 0; i < nr_tests; i++)
		tcase_add_test(tcase, tests[i]);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ------------------------------------------------------------ vtoed */

static void conf_write(struct nt *nt)
{
	FILE *f = fopen(CONF, "w");

	ck_assert_ptr_nonnull(f);
	fprintf(f,
		"config-dirs = {\"/run/xl\"}\n"
		"toe \"eth0\" { netdev = \"toe0\" link = \"macvlan\""
		" driver = \"%s\" }\n"
		"%s", setting("NATIVE_DRIVER", "kernel"), nt->conf_extra ? nt->conf_extra : "");
	fclose(f);
}

static int notify_socket(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/run/notify");
	unlink(addr.sun_path);
	ck_assert_int_eq(bind(fd, (void *)&addr, sizeof(addr)), 0);
	return fd;
}

/* As built, wherever below $NATIVE_B the build puts it. */
static void find_program(const char *name, char path[PATH_MAX])
{
	static const char *const dirs[] = { "sbin", "libexec", "bin", "." };
	char *cwd = getcwd(NULL, 0);
	size_t i;

	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		snprintf(path, PATH_MAX, "%s/%s/%s/%s", cwd,
			 setting("NATIVE_B", "build/asan"), dirs[i], name);
		if (!access(path, X_OK))
			break;
	}
	free(cwd);
}

static void vtoed_exec(struct nt *nt)
{
	char program[PATH_MAX], path[PATH_MAX];
	char worker[PATH_MAX + 16], xlcfg[PATH_MAX + 16], dhcp[PATH_MAX + 16];
	int log;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	find_program("vtoed", program);
	find_program("vtoe-worker", path);
	snprintf(worker, sizeof(worker), "--worker=%s", path);
	find_program("vtoe-xlcfg", path);
	snprintf(xlcfg, sizeof(xlcfg), "--xlcfg=%s", path);
	find_program("vtoe-dhcp", path);
	snprintf(dhcp, sizeof(dhcp), "--dhcp=%s", path);
	log = open(log_path(nt, "vtoed.log"),
		   O_WRONLY | O_CREAT | O_APPEND, 0644);
	dup2(log, 1);
	dup2(log, 2);
	setenv("LD_LIBRARY_PATH", getenv("FAKEXEN_LIB"), 1);
	setenv("NOTIFY_SOCKET", "/run/notify", 1);
	setenv("ASAN_OPTIONS", setting("NATIVE_ASAN_OPTIONS",
		"detect_leaks=0:handle_segv=1:exitcode=99"), 1);
	setenv("UBSAN_OPTIONS", "print_stacktrace=1", 1);
	execl(program, "vtoed", "--config=" CONF, "--run-dir=/run/vtoe",
	      "--state-dir=/run/vtoe-state", "--netns-dir=/run/netns", worker,
	      xlcfg, dhcp, "--debug", (char *)NULL);
	dprintf(2, "cannot run %s: %m\n", program);
	_exit(127);
}

void nt_vtoed_start(struct nt *nt)
{
	int fd = notify_socket(), tries = NT_TIMEOUT / 10;
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char text[512];
	ssize_t n;

	conf_write(nt);
	fflush(NULL);
	nt->vtoed = fork();
	ck_assert_int_ge(nt->vtoed, 0);
	if (!nt->vtoed)
		vtoed_exec(nt);
	for (;;) {
		ck_assert_msg(tries-- > 0 && !nt_process_gone(nt->vtoed),
			      "vtoed does not come up: see %s/vtoed.log",
			      nt->logs);
		if (poll(&pfd, 1, 10) <= 0)
			continue;
		n = recv(fd, text, sizeof(text) - 1, 0);
		text[n > 0 ? n : 0] = 0;
		if (strstr(text, "READY=1"))
			break;
	}
	close(fd);
}

void nt_vtoed_kill(struct nt *nt, int sig)
{
	int status = 0;

	kill(nt->vtoed, sig);
	ck_assert_int_eq(waitpid(nt->vtoed, &status, 0), nt->vtoed);
	nt->vtoed = 0;
	if (sig != SIGKILL)
		ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status),
			      "vtoed ended with status 0x%x: see %s/vtoed.log",
			      status, nt->logs);
}

char *nt_control(struct nt *nt, const char *request)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char *answer = NULL;
	size_t len = 0;
	ssize_t n;

	(void)nt;
	snprintf(addr.sun_path, sizeof(addr.sun_path), CONTROL);
	ck_assert_int_eq(connect(fd, (void *)&addr, sizeof(addr)), 0);
	dprintf(fd, "%s\n", request);
	do {
		answer = realloc(answer, len + 65536);
		ck_assert_msg(poll(&pfd, 1, NT_TIMEOUT) == 1,
			      "no answer to %s", request);
		n = read(fd, answer + len, 65535);
		ck_assert_msg(n > 0, "no answer to %s", request);
		len += (size_t)n;
		answer[len] = 0;
	} while (answer[len - 1] != '\n');
	close(fd);
	return answer;
}

bool nt_says(struct nt *nt, const char *request, const char *part)
{
	char *answer = nt_control(nt, request);
	bool has = strstr(answer, part) != NULL;

	free(answer);
	return has;
}

long long nt_number(const char *json, const char *member)
{
	char key[64];
	const char *at;

	snprintf(key, sizeof(key), "\"%s\":", member);
	at = strstr(json, key);
	if (!at || !strchr("-0123456789", at[strlen(key)]))
		return -1;
	return strtoll(at + strlen(key), NULL, 10);
}

uint64_t nt_counter(struct nt *nt, uint32_t domid, const char *name)
{
	char request[96], *answer;
	long long value;

	snprintf(request, sizeof(request),
		 "{\"command\":\"stats\",\"domain\":%u}", domid);
	answer = nt_control(nt, request);
	value = nt_number(answer, name);
	ck_assert_msg(value >= 0, "no counter %s: %s", name, answer);
	free(answer);
	return (uint64_t)value;
}

pid_t nt_worker(struct nt *nt, uint32_t domid)
{
	char request[96], *answer;
	long long pid;

	snprintf(request, sizeof(request),
		 "{\"command\":\"show\",\"domain\":%u}", domid);
	answer = nt_control(nt, request);
	pid = nt_number(answer, "worker");
	free(answer);
	return (pid_t)pid;
}

/* ------------------------------------------------------------ guests */

struct fx_dom *nt_domain(struct nt *nt, uint32_t domid,
			 const struct tg_config *cfg)
{
	struct fx_dom *dom;
	char name[32];

	snprintf(name, sizeof(name), "guest%u", domid);
	ck_ok(fx_dom_create(nt->host, domid, tg_pages(cfg), &dom));
	ck_ok(fx_dom_introduce(dom, name));
	return dom;
}

char *nt_attach(struct nt *nt, uint32_t domid, const char *entry)
{
	char request[1024];

	snprintf(request, sizeof(request),
		 "{\"command\":\"attach\",\"domain\":%u,\"entry\":\"%s\","
		 "\"devid\":0,\"force\":true}", domid, entry);
	return nt_control(nt, request);
}

struct tg *nt_guest_up(struct nt *nt, const struct tg_config *cfg)
{
	return nt_guest_up_as(nt, cfg, NT_ENTRY);
}

struct tg *nt_guest_up_as(struct nt *nt, const struct tg_config *cfg,
			  const char *entry)
{
	struct nt_guest *g = &nt->guest;
	char *answer;

	g->domid = NT_DOMID;
	g->dom = nt_domain(nt, NT_DOMID, cfg);
	answer = nt_attach(nt, NT_DOMID, entry);
	ck_assert_msg(strstr(answer, "\"ok\":true") != NULL, "%s", answer);
	free(answer);
	ck_ok(tg_start(nt->host, g->dom, 0, cfg, NT_TIMEOUT, &g->tg));
	return g->tg;
}

struct nt_guest nt_guest_add(struct nt *nt, uint32_t domid,
			     const struct tg_config *cfg, const char *entry)
{
	struct nt_guest g = {.domid = domid};
	char *answer;

	g.dom = nt_domain(nt, domid, cfg);
	answer = nt_attach(nt, domid, entry);
	ck_assert_msg(strstr(answer, "\"ok\":true") != NULL, "%s", answer);
	free(answer);
	ck_ok(tg_start(nt->host, g.dom, 0, cfg, NT_TIMEOUT, &g.tg));
	return g;
}

void nt_guest_remove(struct nt *nt, struct nt_guest *g)
{
	tg_free(g->tg);
	nt_guest_kill(nt, g->domid);
	fx_dom_close(g->dom);
}

bool nt_domain_tidy(struct nt *nt, uint32_t domid)
{
	char request[96], *answer, *node;
	bool tidy;

	node = nt_xs("/local/domain/0/backend/vtoe/%u", domid);
	if (node) {
		free(node);
		return false;
	}
	if (fx_dom_state(nt->host, domid) != FX_DOM_ABSENT)
		return false;
	if (!nt->vtoed)
		return true;
	snprintf(request, sizeof(request), "{\"command\":\"list\"}");
	answer = nt_control(nt, request);
	snprintf(request, sizeof(request), "\"domid\":%u", domid);
	tidy = !strstr(answer, request);
	free(answer);
	return tidy;
}

void nt_guest_kill(struct nt *nt, uint32_t domid)
{
	pid_t worker = nt->vtoed ? nt_worker(nt, domid) : -1;

	ck_ok(fx_dom_destroy(nt->host, domid));
	fx_dom_forget(domid);
	if (!nt->vtoed)
		return;
	nt_until(nt_domain_tidy(nt, domid));
	if (worker > 0)
		nt_until(nt_process_gone(worker));
}

static char *xs_value(const char *format, va_list ap)
{
	struct xs_handle *xs = xs_open(0);
	char path[256], *value;
	unsigned int len;

	ck_assert_ptr_nonnull(xs);
	vsnprintf(path, sizeof(path), format, ap);
	value = xs_read(xs, XBT_NULL, path, &len);
	xs_close(xs);
	return value;
}

char *nt_xs(const char *path, ...)
{
	va_list ap;
	char *value;

	va_start(ap, path);
	value = xs_value(path, ap);
	va_end(ap);
	return value;
}

bool nt_xs_is(const char *expected, const char *path, ...)
{
	va_list ap;
	char *value;
	bool is;

	va_start(ap, path);
	value = xs_value(path, ap);
	va_end(ap);
	is = expected ? value && !strcmp(value, expected) : !value;
	free(value);
	return is;
}

bool nt_xs_has(const char *part, const char *path, ...)
{
	va_list ap;
	char *value;
	bool has;

	va_start(ap, path);
	value = xs_value(path, ap);
	va_end(ap);
	has = value && strstr(value, part);
	free(value);
	return has;
}
