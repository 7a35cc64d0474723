/* Loaded with LD_PRELOAD: reading that fails, comes in small pieces, is interrupted or slow, for files whose path holds a word. Tests only.
   FAULT_PATH  word in the path of the files that suffer
   FAULT       eio (reads beyond FAULT_AFTER bytes fail), short (one call gives a few bytes), eintr (every second call is interrupted first), slow (each call waits FAULT_SLOW_US, default 1000)
   FAULT_AFTER bytes of a file that are read well before eio, default 0
   FAULT_OPENS eio strikes from the so manieth opening of such a file on, default 1: the file turned bad between the plan and the pixels. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_int opens;
static atomic_int calls;
static char suffers[65536];          /* by file descriptor */

static const char *fault(void) { const char *f = getenv("FAULT"); return f ? f : ""; }
static long number(const char *name, long otherwise) { const char *v = getenv(name); return v ? atol(v) : otherwise; }

static void opened(const char *path, int fd) {
  const char *word = getenv("FAULT_PATH");
  if (fd < 0 || fd >= (int)sizeof suffers) return;
  suffers[fd] = 0;
  if (!word || !path || !strstr(path, word)) return;
  suffers[fd] = atomic_fetch_add(&opens, 1) + 1 >= number("FAULT_OPENS", 1);
}

int open(const char *path, int flags, ...) {
  static int (*real)(const char *, int, ...);
  if (!real) real = dlsym(RTLD_NEXT, "open");
  va_list a;
  va_start(a, flags);
  const int fd = real(path, flags, va_arg(a, int));
  va_end(a);
  opened(path, fd);
  return fd;
}
int open64(const char *path, int flags, ...) {
  static int (*real)(const char *, int, ...);
  if (!real) real = dlsym(RTLD_NEXT, "open64");
  va_list a;
  va_start(a, flags);
  const int fd = real(path, flags, va_arg(a, int));
  va_end(a);
  opened(path, fd);
  return fd;
}
static FILE *open_stream(const char *name, const char *path, const char *mode) {
  FILE *(*real)(const char *, const char *) = dlsym(RTLD_NEXT, name);
  FILE *f = real(path, mode);
  if (f) opened(path, fileno(f));
  return f;
}
FILE *fopen(const char *path, const char *mode) { return open_stream("fopen", path, mode); }
FILE *fopen64(const char *path, const char *mode) { return open_stream("fopen64", path, mode); }

/* How many bytes of a call may be asked for; −1: it fails with errno set. */
static ssize_t allowed(int fd, size_t bytes, off_t at) {
  if (fd < 0 || fd >= (int)sizeof suffers || !suffers[fd]) return (ssize_t)bytes;
  const char *what = fault();
  const int call = atomic_fetch_add(&calls, 1);
  if (!strcmp(what, "eio") && at + (off_t)bytes > number("FAULT_AFTER", 0)) { errno = EIO; return -1; }
  if (!strcmp(what, "eintr") && call % 2 == 0) { errno = EINTR; return -1; }
  if (!strcmp(what, "slow")) usleep((useconds_t)number("FAULT_SLOW_US", 1000));
  if (!strcmp(what, "short") && bytes > 7) return 7 + (ssize_t)(bytes / 3);
  return (ssize_t)bytes;
}

ssize_t read(int fd, void *into, size_t bytes) {
  static ssize_t (*real)(int, void *, size_t);
  if (!real) real = dlsym(RTLD_NEXT, "read");
  const ssize_t most = allowed(fd, bytes, fd < (int)sizeof suffers && fd >= 0 && suffers[fd] ? lseek(fd, 0, SEEK_CUR) : 0);
  return most < 0 ? -1 : real(fd, into, (size_t)most);
}
static ssize_t read_at(const char *name, int fd, void *into, size_t bytes, off_t at) {
  ssize_t (*real)(int, void *, size_t, off_t) = dlsym(RTLD_NEXT, name);
  const ssize_t most = allowed(fd, bytes, at);
  return most < 0 ? -1 : real(fd, into, (size_t)most, at);
}
ssize_t pread(int fd, void *into, size_t bytes, off_t at) { return read_at("pread", fd, into, bytes, at); }
ssize_t pread64(int fd, void *into, size_t bytes, off_t at) { return read_at("pread64", fd, into, bytes, at); }

/* cfitsio reads through streams. A stream goes on over EINTR and short reads by itself in libc; here they are what the caller of fread sees. */
size_t fread(void *into, size_t size, size_t count, FILE *stream) {
  static size_t (*real)(void *, size_t, size_t, FILE *);
  if (!real) real = dlsym(RTLD_NEXT, "fread");
  const int fd = fileno(stream);
  if (fd < 0 || fd >= (int)sizeof suffers || !suffers[fd]) return real(into, size, count, stream);
  const char *what = fault();
  if (!strcmp(what, "slow")) usleep((useconds_t)number("FAULT_SLOW_US", 1000));
  if (!strcmp(what, "eio") && ftello(stream) + (off_t)(size * count) > number("FAULT_AFTER", 0)) { errno = EIO; return 0; }
  return real(into, size, count, stream);
}

/* KILL_AT=n: the process is killed (SIGKILL) at its nth call that changes a file or a folder; a write is done by half before. KILL_COUNT=FILE: it is not killed, and the
   number of such calls is written there at the end. */
#include <signal.h>

static atomic_int changes;

static int strikes(void) {
  const int call = atomic_fetch_add(&changes, 1) + 1;
  return call == number("KILL_AT", -1);
}
static void die(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}
__attribute__((destructor)) static void tell_count(void) {
  const char *path = getenv("KILL_COUNT");
  if (!path) return;
  FILE *f = fopen(path, "w");
  if (f) fprintf(f, "%d\n", atomic_load(&changes)), fclose(f);
}

ssize_t write(int fd, const void *from, size_t bytes) {
  static ssize_t (*real)(int, const void *, size_t);
  if (!real) real = dlsym(RTLD_NEXT, "write");
  if (fd > 2 && strikes()) real(fd, from, bytes / 2), die();
  return real(fd, from, bytes);
}
static ssize_t write_at(const char *name, int fd, const void *from, size_t bytes, off_t at) {
  ssize_t (*real)(int, const void *, size_t, off_t) = dlsym(RTLD_NEXT, name);
  if (strikes()) real(fd, from, bytes / 2, at), die();
  return real(fd, from, bytes, at);
}
ssize_t pwrite(int fd, const void *from, size_t bytes, off_t at) { return write_at("pwrite", fd, from, bytes, at); }
ssize_t pwrite64(int fd, const void *from, size_t bytes, off_t at) { return write_at("pwrite64", fd, from, bytes, at); }
#define CHANGE(type, name, declared, given)                                \
  type name declared {                                                     \
    static type(*real) declared;                                           \
    if (!real) real = (type(*) declared)dlsym(RTLD_NEXT, #name);           \
    if (strikes()) die();                                                  \
    return real given;                                                     \
  }
CHANGE(int, rename, (const char *from, const char *to), (from, to))
CHANGE(int, unlink, (const char *path), (path))
CHANGE(int, unlinkat, (int folder, const char *path, int flags), (folder, path, flags))
CHANGE(int, remove, (const char *path), (path))
CHANGE(int, mkdir, (const char *path, mode_t mode), (path, mode))
CHANGE(int, fsync, (int fd), (fd))
CHANGE(int, fdatasync, (int fd), (fd))
CHANGE(int, ftruncate, (int fd, off_t length), (fd, length))
