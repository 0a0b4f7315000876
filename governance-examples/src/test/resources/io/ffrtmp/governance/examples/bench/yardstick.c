/*
 * The yardstick of the benchmark: the system calls that a job cannot do without, and nothing else.
 * Reads one command a line, does it once, answers its nanoseconds (and what else it is asked for).
 *
 *   yardstick NAME [-b] DIRECTORY... [-w FILE VALUE]... [-f FILE VALUE]...
 *
 * DIRECTORY is a cgroup, one in each hierarchy; NAME is made and removed beneath each. FILE, relative
 * to such a group and with the number of its directory in front ("0/memory.max"), is a limit; with -f
 * one that the groups above do not tighten. With -b children are born in the first directory's group
 * (cgroup v2, glibc 2.39) instead of held at a gate.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { MOST = 16, MOST_WATCHED = 20000, PATH = 512, SETCGROUP = 0x100, EXIT_TOLD = 8 };

#define GET_INFO 0xC040FF0BUL /* PIDFD_GET_INFO of linux/pidfd.h, with PIDFD_INFO_EXIT from Linux 6.15 on */

static const char *name;
static char directories[MOST][PATH];
static int directory_count;
static struct { char path[PATH]; const char *value; int flat; } limits[MOST];
static int limit_count;
static int born;
static int (*set_cgroup)(posix_spawnattr_t *, int);

static void fail(const char *what) {
  fprintf(stderr, "yardstick: %s: %s\n", what, strerror(errno));
  exit(1);
}

static long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000L + time.tv_nsec;
}

static pid_t start(char **arguments, const posix_spawn_file_actions_t *actions,
                   const posix_spawnattr_t *attributes) {
  pid_t pid;
  errno = posix_spawn(&pid, arguments[0], actions, attributes, arguments, environ);
  if (errno != 0) fail(arguments[0]);
  return pid;
}

static void reap(pid_t pid) {
  int status;
  if (waitpid(pid, &status, 0) != pid) fail("waitpid");
}

static void spawn_once(void) {
  char *arguments[] = {"/bin/true", NULL};
  reap(start(arguments, NULL, NULL));
}

static int write_file(const char *path, const char *value) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  int written = fd < 0 ? -1 : (int) write(fd, value, strlen(value));
  int error = errno;
  if (fd >= 0) close(fd);
  errno = error;
  return written;
}

static void read_back(const char *path) {
  char text[64];
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || read(fd, text, sizeof text) <= 0) fail(path);
  close(fd);
}

/* Of the size that a job's is, as the library writes one. */
static void mark(const char *directory) {
  static char text[200];
  memset(text, 'x', sizeof text);
  setxattr(directory, "user.yardstick", text, sizeof text, 0);
}

static void make_groups(int with_limits) {
  for (int i = 0; i < directory_count; i++) {
    if (mkdir(directories[i], 0700) < 0) fail(directories[i]);
    if (i == 0) mark(directories[0]);
  }
  for (int i = 0; with_limits && i < limit_count; i++) {
    if (write_file(limits[i].path, limits[i].value) < 0) fail(limits[i].path);
  }
  for (int i = 0; with_limits && i < limit_count; i++) read_back(limits[i].path);
}

static void remove_groups(void) {
  for (int i = directory_count - 1; i >= 0; i--) {
    if (rmdir(directories[i]) < 0) fail(directories[i]);
  }
}

static void place(const char *directory, pid_t pid) {
  char path[PATH + 16], text[16];
  snprintf(path, sizeof path, "%s/cgroup.procs", directory);
  snprintf(text, sizeof text, "%d", pid);
  if (write_file(path, text) < 0) fail(path);
}

static pid_t start_at_gate(int go[2]) {
  char *arguments[] = {"/bin/sh", "-c", "read x; exec /bin/true", NULL};
  posix_spawn_file_actions_t actions;
  if (pipe2(go, O_CLOEXEC) < 0) fail("pipe2");
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, go[0], 0);
  pid_t pid = start(arguments, &actions, NULL);
  posix_spawn_file_actions_destroy(&actions);
  close(go[0]);
  return pid;
}

