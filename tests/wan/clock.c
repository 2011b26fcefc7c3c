/*
 * Copyright: mediverse.pacs contributors
 * GNU General Public License v3.0+ (see LICENSE)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A wall clock that can be set for one program alone: loaded before the C library, it adds the seconds in the file
 * /clock/offset (a signed 64-bit number) to every question for the time of day. The monotonic clock is left alone, and a wait
 * until a time of day is made in real time, as the kernel's clock does not move.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset;

__attribute__((constructor)) static void begin(void)
{
    int file = open("/clock/offset", O_RDONLY | O_CLOEXEC);
    void *page = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, file, 0);
    if (page != MAP_FAILED) offset = page;
    if (file >= 0) close(file);
}

static int64_t shift(void)
{
    return offset ? *offset : 0;
}

static struct timespec ask(clockid_t clock)
{
    struct timespec time = {0, 0};
    syscall(SYS_clock_gettime, clock, &time);
    return time;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    if (syscall(SYS_clock_gettime, clock, time)) return -1;
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) time->tv_sec += shift();
    return 0;
}

time_t time(time_t *where)
{
    time_t result = ask(CLOCK_REALTIME).tv_sec + shift();
    if (where) *where = result;
    return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    (void)zone;
    struct timespec now = ask(CLOCK_REALTIME);
    time->tv_sec = now.tv_sec + shift();
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}

/* A condition may wait on either clock and does not say which: the time that it names is near the right one. */
int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict until)
{
    static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    if (!real) *(void **)&real = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    struct timespec wanted = *until;
    int64_t clock = ask(CLOCK_REALTIME).tv_sec, far = llabs(wanted.tv_sec - clock);
    int64_t steady = llabs(wanted.tv_sec - ask(CLOCK_MONOTONIC).tv_sec), moved = llabs(wanted.tv_sec - clock - shift());
    if (moved < far && moved < steady) wanted.tv_sec -= shift();
    return real(condition, mutex, &wanted);
}
