/* A disk that fails when it is told to. Loaded before the C library (LD_PRELOAD), it counts what a process does to the files
 * of an installation once a control file is there, and at the n-th time
 *
 *   kill n   ends the process with SIGKILL before the call is made,
 *   sync n   lets the n-th fsync or fdatasync fail with EIO, once,
 *   full n   lets every write from the n-th on fail with ENOSPC.
 *
 * TOUCHSTONE_DISK names the control file, TOUCHSTONE_DISK_OF the folder that is meant. What was counted is in the control
 * file's name with ".count" behind it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { WRITE, SYNC, NAME, KINDS };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char action[8];
static long at, all, of_kind[KINDS];

/* Reads what to do; 0 while there is no control file. */
static int armed(const char *control)
{
    if (action[0])
        return 1;
    char text[64] = { 0 };
    int file = syscall(SYS_openat, AT_FDCWD, control, O_RDONLY);
    if (file < 0)
        return 0;
    long length = syscall(SYS_read, file, text, sizeof text - 1);
    syscall(SYS_close, file);
    return length > 0 && sscanf(text, "%7s %ld", action, &at) == 2;
}

static void report(const char *control)
{
    char name[4096], text[96];
    snprintf(name, sizeof name, "%s.count", control);
    int length = snprintf(text, sizeof text, "%ld %ld %ld %ld", all, of_kind[WRITE], of_kind[SYNC], of_kind[NAME]);
    int file = syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file >= 0) {
        syscall(SYS_write, file, text, length);
        syscall(SYS_close, file);
    }
}

/* What is to become of a call on this path: 0, or the error it fails with. */
static int fate(const char *path, enum kind kind)
{
    const char *control = getenv("TOUCHSTONE_DISK"), *folder = getenv("TOUCHSTONE_DISK_OF");
    /* RocksDB's own log of events is no data. */
    if (!control || !folder || strncmp(path, folder, strlen(folder)) || strstr(path, "/LOG"))
        return 0;
    int error = 0;
    pthread_mutex_lock(&lock);
    if (armed(control)) {
        all++;
        of_kind[kind]++;
        report(control);
        if (!strcmp(action, "kill") && all == at)
            kill(getpid(), SIGKILL);
        if (!strcmp(action, "sync") && kind == SYNC && of_kind[SYNC] == at)
            error = EIO;
        if (!strcmp(action, "full") && kind == WRITE && of_kind[WRITE] >= at)
            error = ENOSPC;
    }
    pthread_mutex_unlock(&lock);
    return error;
}

static int fate_of(int file, enum kind kind)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0)
        return 0;
    path[length] = 0;
    return fate(path, kind);
}

#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define OR_FAIL(error) do { int found = (error); if (found) { errno = found; return -1; } } while (0)

ssize_t write(int file, const void *bytes, size_t count)
{
    REAL(write);
    OR_FAIL(fate_of(file, WRITE));
    return real(file, bytes, count);
}

ssize_t writev(int file, const struct iovec *parts, int count)
{
    REAL(writev);
    OR_FAIL(fate_of(file, WRITE));
    return real(file, parts, count);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t offset)
{
    REAL(pwrite);
    OR_FAIL(fate_of(file, WRITE));
    return real(file, bytes, count, offset);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t offset)
{
    REAL(pwrite64);
    OR_FAIL(fate_of(file, WRITE));
    return real(file, bytes, count, offset);
}

int fsync(int file)
{
    REAL(fsync);
    OR_FAIL(fate_of(file, SYNC));
    return real(file);
}

int fdatasync(int file)
{
    REAL(fdatasync);
    OR_FAIL(fate_of(file, SYNC));
    return real(file);
}

int rename(const char *from, const char *to)
{
    REAL(rename);
    OR_FAIL(fate(to, NAME));
    return real(from, to);
}

int link(const char *from, const char *to)
{
    REAL(link);
    OR_FAIL(fate(to, NAME));
    return real(from, to);
}

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags)
{
    REAL(linkat);
    OR_FAIL(fate(to, NAME));
    return real(from_folder, from, to_folder, to, flags);
}
