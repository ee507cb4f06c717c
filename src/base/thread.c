#include "base/thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

/* A thread inherits the mask of the one that makes it. */
static int
create_without_signals(
    const pthread_attr_t *attributes, void *(*run)(void *arg), void *arg)
{
	sigset_t all, before;
	pthread_t thread;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&thread, attributes, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

bool
thread_start_detached(size_t stack_bytes, void *(*run)(void *arg), void *arg)
{
	pthread_attr_t attributes;
	int error = 0;

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	if (stack_bytes > 0)
		error = pthread_attr_setstacksize(&attributes, stack_bytes);
	if (error == 0)
		error = create_without_signals(&attributes, run, arg);
	pthread_attr_destroy(&attributes);
	if (error != 0)
		errno = error;
	return error == 0;
}
