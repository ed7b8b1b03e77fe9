// A wall clock that jumps, for programs that ask the C library for the time. Preloaded
// (LD_PRELOAD), it adds the seconds in the file CONFAB_CHAOS_CLOCK, an int64 that may
// change at any time. The monotonic clock goes on as it does when a real clock is set.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *ahead;

__attribute__((constructor)) static void open_clock(void) {
	const char *path = getenv("CONFAB_CHAOS_CLOCK");
	int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (file < 0) return;
	void *shared = mmap(NULL, sizeof *ahead, PROT_READ, MAP_SHARED, file, 0);
	if (shared != MAP_FAILED) ahead = shared;
	close(file);
}

// The system call: looking up the next clock_gettime allocates, and the allocator of
// redis-server asks for the time.
int clock_gettime(clockid_t id, struct timespec *now) {
	int failed = syscall(SYS_clock_gettime, id, now);
	if (!failed && ahead && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) now->tv_sec += *ahead;
	return failed;
}

int gettimeofday(struct timeval *now, void *zone) {
	struct timespec precise;
	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &precise)) return -1;
	now->tv_sec = precise.tv_sec;
	now->tv_usec = precise.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *now) {
	struct timespec precise;
	if (clock_gettime(CLOCK_REALTIME, &precise)) return -1;
	if (now) *now = precise.tv_sec;
	return precise.tv_sec;
}