static void through_gate(void) {
  int go[2];
  pid_t pid = start_at_gate(go);
  for (int i = 0; i < directory_count; i++) place(directories[i], pid);
  if (write(go[1], "go\n", 3) != 3) fail("gate");
  close(go[1]);
  reap(pid);
}

static void be_born(void) {
  char *arguments[] = {"/bin/true", NULL};
  posix_spawnattr_t attributes;
  int group = open(directories[0], O_DIRECTORY | O_CLOEXEC);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, SETCGROUP);
  set_cgroup(&attributes, group);
  pid_t pid = start(arguments, NULL, &attributes);
  close(group);
  reap(pid);
}

static void governed(int with_limits) {
  make_groups(with_limits);
  if (born) be_born(); else through_gate();
  remove_groups();
}

/* One untimed write of cgroup.procs: the next ones do not wait for a grace period of the kernel. */
static void touch(void) {
  static pid_t touched;
  if (touched == 0) touched = getpid();
  char path[PATH + 16], text[16];
  snprintf(path, sizeof path, "%s", directories[0]);
  snprintf(strrchr(path, '/'), 16, "/cgroup.procs");
  snprintf(text, sizeof text, "%d", touched);
  write_file(path, text);
}

static void *spawns(void *count) {
  for (long i = 0; i < (long) count; i++) spawn_once();
  return NULL;
}

static void threads(int count, long each) {
  pthread_t running[64];
  for (int i = 0; i < count; i++) pthread_create(&running[i], NULL, spawns, (void *) each);
  for (int i = 0; i < count; i++) pthread_join(running[i], NULL);
}

/* The directory of a directory, COUNT levels up. */
static char *above(const char *directory, int count) {
  static char path[PATH];
  snprintf(path, sizeof path, "%s", directory);
  while (count-- > 0) *strrchr(path, '/') = 0;
  return path;
}

/* A limit in the group, and what the two groups above have. */
static void read_back_levels(const char *path) {
  char file[PATH], level[2 * PATH];
  snprintf(file, sizeof file, "%s", strrchr(path, '/'));
  for (int up = 1; up <= 3; up++) {
    snprintf(level, sizeof level, "%s%s", above(path, up), file);
    read_back(level);
  }
}

static void look_at(pid_t pid, const char *file) {
  char path[64], text[4096];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  while (fd >= 0 && read(fd, text, sizeof text) > 0) continue;
  if (fd < 0 || close(fd) < 0) fail(path);
}

static void look_at_children(pid_t pid) {
  char file[32];
  snprintf(file, sizeof file, "task/%d/children", pid);
  look_at(pid, file);
}

static int epoll_set(void) {
  static int set = -1;
  if (set < 0) set = epoll_create1(EPOLL_CLOEXEC);
  return set;
}

static int open_pidfd(pid_t pid) {
  int fd = (int) syscall(SYS_pidfd_open, pid, 0);
  if (fd < 0) fail("pidfd_open");
  return fd;
}

static void add(int fd, int index) {
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = (unsigned) index};
  if (epoll_ctl(epoll_set(), EPOLL_CTL_ADD, fd, &event) < 0) fail("epoll_ctl");
}

static int attached;

/* Who it is and who its children are; two levels of groups where it lives; the move and its proof;
 * the limits, read back as they hold there; the watch. NAME is two names here, "a/b". */
static void attach(pid_t pid) {
  attached = open_pidfd(pid);
  look_at(pid, "stat"), look_at(pid, "status"), look_at(pid, "cgroup"), look_at_children(pid);
  for (int i = 0; i < directory_count; i++) {
    if (mkdir(above(directories[i], 1), 0700) < 0 || mkdir(directories[i], 0700) < 0) fail(directories[i]);
    if (i == 0) mark(directories[0]);
  }
  for (int i = 0; i < directory_count; i++) place(directories[i], pid);
  struct pollfd alive = {.fd = attached, .events = POLLIN};
  if (poll(&alive, 1, 0) != 0) fail("the target has ended");
  look_at(pid, "cgroup"), look_at_children(pid);
  for (int i = 0; i < limit_count; i++) {
    if (write_file(limits[i].path, limits[i].value) < 0) fail(limits[i].path);
  }
  for (int i = 0; i < limit_count; i++) {
    if (limits[i].flat) read_back(limits[i].path); else read_back_levels(limits[i].path);
  }
  mark(directories[0]);
  add(attached, 0);
}

