/* What a program did to the disk, in order: loaded before libc (LD_PRELOAD), it notes every write, truncation, creation,
   rename, removal and sync below PL_ROOT, and every acknowledgement ("acknowledged ..." on the standard output), in PL_LOG.
   From that record power.rs makes the states that a power cut may leave.

   A record: kind u8 | inode u64 | offset u64 | length u64 | path length u16 | path | bytes, integers little-endian.
   Kinds: 1 created, 2 written (bytes), 3 truncated to length, 4 synced, 5 renamed (bytes: new path), 6 removed, 7 folder
   made, 9 acknowledged (bytes). */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int record_fd = -1;
static char root[1024];
static size_t root_length;

static void begin(void) {
  if (record_fd >= 0) return;
  const char *where = getenv("PL_ROOT"), *record = getenv("PL_LOG");
  if (!where || !record) return;
  strncpy(root, where, sizeof root - 1);
  root_length = strlen(root);
  record_fd = syscall(SYS_openat, AT_FDCWD, record, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

static int below(const char *path) {
  begin();
  return record_fd >= 0 && !strncmp(path, root, root_length);
}

/* Path and inode of an open file below the root. */
static int path_of(int fd, char *path, uint64_t *inode) {
  begin();
  if (record_fd < 0) return 0;
  char link[64];
  struct stat facts;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, path, 1000);
  if (length <= 0) return 0;
  path[length] = 0;
  if (strncmp(path, root, root_length) || fstat(fd, &facts)) return 0;
  *inode = facts.st_ino;
  return 1;
}

static void note(uint8_t kind, uint64_t inode, uint64_t offset, uint64_t length, const char *path, const void *data, size_t bytes) {
  const char *name = path ? path + root_length : "";
  uint16_t name_length = strlen(name);
  char head[27];
  head[0] = kind;
  memcpy(head + 1, &inode, 8);
  memcpy(head + 9, &offset, 8);
  memcpy(head + 17, &length, 8);
  memcpy(head + 25, &name_length, 2);
  struct iovec parts[3] = {{head, 27}, {(void *)name, name_length}, {(void *)data, bytes}};
  syscall(SYS_writev, record_fd, parts, 3);
}

static void absolute(const char *path, char *out) {
  out[0] = 0;
  if (path[0] != '/') {
    if (!getcwd(out, 600)) out[0] = 0;
    strcat(out, "/");
  }
  strncat(out, path, 1000);
}

static int opened(int folder, const char *path, int flags, mode_t mode) {
  char whole[2000];
  absolute(path, whole);
  if (!(flags & (O_CREAT | O_TRUNC)) || !below(whole)) return syscall(SYS_openat, folder, path, flags, mode);
  pthread_mutex_lock(&lock);
  int was_there = !access(path, F_OK);
  int fd = syscall(SYS_openat, folder, path, flags, mode);
  struct stat facts;
  if (fd >= 0 && !fstat(fd, &facts) && S_ISREG(facts.st_mode)) {
    if (!was_there) note(1, facts.st_ino, 0, 0, whole, 0, 0);
    else if (flags & O_TRUNC) note(3, facts.st_ino, 0, 0, whole, 0, 0);
  }
  pthread_mutex_unlock(&lock);
  return fd;
}

#define MODE va_list rest; va_start(rest, flags); mode_t mode = va_arg(rest, int); va_end(rest)
int open(const char *path, int flags, ...) { MODE; return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE; return opened(AT_FDCWD, path, flags, mode); }
int openat(int folder, const char *path, int flags, ...) { MODE; return opened(folder, path, flags, mode); }
int openat64(int folder, const char *path, int flags, ...) { MODE; return opened(folder, path, flags, mode); }

static ssize_t written(int fd, const void *data, size_t bytes, int positioned, uint64_t offset) {
#define WRITE (positioned ? syscall(SYS_pwrite64, fd, data, bytes, offset) : syscall(SYS_write, fd, data, bytes))
  char path[1024];
  uint64_t inode;
  if (fd == 1) {
    begin();
    if (record_fd >= 0 && bytes > 13 && !memcmp(data, "acknowledged ", 13)) {
      pthread_mutex_lock(&lock);
      note(9, 0, 0, bytes, 0, data, bytes);
      pthread_mutex_unlock(&lock);
    }
    return WRITE;
  }
  if (!path_of(fd, path, &inode)) return WRITE;
  pthread_mutex_lock(&lock);
  ssize_t done = WRITE;
  if (done > 0) {
    if (!positioned) offset = (uint64_t)lseek(fd, 0, SEEK_CUR) - done;
    note(2, inode, offset, done, path, data, done);
  }
  pthread_mutex_unlock(&lock);
  return done;
}

ssize_t write(int fd, const void *data, size_t bytes) { return written(fd, data, bytes, 0, 0); }
ssize_t pwrite(int fd, const void *data, size_t bytes, off_t offset) { return written(fd, data, bytes, 1, offset); }
ssize_t pwrite64(int fd, const void *data, size_t bytes, off64_t offset) { return written(fd, data, bytes, 1, offset); }

ssize_t writev(int fd, const struct iovec *parts, int count) {
  char path[1024];
  uint64_t inode;
  if (!path_of(fd, path, &inode)) return syscall(SYS_writev, fd, parts, count);
  pthread_mutex_lock(&lock);
  ssize_t done = syscall(SYS_writev, fd, parts, count);
  if (done > 0) {
    uint64_t offset = (uint64_t)lseek(fd, 0, SEEK_CUR) - done;
    ssize_t left = done;
    for (int n = 0; n < count && left > 0; n++) {
      size_t bytes = parts[n].iov_len < (size_t)left ? parts[n].iov_len : (size_t)left;
      if (bytes) note(2, inode, offset, bytes, path, parts[n].iov_base, bytes);
      offset += bytes;
      left -= bytes;
    }
  }
  pthread_mutex_unlock(&lock);
  return done;
}

static int cut(int fd, off_t length) {
  char path[1024];
  uint64_t inode;
  if (!path_of(fd, path, &inode)) return syscall(SYS_ftruncate, fd, length);
  pthread_mutex_lock(&lock);
  int failed = syscall(SYS_ftruncate, fd, length);
  if (!failed) note(3, inode, 0, length, path, 0, 0);
  pthread_mutex_unlock(&lock);
  return failed;
}
int ftruncate(int fd, off_t length) { return cut(fd, length); }
int ftruncate64(int fd, off64_t length) { return cut(fd, length); }

/* Noted before the call returns and after it is done: what came between is in neither. */
static int synced(int call, int fd) {
  char path[1024];
  uint64_t inode;
  if (!path_of(fd, path, &inode)) return syscall(call, fd);
  pthread_mutex_lock(&lock);
  int failed = syscall(call, fd);
  if (!failed) note(4, inode, 0, 0, path, 0, 0);
  pthread_mutex_unlock(&lock);
  return failed;
}
int fsync(int fd) { return synced(SYS_fsync, fd); }
int fdatasync(int fd) { return synced(SYS_fdatasync, fd); }

int rename(const char *from, const char *to) {
  char a[2000], b[2000];
  absolute(from, a);
  absolute(to, b);
  if (!below(b)) return syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
  pthread_mutex_lock(&lock);
  int failed = syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
  if (!failed) note(5, 0, 0, strlen(b + root_length), a, b + root_length, strlen(b + root_length));
  pthread_mutex_unlock(&lock);
  return failed;
}

static int removed(int folder, const char *path, int flags) {
  char link[64], whole[3000];
  snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
  ssize_t length;
  if (path[0] == '/' || folder == AT_FDCWD) absolute(path, whole);
  else if ((length = syscall(SYS_readlinkat, AT_FDCWD, link, whole, 1000)) > 0) {
    whole[length] = '/';
    strcpy(whole + length + 1, path);
  } else whole[0] = 0;
  if (!below(whole)) return syscall(SYS_unlinkat, folder, path, flags);
  pthread_mutex_lock(&lock);
  int failed = syscall(SYS_unlinkat, folder, path, flags);
  if (!failed) note(6, 0, 0, 0, whole, 0, 0);
  pthread_mutex_unlock(&lock);
  return failed;
}
int unlink(const char *path) { return removed(AT_FDCWD, path, 0); }
int unlinkat(int folder, const char *path, int flags) { return removed(folder, path, flags); }
int rmdir(const char *path) { return removed(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdir(const char *path, mode_t mode) {
  char whole[2000];
  absolute(path, whole);
  if (!below(whole)) return syscall(SYS_mkdirat, AT_FDCWD, path, mode);
  pthread_mutex_lock(&lock);
  int failed = syscall(SYS_mkdirat, AT_FDCWD, path, mode);
  if (!failed) note(7, 0, 0, 0, whole, 0, 0);
  pthread_mutex_unlock(&lock);
  return failed;
}
