// A quota: once the file QUOTA_REACHED exists, no write to a file below QUOTA_FOLDER succeeds, of whatever size.
// cc -shared -fPIC -o quota.so quota.c; LD_PRELOAD=…/quota.so
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int beyond(int fd) {
  const char *folder = getenv("QUOTA_FOLDER"), *reached = getenv("QUOTA_REACHED");
  if (!folder || !reached || access(reached, F_OK) != 0) return 0;
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t size = readlink(link, path, sizeof path - 1);
  if (size < 0) return 0;
  path[size] = '\0';
  return strncmp(path, folder, strlen(folder)) == 0;
}

ssize_t write(int fd, const void *data, size_t size) {
  static ssize_t (*real)(int, const void *, size_t);
  if (!real) real = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
  if (beyond(fd)) {
    errno = EDQUOT;
    return -1;
  }
  return real(fd, data, size);
}