static void release(pid_t pid) {
  for (int i = 0; i < directory_count; i++) place(above(directories[i], 2), pid);
  for (int i = directory_count - 1; i >= 0; i--) {
    if (rmdir(directories[i]) < 0 || rmdir(above(directories[i], 1)) < 0) fail(directories[i]);
  }
  close(attached);
}

static void reap_strangers(int signal) {
  int error = errno;
  while (waitpid(-1, NULL, WNOHANG) > 0) continue;
  errno = error;
  (void) signal;
}

static int parent_of_strangers;

/* A child for others to watch, in our process group; it is reaped as soon as it ends. */
static pid_t stranger(void) {
  char *arguments[] = {"/bin/sleep", "1000", NULL};
  struct sigaction action = {.sa_handler = reap_strangers, .sa_flags = SA_RESTART};
  if (!parent_of_strangers && (setpgid(0, 0) < 0 || sigaction(SIGCHLD, &action, NULL) < 0)) fail("strangers");
  parent_of_strangers = 1;
  return start(arguments, NULL, NULL);
}

static void end_strangers(void) {
  signal(SIGCHLD, SIG_DFL);
  signal(SIGTERM, SIG_IGN);
  kill(0, SIGTERM);
  while (wait(NULL) > 0) continue;
}

static pid_t watched[MOST_WATCHED];
static int pidfds[MOST_WATCHED];
static int watched_count;

static void watch(int index) {
  char *arguments[] = {"/bin/sleep", "1000", NULL};
  watched[index] = start(arguments, NULL, NULL);
  add(pidfds[index] = open_pidfd(watched[index]), index);
}

static void watch_all(int count) {
  for (watched_count = 0; watched_count < count; watched_count++) watch(watched_count);
}

static void send_kill(int index) {
  if (syscall(SYS_pidfd_send_signal, pidfds[index], SIGKILL, NULL, 0) < 0) fail("pidfd_send_signal");
}

static void forget(int index) {
  epoll_ctl(epoll_set(), EPOLL_CTL_DEL, pidfds[index], NULL);
}

static void reap_watched(int index) {
  siginfo_t ended;
  forget(index);
  if (waitid(P_PID, (id_t) watched[index], &ended, WEXITED) < 0) fail("waitid");
}

/* From the signal to the status in our hands; the replacement is not timed. */
static long end_one(int index) {
  struct epoll_event event;
  long began = now();
  send_kill(index);
  if (epoll_wait(epoll_set(), &event, 1, -1) != 1) fail("epoll_wait");
  reap_watched(index = (int) event.data.u32);
  long taken = now() - began;
  close(pidfds[index]);
  watch(index);
  return taken;
}

/* Whether the kernel tells how it ended, which it does once the parent has reaped it. */
static int told(int fd) {
  unsigned long info[8] = {EXIT_TOLD};
  return ioctl(fd, GET_INFO, info) < 0 || (info[0] & EXIT_TOLD);
}

/* The same for a process of others: the moment of its end first, then the end of the zombie. */
static long end_stranger(int index) {
  struct epoll_event event, none = {.events = 0};
  long began = now();
  send_kill(index);
  if (epoll_wait(epoll_set(), &event, 1, -1) != 1) fail("epoll_wait");
  if (!told(pidfds[index])) {
    if (epoll_ctl(epoll_set(), EPOLL_CTL_MOD, pidfds[index], &none) < 0) fail("epoll_ctl");
    if (epoll_wait(epoll_set(), &event, 1, -1) != 1 || !told(pidfds[index])) fail("no status");
  }
  forget(index);
  long taken = now() - began;
  close(pidfds[index]);
  return taken;
}

static const char *group_of(int directory, int index) {
  static char path[PATH + 16];
  snprintf(path, sizeof path, "%s-%d", directories[directory], index);
  return path;
}

/* A group in each directory for each that is watched. */
static void group_all(void) {
  for (int index = 0; index < watched_count; index++) {
    for (int i = 0; i < directory_count; i++) {
      if (mkdir(group_of(i, index), 0700) < 0) fail(group_of(i, index));
      place(group_of(i, index), watched[index]);
    }
  }
}

