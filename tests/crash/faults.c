/* A disk that fails once: loaded before libc (LD_PRELOAD), it lets the FAULT_AT-th call of the kind FAULT_CALL ("sync" or
   "write") below FAULT_ROOT fail with the error FAULT_ERROR. Everything else goes through. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static long calls;

static int below(int fd) {
  char link[64], path[1024];
  const char *root = getenv("FAULT_ROOT");
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
  if (!root || length <= 0) return 0;
  path[length] = 0;
  return !strncmp(path, root, strlen(root));
}

static int fails(int fd, const char *kind) {
  const char *call = getenv("FAULT_CALL"), *at = getenv("FAULT_AT"), *error = getenv("FAULT_ERROR");
  if (!call || !at || !error || strcmp(call, kind) || !below(fd)) return 0;
  if (__sync_add_and_fetch(&calls, 1) != atol(at)) return 0;
  errno = atoi(error);
  return 1;
}

int fsync(int fd) { return fails(fd, "sync") ? -1 : syscall(SYS_fsync, fd); }
int fdatasync(int fd) { return fails(fd, "sync") ? -1 : syscall(SYS_fdatasync, fd); }
ssize_t write(int fd, const void *data, size_t bytes) { return fails(fd, "write") ? -1 : syscall(SYS_write, fd, data, bytes); }
ssize_t pwrite(int fd, const void *data, size_t bytes, off_t offset) { return fails(fd, "write") ? -1 : syscall(SYS_pwrite64, fd, data, bytes, offset); }
ssize_t pwrite64(int fd, const void *data, size_t bytes, off64_t offset) { return fails(fd, "write") ? -1 : syscall(SYS_pwrite64, fd, data, bytes, offset); }
