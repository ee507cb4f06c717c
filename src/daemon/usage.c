#include "daemon/usage.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "publish/metrics/vitals.h"

static int64_t
microseconds(struct timeval time)
{
	return (int64_t)time.tv_sec * 1000000 + time.tv_usec;
}

/* The second number of proc_pid_statm(5), in pages. */
static uint64_t
resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	uint64_t pages = 0;

	if (file == NULL)
		return 0;
	if (fscanf(file, "%*u %" SCNu64, &pages) != 1)
		pages = 0;
	fclose(file);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Without the one that it takes to look. */
static size_t
count_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	const struct dirent *item;
	size_t count = 0;

	if (folder == NULL)
		return 0;
	while ((item = readdir(folder)) != NULL)
		count += item->d_name[0] != '.';
	closedir(folder);
	return count > 0 ? count - 1 : 0;
}

void
usage_see(struct vitals *vitals)
{
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage) == 0)
		vitals->cpu_us =
		    microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
	vitals->resident_bytes = resident_bytes();
	vitals->open_descriptors = count_descriptors();
}