static void remove_group(int index) {
  for (int i = directory_count - 1; i >= 0; i--) {
    while (rmdir(group_of(i, index)) < 0) if (errno != EBUSY) fail(group_of(i, index));
  }
}

/* Kills all, and reaps each, and removes its group if it has one. */
static void end_all(int grouped) {
  struct epoll_event events[256];
  for (int index = 0; index < watched_count; index++) send_kill(index);
  while (watched_count > 0) {
    int count = epoll_wait(epoll_set(), events, 256, -1);
    for (int i = 0; i < count; i++, watched_count--) {
      int index = (int) events[i].data.u32;
      reap_watched(index);
      close(pidfds[index]);
      if (grouped) remove_group(index);
    }
  }
}

/* Wall-clock nanoseconds and the largest resident set of a command, which prints to nowhere. */
static void usage(char *command) {
  char *arguments[MOST] = {0};
  struct rusage used;
  int status, count = 0;
  posix_spawn_file_actions_t actions;
  for (char *word = strtok(command, " "); word && count < MOST - 1; word = strtok(NULL, " ")) {
    arguments[count++] = word;
  }
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  long began = now();
  pid_t pid = start(arguments, &actions, NULL);
  if (wait4(pid, &status, 0, &used) != pid) fail("wait4");
  printf("%ld %ld %d\n", now() - began, used.ru_maxrss, status);
  posix_spawn_file_actions_destroy(&actions);
}

static void answer(char *line) {
  int count;
  long each, began = now();
  if (strcmp(line, "spawn") == 0) spawn_once();
  else if (strcmp(line, "governed") == 0) governed(0);
  else if (strcmp(line, "limited") == 0) governed(1);
  else if (strcmp(line, "create") == 0) make_groups(1), remove_groups();
  else if (strcmp(line, "touch") == 0) touch();
  else if (sscanf(line, "threads %d %ld", &count, &each) == 2) threads(count, each);
  else if (sscanf(line, "attach %d", &count) == 1) attach(count);
  else if (sscanf(line, "release %d", &count) == 1) release(count);
  else if (strcmp(line, "stranger") == 0) { count = stranger(); printf("%ld %d\n", now() - began, count); return; }
  else if (sscanf(line, "adopt %d %ld", &count, &each) == 2) add(pidfds[count] = open_pidfd((pid_t) each), count);
  else if (sscanf(line, "watch %d", &count) == 1) watch_all(count);
  else if (sscanf(line, "end %d", &count) == 1) { printf("%ld\n", end_one(count)); return; }
  else if (sscanf(line, "end-stranger %d", &count) == 1) { printf("%ld\n", end_stranger(count)); return; }
  else if (strcmp(line, "group") == 0) group_all();
  else if (sscanf(line, "end-all %d", &count) == 1) end_all(count);
  else if (strncmp(line, "usage ", 6) == 0) { usage(line + 6); return; }
  else { errno = EINVAL; fail(line); }
  printf("%ld\n", now() - began);
}

static void read_arguments(int count, char **arguments) {
  name = arguments[1];
  for (int i = 2; i < count; i++) {
    if (strcmp(arguments[i], "-b") == 0) {
      set_cgroup = (int (*)(posix_spawnattr_t *, int)) dlsym(RTLD_DEFAULT, "posix_spawnattr_setcgroup_np");
      born = set_cgroup != NULL;
    } else if (strcmp(arguments[i], "-w") == 0 || strcmp(arguments[i], "-f") == 0) {
      int index = atoi(arguments[i + 1]);
      snprintf(limits[limit_count].path, PATH, "%s%s", directories[index], strchr(arguments[i + 1], '/'));
      limits[limit_count].flat = arguments[i][1] == 'f';
      limits[limit_count++].value = arguments[i + 2];
      i += 2;
    } else {
      snprintf(directories[directory_count++], PATH, "%s/%s", arguments[i], name);
    }
  }
}

int main(int count, char **arguments) {
  char line[4096];
  if (count < 2) { errno = EINVAL; fail("arguments"); }
  read_arguments(count, arguments);
  setvbuf(stdout, NULL, _IOLBF, 0);
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = 0;
    answer(line);
  }
  for (int i = 0; i < watched_count; i++) kill(watched[i], SIGKILL), reap(watched[i]);
  if (parent_of_strangers) end_strangers();
  return 0;
}
